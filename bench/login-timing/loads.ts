/** Methods whose logins name somebody, and how each is asked with what is wrong. */
import { randomBytes } from 'node:crypto';
import type { Client } from '../../src/client/client.ts';
import { addPerson, addTree, people, slapd, startSlapd, suffix, type Slapd } from '../../test/support/slapd.ts';

export interface Load extends AsyncDisposable {
  /** Of the method. */
  readonly type: string;
  /** Once, after the method is enabled. */
  readonly configure: (root: Client) => Promise<void>;
  readonly make: (root: Client, name: string) => Promise<unknown>;
  /** Path and body. */
  readonly login: (name: string) => readonly [path: string, body: object];
}

const nothing = { configure: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() };
const wrong = (): string => randomBytes(16).toString('hex');

/** As random as the others: a hash of a password that nobody knows. */
const hash = (cost: number): string =>
  `$2b$${String(cost).padStart(2, '0')}$${wrong().slice(0, 21)}.${randomBytes(15).toString('hex')}C`;

const userpass = (cost: number): Load => ({
  ...nothing,
  type: 'userpass',
  make: (root, name) => root.write(`auth/userpass/users/${name}`, { password_hash: hash(cost) }),
  login: (name) => [`auth/userpass/login/${name}`, { password: wrong() }],
});

const approle = (): Load => ({
  ...nothing,
  type: 'approle',
  make: (root, name) => root.write(`auth/approle/role/${name}`, { role_id: name }),
  login: (name) => ['auth/approle/login', { role_id: name, secret_id: wrong() }],
});

/** `searches`: the directory is asked for the entry first; otherwise the name makes the DN. */
async function ldap(searches: boolean): Promise<Load> {
  const folder = await slapd();
  if (folder === undefined) throw new Error('the Debian package slapd cannot be had');
  const server: Slapd = await startSlapd(folder);
  await addTree(server);
  const account = { binddn: `cn=searcher,${suffix}`, bindpass: 'searcher-pw' };
  return {
    type: 'ldap',
    configure: async (root) => {
      const body = { url: server.url, userdn: people, userattr: 'uid', ...(searches ? account : {}) };
      await root.write('auth/ldap/config', body);
    },
    make: (_root, name) => addPerson(server, name, wrong()),
    login: (name) => [`auth/ldap/login/${name}`, { password: wrong() }],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const loads: Readonly<Record<string, (cost: number) => Load | Promise<Load>>> = {
  userpass,
  approle,
  ldap: () => ldap(true),
  'ldap-direct': () => ldap(false),
};

export const methods = Object.keys(loads);

/** Throws for a method that is none of these. */
export async function loadOf(method: string, cost: number): Promise<Load> {
  const load = loads[method];
  if (load === undefined) throw new TypeError(`--method takes ${methods.join(', ')}`);
  return load(cost);
}
