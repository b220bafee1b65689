/** A node with the method enabled, for tests of it. */
import assert from 'node:assert/strict';
import { ask, runningNode } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';
import { signed, signingKey, type SigningKey } from '../../lib/jwt/issuer.testing.ts';

export interface MethodOptions {
  readonly type?: 'jwt' | 'oidc';
  /** Milliseconds since the epoch. */
  readonly now?: number;
}

type Body = Readonly<Record<string, unknown>>;

/** At `auth/jwt`, with a clock that stands still. */
export async function enabledMethod({ type = 'jwt', now: began = Date.UTC(2027, 0, 1) }: MethodOptions = {}) {
  let now = began;
  const { node, root: token, share } = await runningNode({ now: () => now });
  await ask(node, 'POST', 'sys/auth/jwt', { token, body: { type } });
  const at = (method: string, path: string, body?: Body): Promise<Outcome> =>
    ask(node, method, `auth/jwt/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const login = (body: Body, address = '127.0.0.1'): Promise<Outcome> =>
    ask(node, 'POST', 'auth/jwt/login', { body, address });
  return {
    ...{ node, token, at, login },
    /** As by a restart: nothing is left in memory. */
    restart: async () => {
      await node.seal();
      await node.unseal(Buffer.from(share, 'hex'));
    },
    /** Seconds. */
    now: () => now / 1_000,
    later: (seconds: number) => {
      now += seconds * 1_000;
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

/** As `enabledMethod`, with one fixed key, and tokens by it. */
export async function methodWithKey(config: Body = {}) {
  const method = await enabledMethod();
  const key: SigningKey = await signingKey('RS256', 'one');
  const written = await method.at('POST', 'config', { jwt_validation_pubkeys: [key.pem], ...config });
  assert.equal(written.status, 204, JSON.stringify(written.errors));
  const role = async (name: string, body: Body): Promise<void> => {
    const usual = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' };
    const { status, errors } = await method.at('POST', `role/${name}`, { ...usual, ...body });
    assert.equal(status, 204, JSON.stringify(errors));
  };
  const claims = (change: object = {}): object => ({
    ...{ iss: 'https://issuer', aud: 'us', sub: 'job', iat: method.now(), exp: method.now() + 300 },
    ...change,
  });
  const tokenOf = (change: object = {}): Promise<string> => signed(key, claims(change));
  const by = async (name: string, change: object = {}): Promise<Outcome> =>
    method.login({ role: name, jwt: await tokenOf(change) });
  return { ...method, key, role, claims, tokenOf, by };
}
