import type { Client } from '../../client/client.ts';
import type { Envelope } from '../../client/envelope.ts';
import { ProviderProblem, type Credentials } from '../../providers/contract.ts';
import { bytesOf } from '../../providers/property.ts';
import { problemOf } from '../../providers/vault/problem.ts';
import { canonical } from '../../providers/vault/paths.ts';
import { VaultClient, type VaultConfig } from '../../providers/vault/provider.ts';
import type { Generated, Generator, Left } from '../contract.ts';

export interface VaultDynamicSecretConfig {
  readonly provider: VaultConfig;
  /** Of the API, without `v1/`. */
  readonly path: string;
  /** Default GET; LIST and DELETE; any other writes the parameters. */
  readonly method?: string;
  readonly parameters?: unknown;
  /** Of a GET. */
  readonly getParameters?: Readonly<Record<string, readonly string[]>>;
  readonly resultType?: 'Data' | 'Auth' | 'Raw';
  readonly allowEmptyResponse?: boolean;
}

/** What of a reply is a value each. */
function membersOf(reply: Envelope, type: VaultDynamicSecretConfig['resultType']): Readonly<Record<string, unknown>> {
  if (type === 'Raw') return { ...reply };
  if (type !== 'Auth') return reply.data ?? {};
  if (reply.auth === undefined)
    throw new ProviderProblem('unsuitable', 'resultType is Auth, and the reply logs nobody in');
  return { ...reply.auth };
}

/** A lease, or a token by its accessor. Both stand in the reply beside what is secret in it. */
function leftBy({ lease_id: lease, lease_duration: life, auth }: Envelope): Left | undefined {
  if (lease !== '') return { state: { leaseId: lease }, life };
  if (auth !== undefined && auth.accessor !== '')
    return { state: { accessor: auth.accessor }, life: auth.lease_duration };
  return undefined;
}

async function ask(client: Client, config: VaultDynamicSecretConfig, signal: AbortSignal) {
  const { method = 'GET', parameters = {}, getParameters } = config;
  const path = canonical(config.path);
  const verb = method.toUpperCase();
  if (verb === 'GET' || verb === '') return client.read(path, { query: getParameters, signal, reasons: true });
  if (verb === 'LIST') return client.list(path, { signal, reasons: true });
  // Made twice, it would be two; one of them nobody would know.
  const options = { signal, replay: 'unsafe' } as const;
  if (verb === 'DELETE') return client.delete(path, options);
  return client.write(path, parameters, options);
}

async function used<T>(
  { provider }: VaultDynamicSecretConfig,
  credentials: Credentials,
  { doing, signal }: { readonly doing: string; readonly signal: AbortSignal },
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const vault = new VaultClient(provider, credentials);
  try {
    return await work(await vault.client(signal));
  } catch (error) {
    signal.throwIfAborted();
    throw problemOf(error, doing);
  } finally {
    vault.close();
  }
}

async function generate(
  config: VaultDynamicSecretConfig,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Generated> {
  const call = { doing: `get "${config.path}"`, signal };
  const reply = await used(config, credentials, call, (client) => ask(client, config, signal));
  if (reply === undefined) {
    if (config.allowEmptyResponse === true) return { values: new Map() };
    throw new ProviderProblem('unsuitable', `"${config.path}" gives nothing: see allowEmptyResponse`);
  }
  const members = Object.entries(membersOf(reply, config.resultType));
  const left = leftBy(reply);
  return {
    values: new Map(members.map(([name, value]) => [name, bytesOf(value)])),
    ...(left === undefined ? {} : { left }),
  };
}

/** What any server of the Vault API makes: credentials with a lease, tokens, whatever a path answers. */
export const vaultDynamicSecret: Generator<VaultDynamicSecretConfig> = {
  kind: 'VaultDynamicSecret',
  generate,
  cleanUp: async (config, { state: { leaseId, accessor } }, credentials, signal) => {
    const options = { signal, replay: 'safe' } as const;
    await used(config, credentials, { doing: 'take back what was made', signal }, async (client) => {
      if (typeof leaseId === 'string') await client.write('sys/leases/revoke', { lease_id: leaseId }, options);
      if (typeof accessor === 'string') await client.write('auth/token/revoke-accessor', { accessor }, options);
    });
  },
};
