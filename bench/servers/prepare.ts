/** Brings every server to the same state, by the API alone: unsealed, one policy, one token, one role, the secrets. */
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../src/client/api-error.ts';
import { Client } from '../../src/client/client.ts';
import { keyOf, perSet, secret, type SecretSet } from './secrets.ts';

/** What the loads present. */
export interface Access {
  readonly token: string;
  /** Where secrets are read: `secret/data/`, or `secret/` of KV version 1. */
  readonly secrets: string;
  readonly roleId: string;
  readonly secretId: string;
  /** Of the engine `transit`, under its key `bench`; undefined where the server has no such engine. */
  readonly ciphertext: string | undefined;
}

const policy = `path "secret/*" { capabilities = ["create", "read", "update", "list"] }
path "transit/+/bench" { capabilities = ["update"] }`;

const SECRETS = 'secret/data/';

/** Writes at once: enough to share flushes, few enough for every server. */
const AT_ONCE = 50;

/** Initialises with one share and unseals; the client is root's. */
export async function unsealed(address: string): Promise<Client> {
  const open = new Client({ address });
  const made = await open.request('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
  const { keys, root_token: token } = JSON.parse(made.body) as { readonly keys: string[]; readonly root_token: string };
  await open.write('sys/unseal', { key: keys[0] });
  await patiently('it to become active', () => open.request('GET', 'sys/health'));
  return open.with({ token });
}

export async function prepare(root: Client): Promise<Access> {
  await mount(root);
  await root.write('sys/policies/acl/bench', { policy });
  const token = await root.write('auth/token/create', { policies: ['bench'] });
  await root.write('sys/auth/approle', { type: 'approle' });
  await root.write('auth/approle/role/bench', { token_policies: ['bench'], secret_id_num_uses: 0, token_ttl: '1h' });
  const roleId = await root.read('auth/approle/role/bench/role-id');
  const secretId = await root.write('auth/approle/role/bench/secret-id');
  const ciphertext = await withTransit(root);
  await fill(root, 'read');
  await fill(root, 'written');
  return {
    token: token?.auth?.client_token ?? '',
    secrets: SECRETS,
    roleId: String(roleId?.data?.['role_id']),
    secretId: String(secretId?.data?.['secret_id']),
    ciphertext,
  };
}

export const plaintext = Buffer.from(JSON.stringify(secret)).toString('base64');

async function withTransit(root: Client): Promise<string | undefined> {
  try {
    await root.write('sys/mounts/transit', { type: 'transit' });
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return undefined;
    throw error;
  }
  await root.write('transit/keys/bench');
  const encrypted = await root.write('transit/encrypt/bench', { plaintext });
  return String(encrypted?.data?.['ciphertext']);
}

/** KV version 2 at `secret/`, ready to be written. */
export async function mount(root: Client): Promise<void> {
  await root.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  // OpenBao refuses writes for a moment after the mount was made.
  await patiently('the mount to take writes', () => root.write(`${SECRETS}${keyOf('read', 0)}`, { data: secret }));
}

/** Below `SECRETS`; elsewhere with version 1 of KV. */
export async function fill(root: Client, set: SecretSet, below: string = SECRETS): Promise<void> {
  const body = below === SECRETS ? { data: secret } : secret;
  const write = (at: number) => root.write(`${below}${keyOf(set, at)}`, body);
  for (let at = 0; at < perSet; at += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, next) => write(at + next)));
  }
}

/** Asks again while the server says that it cannot yet. */
async function patiently<T>(what: string, ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (performance.now() > deadline) throw new Error(`gave up waiting for ${what}`, { cause: error });
      await delay(50);
    }
  }
}
