import { homedir } from 'node:os';
import { join } from 'node:path';
import { clientKeys } from './client-schema.ts';
import { deepFreeze } from './freeze.ts';
import { overlayOf, type Environment } from './overlay.ts';
import { Reader } from './reader.ts';
import type { Read } from './schema.ts';

type Values = Read<typeof clientKeys>;

/** What a client of the API needs, frozen. Durations are seconds. */
export interface ClientConfig extends Omit<Values, 'headers'> {
  readonly headers: Readonly<Record<string, string>>;
  /** Where `login` keeps the token: `~/.vault-token`. */
  readonly token_file: string;
  /** `KUBECONFIG`, or `~/.kube/config`, as kubectl has it. */
  readonly kubeconfig: string;
  /** `KUBEBUILDER_ASSETS`, as envtest has it: the folder with the programs of a Kubernetes control plane. */
  readonly kubebuilder_assets: string | undefined;
  /** Where requests go: the agent if there is one, otherwise the server. */
  readonly endpoint: string;
}

/** Text as it stood on the command line; never a token. */
export type ClientFlags = {
  readonly [K in Exclude<keyof Values, 'token' | 'source_token' | 'headers'>]?: string | boolean;
};

export interface ClientSources {
  readonly flags?: ClientFlags;
  /** By default the process's own. */
  readonly env?: Environment;
}

/** Reads a client's configuration. Throws `invalidConfig`, naming the variable or flag. */
export function loadClientConfig({ flags = {}, env = process.env }: ClientSources = {}): ClientConfig {
  const reader = new Reader();
  const given = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '' ? env : { LOCKSTEP_CLI_NO_COLOR: '1', ...env };
  const values = reader.read([], clientKeys, overlayOf(given, flags));
  const headers = headersOf(reader, values.headers);
  if ((values.client_cert === undefined) !== (values.client_key === undefined)) {
    reader.problem('configuration', '`client_cert` and `client_key` go together');
  }
  reader.finish();
  return deepFreeze({
    ...values,
    headers,
    token_file: join(env['HOME'] || homedir(), '.vault-token'),
    kubeconfig: env['KUBECONFIG'] || join(env['HOME'] || homedir(), '.kube', 'config'),
    kubebuilder_assets: env['KUBEBUILDER_ASSETS'] || undefined,
    endpoint: values.agent_address ?? values.address,
  });
}

function headersOf(reader: Reader, text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {};
  const entries = entriesOf(text);
  const headers = (entries ?? []).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  );
  if (headers.length !== entries?.length) {
    reader.problem('environment', '`headers` (VAULT_HEADERS) must be a JSON object of strings');
  }
  return Object.fromEntries(headers);
}

function entriesOf(text: string): readonly (readonly [string, unknown])[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined;
  } catch {
    return undefined;
  }
}
