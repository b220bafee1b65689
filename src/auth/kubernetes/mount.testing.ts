/** A node with the method enabled, and tokens as an API server makes them, for tests of it. */
import assert from 'node:assert/strict';
import { ask, runningNode } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';
import { signed, signingKey, type SigningKey } from '../../lib/jwt/issuer.testing.ts';

type Body = Readonly<Record<string, unknown>>;

export const AUDIENCE = 'https://lockstep.test';
export const ISSUER = 'https://cluster-one.test';

/** At `auth/kubernetes`, with a clock that stands still. */
export async function enabledMethod() {
  let now = Date.UTC(2027, 0, 1);
  const { node, root: token, share } = await runningNode({ now: () => now });
  await ask(node, 'POST', 'sys/auth/kubernetes', { token, body: { type: 'kubernetes' } });
  const at = (method: string, path: string, body?: Body): Promise<Outcome> =>
    ask(node, method, `auth/kubernetes/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const login = (body: Body, mount = 'kubernetes', address = '127.0.0.1'): Promise<Outcome> =>
    ask(node, 'POST', `auth/${mount}/login`, { body, address });
  const must = async (path: string, body: Body): Promise<void> => {
    const { status, errors } = await at('POST', path, body);
    assert.ok(status === 200 || status === 204, `${path}: ${JSON.stringify(errors)}`);
  };
  const role = (name: string, body: Body = {}): Promise<void> =>
    must(`role/${name}`, {
      ...{ bound_service_account_names: 'app', bound_service_account_namespaces: 'shop', audience: AUDIENCE },
      ...body,
    });
  return {
    ...{ node, token, at, login, must, role },
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

export interface Account {
  readonly namespace?: unknown;
  readonly name?: unknown;
  readonly uid?: unknown;
}

/** The claims of a projected token. */
export function claimsOf(now: number, { namespace = 'shop', name = 'app', uid = 'uid-1' }: Account = {}): Body {
  return {
    ...{ iss: ISSUER, aud: [AUDIENCE], iat: now, nbf: now, exp: now + 3_600, jti: 'one' },
    sub: `system:serviceaccount:${String(namespace)}:${String(name)}`,
    'kubernetes.io': { namespace, serviceaccount: { name, uid }, pod: { name: 'app-1', uid: 'pod-1' } },
  };
}

/** As `enabledMethod`, offline by one fixed key, with the role `app`, and tokens by that key. */
export async function offlineMethod(config: Body = {}) {
  const method = await enabledMethod();
  const key: SigningKey = await signingKey('RS256', 'one');
  await method.must('config', { pem_keys: [key.pem], issuer: ISSUER, ...config });
  await method.role('app');
  const by = async (change: object = {}, account: Account = {}): Promise<Outcome> =>
    method.login({ role: 'app', jwt: await signed(key, { ...claimsOf(method.now(), account), ...change }) });
  return { ...method, key, by };
}
