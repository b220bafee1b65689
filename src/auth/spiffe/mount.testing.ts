/** A node with the method enabled, a trust domain with keys of its own, and SVIDs by them, for tests of it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { ask, requestOf, runningNode, type TestNodeOptions } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';
import { signed, signingKey, type SigningKey } from '../../lib/jwt/issuer.testing.ts';

type Body = Readonly<Record<string, unknown>>;

export const DOMAIN = 'example.org';
export const AUDIENCE = 'lockstep';

export interface BundleOf {
  readonly keys?: readonly SigningKey[];
  /** Base64 of DER. */
  readonly anchors?: readonly string[];
  readonly sequence?: number;
  readonly hint?: number;
}

/** As a bundle endpoint publishes it. */
export function bundleText({ keys = [], anchors = [], sequence, hint }: BundleOf): string {
  return JSON.stringify({
    keys: [
      ...anchors.map((anchor) => ({ use: 'x509-svid', kty: 'EC', crv: 'P-256', x5c: [anchor] })),
      ...keys.map(({ jwk }) => ({ ...jwk, use: 'jwt-svid' })),
    ],
    ...(sequence === undefined ? {} : { spiffe_sequence: sequence }),
    ...(hint === undefined ? {} : { spiffe_refresh_hint: hint }),
  });
}

export interface MethodOptions {
  readonly allowed?: readonly string[];
  readonly options?: TestNodeOptions;
}

/** At `auth/spiffe`, with a clock that stands still unless another is given. */
export async function enabledMethod({ allowed = [], options = {} }: MethodOptions = {}) {
  let now = Date.now();
  const {
    node,
    root: token,
    share,
  } = await runningNode({
    now: () => now,
    ...options,
    settings: { bundlePaths: allowed },
  });
  await ask(node, 'POST', 'sys/auth/spiffe', { token, body: { type: 'spiffe' } });
  const at = (method: string, path: string, body?: Body): Promise<Outcome> =>
    ask(node, method, `auth/spiffe/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const must = async (path: string, body: Body): Promise<Outcome> => {
    const outcome = await at('POST', path, body);
    assert.equal(outcome.status, 200, `${path}: ${JSON.stringify(outcome.errors)}`);
    return outcome;
  };
  const login = (body: Body, asking: { readonly token?: string } = {}): Promise<Outcome> =>
    ask(node, 'POST', 'auth/spiffe/login', { body: { role: 'app', ...body }, ...asking });
  /** With the certificates that a TLS client showed. */
  const loginBy = async (chain: readonly Uint8Array[], body: Body = {}): Promise<Outcome> =>
    node.handle({
      ...requestOf('POST', 'auth/spiffe/login', { body: { role: 'app', ...body } }),
      ...{ id: randomUUID(), clientCertificates: chain },
    });
  const role = (name: string, body: Body = {}): Promise<Outcome> =>
    must(`role/${name}`, { workload_id_patterns: '/ns/shop/*', ...body });
  return {
    ...{ node, token, share, at, must, login, loginBy, role },
    /** Seconds. */
    now: () => now / 1_000,
    later: (seconds: number) => {
      now += seconds * 1_000;
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

export const ID = `spiffe://${DOMAIN}/ns/shop/sa/app`;

/** The claims of a JWT-SVID as SPIRE makes them. */
export const claimsOf = (now: number, change: object = {}): object => ({
  ...{ sub: ID, aud: [AUDIENCE], iat: Math.floor(now), exp: Math.floor(now) + 300 },
  ...change,
});

/** As `enabledMethod`, with a static bundle of one key, the role `app`, and JWT-SVIDs by that key. */
export async function staticMethod(config: Body = {}, bundle: BundleOf = {}) {
  const method = await enabledMethod();
  const key = await signingKey('ES256', 'one');
  await method.must('config', {
    ...{ trust_domain: DOMAIN, profile: 'static', audience: AUDIENCE },
    bundle: bundleText({ keys: [key], ...bundle }),
    ...config,
  });
  await method.role('app');
  const svid = (change: object = {}, header: object = {}): Promise<string> =>
    signed(key, claimsOf(method.now(), change), { typ: 'JWT', ...header });
  const by = async (change: object = {}, header: object = {}): Promise<Outcome> =>
    method.login({ jwt: await svid(change, header) });
  return { ...method, key, svid, by };
}
