/** What is asked of the servers. */
import type { Access } from '../servers/prepare.ts';
import { plaintext } from '../servers/prepare.ts';
import { folderOf, keyOf, secret } from '../servers/secrets.ts';

export interface Request {
  readonly method: 'GET' | 'POST';
  /** After `/v1/`. */
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
}

export interface Load {
  readonly title: string;
  /** The server must have the engine `transit`. */
  readonly transit?: true;
  /** The request for a number, by which it chooses its key. */
  readonly request: (access: Access, draw: number) => Request;
}

/** By the name that `--loads` takes. Those that leave much behind come last. */
export const loads = {
  read: {
    title: 'KV v2 read',
    request: ({ token, secrets }, draw) => ({ method: 'GET', path: `${secrets}${keyOf('read', draw)}`, token }),
  },
  list: {
    title: 'KV v2 list of 100',
    request: ({ token }, draw) => ({
      method: 'GET',
      path: `secret/metadata/${folderOf('read', draw)}?list=true`,
      token,
    }),
  },
  lookup: {
    title: 'token lookup-self',
    request: ({ token }) => ({ method: 'GET', path: 'auth/token/lookup-self', token }),
  },
  encrypt: {
    title: 'transit encrypt',
    transit: true,
    request: ({ token }) => ({ method: 'POST', path: 'transit/encrypt/bench', token, body: { plaintext } }),
  },
  decrypt: {
    title: 'transit decrypt',
    transit: true,
    request: ({ token, ciphertext }) => ({
      method: 'POST',
      path: 'transit/decrypt/bench',
      token,
      body: { ciphertext },
    }),
  },
  write: {
    title: 'KV v2 write',
    request: ({ token }, draw) => ({
      method: 'POST',
      path: `secret/data/${keyOf('written', draw)}`,
      token,
      body: { data: secret },
    }),
  },
  login: {
    title: 'AppRole login',
    request: ({ roleId, secretId }) => ({
      method: 'POST',
      path: 'auth/approle/login',
      body: { role_id: roleId, secret_id: secretId },
    }),
  },
} as const satisfies Readonly<Record<string, Load>>;

export type LoadName = keyof typeof loads;

export function isLoad(name: string): name is LoadName {
  return Object.hasOwn(loads, name);
}
