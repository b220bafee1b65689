/** A node on which logins need a code: two users, a TOTP method, an enforcement, and an authenticator app. */
import assert from 'node:assert/strict';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { totpCode, totpStep, type TotpKey } from '../../src/lib/crypto/totp.ts';
import { ask, requestOf, runningNode, type Asking, type TestNodeOptions } from './node.ts';

/** What an authenticator app does with the URL that it is shown. */
export function authenticator(url: string, now: () => number): (off?: number) => string {
  const { searchParams } = new URL(url);
  const key: TotpKey = {
    secret: searchParams.get('secret') ?? '',
    algorithm: searchParams.get('algorithm') as TotpKey['algorithm'],
    digits: Number(searchParams.get('digits')) as TotpKey['digits'],
    period: Number(searchParams.get('period')),
  };
  return (off = 0) => totpCode(key, totpStep(key, now()) + off);
}

export interface MfaWorld extends AsyncDisposable {
  readonly node: Node;
  readonly root: string;
  readonly share: string;
  readonly clock: { now: number };
  /** As root: the data of the reply, which must be good. */
  readonly write: (path: string, body: JsonObject, namespace?: string) => Promise<JsonObject>;
  readonly status: (method: string, path: string, body?: JsonObject, namespace?: string) => Promise<number>;
  readonly login: (user: string, header?: string, asking?: Asking) => Promise<Outcome>;
  /** A login that waits: its request id. */
  readonly waiting: (user: string, namespace?: string) => Promise<string>;
  readonly validate: (id: string, payload: JsonObject, asking?: Asking) => Promise<Outcome>;
  /** A secret for the user: their authenticator. */
  readonly enrol: (user: string, method?: string) => Promise<(off?: number) => string>;
  readonly entity: (user: string) => string;
  readonly method: string;
}

export async function mfaWorld(options: TestNodeOptions = {}, method: JsonObject = {}): Promise<MfaWorld> {
  const clock = { now: 1_800_000_000_000 };
  const { node, root, share } = await runningNode({ now: () => clock.now, ...options });
  const asRoot = (verb: string, path: string, body?: JsonObject, namespace = '') =>
    ask(node, verb, path, { token: root, namespace, ...(body === undefined ? {} : { body }) });
  const write: MfaWorld['write'] = async (path, body, namespace) => {
    const outcome = await asRoot('POST', path, body, namespace);
    assert.ok(outcome.status < 300, `${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return outcome.reply?.data ?? {};
  };
  await write('sys/auth/userpass', { type: 'userpass' });
  const entities = new Map<string, string>();
  for (const user of ['ann', 'bob']) {
    await write(`auth/userpass/users/${user}`, { password: 'right-pass' });
    const { auth } = await ask(node, 'POST', `auth/userpass/login/${user}`, { body: { password: 'right-pass' } });
    entities.set(user, String(auth?.['entity_id']));
  }
  const entity = (user: string): string => entities.get(user) ?? '';
  const { method_id: made } = await write('identity/mfa/method/totp', { issuer: 'here', method_name: 't1', ...method });
  await write('identity/mfa/login-enforcement/all', { mfa_method_ids: [made], auth_method_types: ['userpass'] });
  const login: MfaWorld['login'] = async (user, header, asking = {}) => {
    const body = { password: 'right-pass' };
    const request = requestOf('POST', `auth/userpass/login/${user}`, { body, ...asking });
    return node.handle(header === undefined ? request : { ...request, headers: { 'x-vault-mfa': header } });
  };
  return {
    ...{ node, root, share, clock, write, login, entity, method: String(made) },
    status: async (verb, path, body, namespace) => (await asRoot(verb, path, body, namespace)).status,
    waiting: async (user, namespace = '') => {
      const { auth, errors } = await login(user, undefined, { namespace });
      const requirement = auth?.['mfa_requirement'] as JsonObject | null | undefined;
      assert.ok(requirement, `no second factor was asked for: ${String(errors)}`);
      assert.equal(auth?.['client_token'], '');
      return String(requirement['mfa_request_id']);
    },
    validate: (id, payload, asking = {}) =>
      ask(node, 'POST', 'sys/mfa/validate', { body: { mfa_request_id: id, mfa_payload: payload }, ...asking }),
    enrol: async (user, of = String(made)) => {
      const asked = { method_id: of, entity_id: entity(user) };
      const { url } = await write('identity/mfa/method/totp/admin-generate', asked);
      return authenticator(String(url), () => clock.now);
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

/** Its token works. */
export async function assertLoggedIn(node: Node, { status, auth, errors }: Outcome): Promise<JsonObject> {
  assert.equal(status, 200, String(errors));
  const token = String(auth?.['client_token']);
  const self = await ask(node, 'GET', 'auth/token/lookup-self', { token });
  assert.equal(self.status, 200, String(self.errors));
  assert.equal(auth?.['mfa_requirement'], null);
  return self.reply?.data ?? {};
}

/** There is no token anywhere in it. */
export function assertRefused(outcome: Outcome, status: number): void {
  assert.equal(outcome.status, status, String(outcome.errors));
  assert.equal(outcome.auth, null);
}
