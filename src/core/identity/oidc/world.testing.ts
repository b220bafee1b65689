/** A node with people who log in by userpass, for tests of identity tokens and providers. */
import assert from 'node:assert/strict';
import { ask, runningNode, type Asking, type TestNodeOptions } from '../../../../test/support/node.ts';
import type { JsonObject } from '../../../framework/field.ts';
import type { Outcome } from '../../../framework/request.ts';
import type { Node } from '../../node.ts';

export interface Person {
  readonly token: string;
  readonly entity: string;
}

export interface World extends AsyncDisposable {
  readonly node: Node;
  readonly root: string;
  readonly clock: { now: number };
  /** As root: throws unless it succeeds. */
  readonly write: (path: string, body?: JsonObject, namespace?: string) => Promise<JsonObject>;
  readonly read: (path: string, asking?: Asking) => Promise<JsonObject>;
  readonly asked: (method: string, path: string, asking?: Asking) => Promise<Outcome>;
  /** May use all of `identity/oidc/`. */
  readonly login: (name: string, namespace?: string) => Promise<Person>;
}

const contentOf = ({ reply, auth }: Outcome): JsonObject => auth ?? reply?.data ?? reply?.bare ?? {};

export async function oidcWorld(options: TestNodeOptions = {}): Promise<World> {
  const clock = { now: Date.now() };
  const { node, root } = await runningNode({ now: () => clock.now, ...options });
  const asked = (method: string, path: string, asking: Asking = {}): Promise<Outcome> =>
    ask(node, method, path, { token: root, ...asking });
  const must = async (method: string, path: string, asking: Asking): Promise<JsonObject> => {
    const outcome = await asked(method, path, asking);
    assert.ok(outcome.status < 300, `${method} ${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return contentOf(outcome);
  };
  const write: World['write'] = (path, body = {}, namespace = '') => must('POST', path, { body, namespace });
  const prepared = new Set<string>();
  return {
    ...{ node, root, clock, asked, write },
    read: (path, asking = {}) => must('GET', path, asking),
    login: async (name, namespace = '') => {
      if (!prepared.has(namespace)) {
        prepared.add(namespace);
        await write('sys/auth/userpass', { type: 'userpass' }, namespace);
        const all = 'path "identity/oidc/*" { capabilities = ["create", "read", "update", "list"] }';
        await write('sys/policies/acl/tokens', { policy: all }, namespace);
      }
      await write(`auth/userpass/users/${name}`, { password: 'p', token_policies: ['tokens'] }, namespace);
      const auth = await must('POST', `auth/userpass/login/${name}`, { body: { password: 'p' }, namespace });
      return { token: String(auth['client_token']), entity: String(auth['entity_id']) };
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

export const bodyOf = ({ reply }: Outcome): JsonObject => reply?.bare ?? reply?.data ?? {};

/** What a token says; nothing is checked. */
export const saidBy = (token: unknown): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
