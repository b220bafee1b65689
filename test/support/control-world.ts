/** A node with people who ask and people who approve, for tests of control groups. */
import assert from 'node:assert/strict';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { ask, runningNode, type Asking, type TestNodeOptions } from './node.ts';

export interface Person {
  readonly token: string;
  readonly accessor: string;
  readonly entity: string;
}

/** What was answered in place of a reply. */
export interface Ticket {
  readonly token: string;
  readonly accessor: string;
  readonly ttl: number;
}

export interface ControlWorld extends AsyncDisposable {
  readonly node: Node;
  readonly root: string;
  readonly must: (method: string, path: string, asking?: Asking) => Promise<JsonObject>;
  /** With the policies `default` and `approver`, and those named. */
  readonly person: (name: string, policies?: readonly string[], namespace?: string) => Promise<Person>;
  readonly group: (name: string, members: readonly Person[], namespace?: string) => Promise<string>;
  readonly policy: (name: string, policy: string, namespace?: string) => Promise<void>;
  /** Asks for what needs an approval. */
  readonly ticket: (person: Person, method: string, path: string, asking?: Asking) => Promise<Ticket>;
  readonly approve: (person: Person, ticket: Ticket, asking?: Asking) => Promise<Outcome>;
  readonly unwrap: (ticket: Ticket, asking?: Asking) => Promise<Outcome>;
  readonly standing: (ticket: Ticket, asking?: Asking) => Promise<JsonObject>;
}

const APPROVER = 'path "sys/control-group/*" { capabilities = ["update"] }';

/** A stanza with one factor. */
export const controlled = (path: string, factor: string, more = '', capabilities = '["read"]'): string =>
  `path "${path}" { capabilities = ${capabilities}
    control_group = { ${more} factor "ops" { identity { ${factor} } } } }`;

export async function controlWorld(options: TestNodeOptions = {}): Promise<ControlWorld> {
  const { node, root } = await runningNode(options);
  const must = async (method: string, path: string, asking: Asking = {}): Promise<JsonObject> => {
    const outcome = await ask(node, method, path, { token: root, ...asking });
    assert.ok(outcome.status < 300, `${method} ${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return outcome.auth ?? outcome.reply?.auth ?? outcome.reply?.data ?? {};
  };
  const write = (path: string, body: JsonObject, namespace = ''): Promise<JsonObject> =>
    must('POST', path, { body, namespace });
  await write('sys/mounts/secret', { type: 'kv' });
  const open = new Set<string>();
  const policy = async (name: string, text: string, namespace = ''): Promise<void> => {
    await write(`sys/policies/acl/${name}`, { policy: text }, namespace);
  };
  return {
    ...{ node, root, must, policy },
    person: async (name, policies = [], namespace = '') => {
      if (!open.has(namespace)) {
        open.add(namespace);
        await write('sys/auth/approle', { type: 'approle' }, namespace);
        await policy('approver', APPROVER, namespace);
      }
      const role = `auth/approle/role/${name}`;
      await write(role, { token_policies: ['approver', ...policies] }, namespace);
      const { role_id } = await must('GET', `${role}/role-id`, { namespace });
      const { secret_id } = await write(`${role}/secret-id`, {}, namespace);
      const body = { role_id, secret_id };
      const { auth } = await ask(node, 'POST', 'auth/approle/login', { body, namespace });
      const text = (key: string): string => String(auth?.[key]);
      return { token: text('client_token'), accessor: text('accessor'), entity: text('entity_id') };
    },
    group: async (name, members, namespace = '') => {
      const made = { name, member_entity_ids: members.map(({ entity }) => entity) };
      return String((await write('identity/group', made, namespace))['id']);
    },
    ticket: async ({ token }, method, path, asking = {}) => {
      const outcome = await ask(node, method, path, { token, ...asking });
      assert.equal(outcome.status, 200, `${path}: ${(outcome.errors ?? []).join()}`);
      assert.equal(outcome.reply, undefined, 'nothing of the reply itself is answered');
      const { wrapInfo } = outcome;
      assert.ok(wrapInfo, `${path} needs no approval`);
      assert.equal(wrapInfo['creation_path'], path);
      const { token: wrapping, accessor, ttl } = wrapInfo;
      return { token: String(wrapping), accessor: String(accessor), ttl: Number(ttl) };
    },
    approve: ({ token }, { accessor }, asking = {}) =>
      ask(node, 'POST', 'sys/control-group/authorize', { token, body: { accessor }, ...asking }),
    unwrap: (ticket, asking = {}) =>
      ask(node, 'POST', 'sys/wrapping/unwrap', { token: root, body: { token: ticket.token }, ...asking }),
    standing: async ({ accessor }, asking = {}) =>
      must('POST', 'sys/control-group/request', { body: { accessor }, ...asking }),
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

/** The envelope that an unwrapped reply is. */
export function unwrapped(outcome: Outcome): { readonly data: JsonObject; readonly wrap_info: JsonObject | null } {
  assert.equal(outcome.status, 200, (outcome.errors ?? []).join());
  return JSON.parse(String(outcome.reply?.raw?.body)) as ReturnType<typeof unwrapped>;
}
