import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHcl } from '../lib/hcl/index.ts';
import { serverConfig } from './server.ts';

const SERVER = `storage "inmem" {}
  listener "tcp" { address = "127.0.0.1:1", tls_disable = true }
  seal "static" { current_key_id = "one", current_key = "${Buffer.alloc(32, 7).toString('base64')}" }`;

const load = (more: string) => serverConfig([parseHcl(`${SERVER}\n${more}`, 'c.hcl')], {}, { SOME: 'value' });

test('requests are read in the order of the file, with their data as JSON would have it', () => {
  const { initialize, variable } = load(`
    initialize "b" {
      request "two" {
        operation = "update"
        path = "sys/mounts/x"
        data = { type = "kv", options = { version = "2" }, list = [1, true, "x"], many = [{ a = 1 }, { a = 2 }], one = [{ a = 1 }] }
      }
      request "one" { operation = "read", path = "x", allow_failure = true }
    }
    initialize "a" { request "one" { operation = "list", path = "y" } }`);
  assert.deepEqual(
    initialize.map(({ name, request }) => [name, request.map((each) => each.name)]),
    [
      ['b', ['two', 'one']],
      ['a', ['one']],
    ],
  );
  const [two, one] = initialize[0]?.request ?? [];
  assert.deepEqual(two?.data, {
    type: 'kv',
    options: { version: '2' },
    list: [1, true, 'x'],
    many: [{ a: 1 }, { a: 2 }],
    one: [{ a: 1 }],
  });
  assert.deepEqual([one?.allow_failure, one?.data, two?.allow_failure], [true, undefined, undefined]);
  assert.equal(variable('SOME'), 'value');
});

test('the form that OpenBao documents for JSON is read too', () => {
  const requests = [
    {
      'enable-audit': { operation: 'update', path: 'sys/audit/x', data: { type: 'file', options: { log_raw: true } } },
    },
  ];
  const text = JSON.stringify({
    storage: { inmem: {} },
    listener: [{ tcp: { address: '127.0.0.1:1', tls_disable: true } }],
    seal: { static: { current_key_id: 'one', current_key: Buffer.alloc(32, 7).toString('base64') } },
    initialize: [{ audit: { request: requests } }],
  });
  const { initialize } = serverConfig([parseHcl(text, 'c.json')], {}, {});
  assert.deepEqual(initialize[0]?.request[0]?.data, { type: 'file', options: { log_raw: true } });
});

test('what cannot be done is refused before anything is made', () => {
  const request = (more: string): string =>
    `initialize "a" { request "r" { operation = "update", path = "x", ${more} } }`;
  const source = (more: string): string => request(`data = { v = { ${more} } }`);
  for (const [more, message] of [
    [
      source('eval_source = "input", eval_type = "string", field_name = "a"'),
      /request "r": eval_source "input" is not offered: it is one of env, file, request, response, cel, template/,
    ],
    [
      source('eval_source = "cel", eval_type = "string", expression = "1 +"'),
      /request "r": a source "cel": expression: 1:3: /,
    ],
    [source('eval_source = "cel", eval_type = "any", expression = "input"'), /there is no variable "input"/],
    [
      source('eval_source = "cel", eval_type = "any", expression = "1", variables = [{ name = "a" }]'),
      /a source "cel": `variables` has a value of the wrong type/,
    ],
    [source('eval_source = "template", eval_type = "any", template = "{{"'), /unclosed action/],
    [request('when = { eval_source = "env", eval_type = "bool" }'), /a source "env" needs `env_var`/],
    [source('eval_source = "env", eval_type = "string"'), /a source "env" needs `env_var`/],
    [
      source('eval_source = "env", eval_type = "text", env_var = "X"'),
      /a source "env": `eval_type` is not one of string, int/,
    ],
    [source('eval_source = "file", eval_type = "any", path = "x", mode = "r"'), /a source "file" has no `mode`/],
    [
      source(
        'eval_source = "response", eval_type = "any", initialize_name = "a", request_name = "r", field_selector = "data"',
      ),
      /a source "response" names "a", "r", which is not made before it/,
    ],
    [request('foreach = ["x"]'), /`foreach` is not offered: write the requests one by one/],
    ['initialize "1" { request "r" { operation = "read", path = "x" } }', /a name begins with a letter/],
    ['initialize "a" { request "r" { operation = "sudo", path = "x" } }', /`operation` must be one of create/],
    ['initialize "a" { request "r" { operation = "read" } }', /`path` is missing/],
    [`${request('data = {}')} ${request('data = {}')}`, /given twice/],
    ['initialize "a" {}', /"a" has no `request`/],
  ] as const) {
    assert.throws(() => load(more), { code: 'invalidConfig', message }, more);
  }
});
