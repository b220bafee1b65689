/** What the generators of AWS have in common. */
import type { AwsAuthConfig } from '../../providers/aws/config.ts';
import { keysFor } from '../../providers/aws/keys.ts';
import { problemOf } from '../../providers/aws/problem.ts';
import type { Credentials } from '../../providers/contract.ts';

export interface AwsGeneratorConfig {
  readonly region: string;
  readonly auth?: AwsAuthConfig;
  /** Assumed first. */
  readonly role?: string;
}

/** As whom AWS is asked: what the asking namespace has. The controller lends its own role to nobody. Throws `ProviderProblem`. */
export const keysOf = ({ region, auth = {}, role = '' }: AwsGeneratorConfig, credentials: Credentials) =>
  keysFor({ ...auth, region, role }, credentials);

interface Closable {
  readonly destroy: () => void;
}

/** One request by a client of its own. Rejects with `ProviderProblem`, or the signal's reason. */
export async function asked<Client extends Closable, T>(
  doing: string,
  signal: AbortSignal,
  { open, ask }: { readonly open: () => Promise<Client>; readonly ask: (client: Client) => Promise<T> },
): Promise<T> {
  signal.throwIfAborted();
  const client = await open();
  try {
    return await ask(client);
  } catch (error) {
    throw problemOf(error, doing, signal);
  } finally {
    client.destroy();
  }
}

export const seconds = (moment: Date | undefined): string => String(Math.floor((moment?.getTime() ?? 0) / 1_000));
