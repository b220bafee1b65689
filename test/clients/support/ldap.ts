/** A node with the ldap method, for tests of it against slapd. */
import assert from 'node:assert/strict';
import { ask, runningNode } from '../../support/node.ts';

export const WRONG = { status: 400, errors: ['invalid username or password'] };

export type Body = Readonly<Record<string, unknown>>;

/** A node with the method at `auth/ldap`. */
export async function enabledLdap(config: Body) {
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/auth/ldap', { token, body: { type: 'ldap' } });
  const at = (method: string, path: string, body?: Body) =>
    ask(node, method, `auth/ldap/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const written = await at('POST', 'config', config);
  assert.ok(written.status < 300, JSON.stringify(written.errors));
  const login = (name: string, password: unknown, address = '127.0.0.1') =>
    ask(node, 'POST', `auth/ldap/login/${name}`, { body: { password }, address });
  return {
    ...{ node, token, at, login },
    answer: async (name: string, password: unknown) => {
      const { status, errors } = await login(name, password);
      return { status, errors };
    },
    policies: async (name: string, password: string) => {
      const { auth, errors } = await login(name, password);
      assert.deepEqual(errors, undefined);
      return auth?.['policies'];
    },
    entityOf: async (name: string, password: string) => (await login(name, password)).auth?.['entity_id'],
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}
