/** A hub with names and values that no hostile region may learn. */
import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/framework/field.ts';
import { testHub, type TestHub } from './cluster.ts';
import { Witness } from './hostile-region.ts';
import { ask } from './node.ts';

/** What the region may hold. */
export const VIEW = ['secret/eu/', 'plain/eu/', 'sys/policies/acl/eu-*', 'auth/approle/role/eu-app'];
/** Stands in every name and value that the region may not know. */
export const CANARY = 'canary';

export interface World extends TestHub, AsyncDisposable {
  readonly witness: Witness;
  readonly as: (method: string, path: string, body?: JsonObject) => ReturnType<typeof ask>;
}

export async function world(): Promise<World> {
  const witness = new Witness();
  const hub = await testHub(0, { trail: witness });
  const as = (method: string, path: string, body?: JsonObject) =>
    ask(hub.node, method, path, { token: hub.root, ...(body === undefined ? {} : { body }) });
  const all = 'capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"]';
  const made: readonly (readonly [string, string, JsonObject])[] = [
    ['POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } }],
    ['POST', 'sys/mounts/plain', { type: 'kv', options: { version: '1' } }],
    ['POST', `sys/mounts/${CANARY}-mount`, { type: 'kv', options: { version: '2' }, description: CANARY }],
    ['POST', `sys/mounts/plain-${CANARY}`, { type: 'kv', options: { version: '1' } }],
    ['POST', 'sys/auth/approle', { type: 'approle' }],
    ['PUT', 'sys/policies/acl/eu-app', { policy: `path "secret/*" { ${all} }\npath "plain/*" { ${all} }` }],
    ['PUT', 'sys/policies/acl/eu-wide', { policy: `path "*" { ${all} }` }],
    ['PUT', `sys/policies/acl/${CANARY}-admin`, { policy: `path "*" { ${all} }` }],
    ['PUT', `sys/policies/acl/${CANARY}-deny`, { policy: 'path "secret/data/eu/denied" { capabilities = ["deny"] }' }],
    ['POST', 'auth/approle/role/eu-app', { token_policies: 'eu-app' }],
    ['POST', `auth/approle/role/${CANARY}-role`, { token_policies: `${CANARY}-admin`, role_id: `${CANARY}-chosen` }],
    ['POST', 'secret/data/eu/db', { data: { password: 'p1' } }],
    ['POST', `secret/data/${CANARY}/db`, { data: { [`${CANARY}-key`]: `${CANARY}-value` } }],
    ['POST', `secret/data/eu-${CANARY}/db`, { data: { a: `${CANARY}-value` } }],
    ['POST', `secret/metadata/${CANARY}/db`, { custom_metadata: { [CANARY]: CANARY } }],
    ['PUT', 'plain/eu/db', { password: 'p2' }],
    ['PUT', `plain/${CANARY}`, { password: CANARY }],
    ['PUT', `plain-${CANARY}/eu/db`, { password: CANARY }],
    ['PUT', `${CANARY}-mount/data/eu/db`, { data: { password: CANARY } }],
  ];
  for (const [method, path, body] of made) {
    const { status, errors } = await as(method, path, body);
    assert.ok(status < 300, `${method} ${path}: ${status} ${String(errors)}`);
  }
  return { ...hub, witness, as, [Symbol.asyncDispose]: () => hub.node[Symbol.asyncDispose]() };
}
