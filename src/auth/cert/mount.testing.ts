/** A node with the method enabled, and clients whose connections show certificates, for tests of it. */
import assert from 'node:assert/strict';
import { ask, requestOf, runningNode } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';
import { makeAuthority, makeClient, type Made } from '../../lib/x509/authority.testing.ts';

type Body = Readonly<Record<string, unknown>>;

/** At `auth/cert`, with an authority whose certificates the role `web` takes. */
export async function enabledMethod() {
  let now = Date.now();
  const { node, root: token, share } = await runningNode({ now: () => now });
  await ask(node, 'POST', 'sys/auth/cert', { token, body: { type: 'cert' } });
  const at = (method: string, path: string, body?: Body): Promise<Outcome> =>
    ask(node, method, `auth/cert/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const must = async (path: string, body: Body): Promise<void> => {
    const { status, errors } = await at('POST', path, body);
    assert.equal(status, 204, `${path}: ${JSON.stringify(errors)}`);
  };
  /** As a connection that has shown these, its own first. */
  const over = async (shown: readonly Made[], path: string, body: Body = {}, as?: string): Promise<Outcome> =>
    node.handle({
      ...requestOf('POST', path, { body, ...(as === undefined ? {} : { token: as }) }),
      clientCertificates: shown.map(({ der }) => der),
    });
  const login = (shown: readonly Made[], body: Body = {}): Promise<Outcome> => over(shown, 'auth/cert/login', body);
  const tokenOf = async (shown: readonly Made[], body: Body = {}): Promise<string> => {
    const { auth, errors } = await login(shown, body);
    assert.ok(auth !== null, JSON.stringify(errors));
    return String(auth['client_token']);
  };
  const authority = await makeAuthority('CN=authority');
  await must('certs/web', { certificate: authority.pem, token_policies: 'web' });
  return {
    ...{ node, token, at, must, over, login, tokenOf, authority },
    unseal: () => node.unseal(Buffer.from(share, 'hex')),
    client: (subject: string, more: Parameters<typeof makeClient>[2] = {}): Promise<Made> =>
      makeClient(subject, authority, more),
    later: (seconds: number) => {
      now += seconds * 1_000;
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}
