/** A node with a clock of its own, and what the tests of advisories ask it again and again. */
import assert from 'node:assert/strict';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { ask, runningNode, type TestNodeOptions } from './node.ts';

export interface Clocked extends AsyncDisposable {
  readonly node: Node;
  readonly root: string;
  /** Its one unseal share, hex. */
  readonly share: string;
  /** As root. */
  readonly as: (method: string, path: string, body?: JsonObject) => Promise<Outcome>;
  readonly later: (seconds: number) => void;
}

export async function started(options: TestNodeOptions = {}): Promise<Clocked> {
  let now = Date.UTC(2026, 0, 1);
  const { node, root, share } = await runningNode({ now: () => now, ...options });
  return {
    ...{ node, root, share },
    as: (method, path, body) => ask(node, method, path, { token: root, ...(body === undefined ? {} : { body }) }),
    later: (seconds) => {
      now += seconds * 1000;
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

export const tokenIn = (outcome: Outcome): string =>
  String(outcome.auth?.['client_token'] ?? outcome.reply?.auth?.['client_token']);

export async function ok(outcome: Promise<Outcome>): Promise<Outcome> {
  const settled = await outcome;
  assert.ok(settled.status < 300, `${String(settled.status)} ${settled.errors?.join() ?? ''}`);
  return settled;
}

/** A token with a policy of its own, of the given rules. */
export async function withRules({ as }: Clocked, rules: string, body: JsonObject = {}): Promise<string> {
  await ok(as('PUT', 'sys/policies/acl/own', { policy: rules }));
  return tokenIn(await ok(as('POST', 'auth/token/create', { policies: ['own'], ttl: '1h', ...body })));
}

export const rule = (path: string, ...capabilities: readonly string[]): string =>
  `path ${JSON.stringify(path)} { capabilities = ${JSON.stringify(capabilities)} }\n`;

export async function statusOf(outcome: Promise<Outcome>): Promise<number> {
  return (await outcome).status;
}
