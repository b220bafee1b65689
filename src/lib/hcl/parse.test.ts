import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocksOf, HclError, parseHcl } from './index.ts';
import { plain } from './plain.testing.ts';

test('reads a server configuration as operators write it', () => {
  const body = parseHcl(
    `
# main listener
ui           = true
api_addr     = "https://lockstep.example:8200" // what clients see
cluster_name = "eu" /* a
comment over lines */ disable_mlock = true

listener "tcp" {
  address         = "0.0.0.0:8200"
  tls_min_version = "tls12"
  x_forwarded_for_authorized_addrs = ["10.0.0.0/8", "192.168.0.0/16",]
  telemetry { unauthenticated_metrics_access = true }
}
listener tcp { address = "127.0.0.1:8202" }
storage "raft" { path = "/var/lib/lockstep" node_id = "a" }
seal "static" { current_key_id = "1", current_key = "file:///keys/1" }
default_lease_ttl = 3600
`,
    'server.hcl',
  );
  assert.deepEqual(plain(body), {
    ui: true,
    api_addr: 'https://lockstep.example:8200',
    cluster_name: 'eu',
    disable_mlock: true,
    default_lease_ttl: 3600,
    listener: [
      {
        tcp: [
          {
            address: '0.0.0.0:8200',
            tls_min_version: 'tls12',
            x_forwarded_for_authorized_addrs: ['10.0.0.0/8', '192.168.0.0/16'],
            telemetry: [{ unauthenticated_metrics_access: true }],
          },
        ],
      },
      { tcp: [{ address: '127.0.0.1:8202' }] },
    ],
    storage: [{ raft: [{ path: '/var/lib/lockstep', node_id: 'a' }] }],
    seal: [{ static: [{ current_key_id: '1', current_key: 'file:///keys/1' }] }],
  });
  assert.deepEqual(body.attributes.get('api_addr')?.position, { name: 'server.hcl', line: 4, column: 1 });
  assert.deepEqual(blocksOf(body, 'listener', 1)[1]?.position, { name: 'server.hcl', line: 14, column: 1 });
});

test('reads policies with every kind of rule', () => {
  const body = parseHcl(`
path "secret/data/{{identity.entity.id}}/*" { capabilities = ["read", "list"] }
path "kv/data/\${kubernetes_cluster}/\${kubernetes_namespace}/*" {
  capabilities        = ["create", "update"]
  required_parameters = ["bar"]
  allowed_parameters  = { "foo" = [], "bar" = ["a", 1, true], "*" = [] }
  denied_parameters { "x" = ["y"] }
  min_wrapping_ttl    = "1m"
  max_wrapping_ttl    = 90
}
path "secret/data/{{identity.entity.id}}/*" { policy = "deny" }
`);
  const rules = blocksOf(body, 'path', 1);
  assert.deepEqual(
    rules.map((rule) => rule.labels),
    [
      ['secret/data/{{identity.entity.id}}/*'],
      ['kv/data/${kubernetes_cluster}/${kubernetes_namespace}/*'],
      ['secret/data/{{identity.entity.id}}/*'],
    ],
  );
  assert.deepEqual(rules[1] && plain(rules[1].body), {
    capabilities: ['create', 'update'],
    required_parameters: ['bar'],
    allowed_parameters: [{ foo: [], bar: ['a', 1, true], '*': [] }],
    denied_parameters: [{ x: ['y'] }],
    min_wrapping_ttl: '1m',
    max_wrapping_ttl: 90,
  });
});

test('gives JSON and HCL, in all their forms, the same blocks', () => {
  const forms = [
    'path "a/*" { capabilities = ["read"] }\npath "b" {}',
    'path { "a/*" { capabilities = ["read"] } "b" {} }',
    'path = { "a/*" = { capabilities = ["read"] }, "b" = {} }',
    'path "a/*" { capabilities = ["read"] }\npath = [{ "b" = {} }]',
    '{"path":{"a/*":{"capabilities":["read"]},"b":{}}}',
    ' \n{"path":[{"a/*":{"capabilities":["read"]}},{"b":{}}]}',
    '\uFEFF{"path":[{"a/*":[{"capabilities":["read"]}],"b":{}}], "name": null}',
  ];
  for (const form of forms) {
    const found = blocksOf(parseHcl(form), 'path', 1).map(({ labels, body }) => [labels, plain(body)]);
    assert.deepEqual(
      found,
      [
        [['a/*'], { capabilities: ['read'] }],
        [['b'], {}],
      ],
      form,
    );
  }
});

test('brings labels to the number that is wanted', () => {
  const audit = 'audit "file" "main" { options { file_path = "/a" } }';
  const two = blocksOf(parseHcl(audit), 'audit', 2);
  assert.deepEqual(two[0]?.labels, ['file', 'main']);
  const json = '{"audit":{"file":{"main":{"options":{"file_path":"/a"}}}}}';
  assert.deepEqual(
    two.map(({ labels, body }) => [labels, plain(body)]),
    [[['file', 'main'], { options: [{ file_path: '/a' }] }]],
  );
  assert.deepEqual(
    blocksOf(parseHcl(json), 'audit', 2).map(({ labels }) => labels),
    [['file', 'main']],
  );
  assert.deepEqual(
    blocksOf(parseHcl(audit), 'audit', 1).map(({ labels, body }) => [labels, plain(body)]),
    [[['file'], { main: [{ options: [{ file_path: '/a' }] }] }]],
  );
  assert.deepEqual(blocksOf(parseHcl('listener = []'), 'listener', 1), []);
  assert.throws(() => blocksOf(parseHcl('listener = "tcp"', 'c'), 'listener', 1), {
    message: /^c:1:1: listener must be a block/,
  });
  assert.throws(() => blocksOf(parseHcl('listener {\n address = "x" }', 'c'), 'listener', 1), {
    message: 'c:2:2: listener needs a label: listener "label" { … }',
  });
});

test('reads numbers', () => {
  const text =
    'a = 0x1F, b = -12, c = 1.5, d = 1e3, e = 0640, f = 0, g = -0.25, h = 1E-2, i = .5, j = 9007199254740991';
  const wrapped = parseHcl(`x = {${text}}`).blocks[0]?.body;
  assert.deepEqual(wrapped && plain(wrapped), {
    ...{ a: 31, b: -12, c: 1.5, d: 1000, e: 416, f: 0, g: -0.25, h: 0.01, i: 0.5 },
    j: Number.MAX_SAFE_INTEGER,
  });
});

test('reads strings and their escapes', () => {
  const body = parseHcl(
    String.raw`a = "q\"b\\n\n\t\u00e9\U0001F600\x41\101" b = "ü ${'$'}{x{}["a"]} {{y}}" "c d" = "#//"`,
  );
  assert.deepEqual(plain(body), { a: 'q"b\\n\n\té😀AA', b: 'ü ${x{}["a"]} {{y}}', 'c d': '#//' });
});

test('reads heredocs, plain and indented', () => {
  const body = parseHcl(
    'a = <<EOF\n one\n  EOFX\nEOF\nb = <<-END\n    x\n      y\n    END\nc = <<-END\n  x\n\n  END\nd = <<E\r\nz\r\nE\r\ne = <<E\nE',
  );
  assert.deepEqual(plain(body), { a: ' one\n  EOFX\n', b: 'x\n  y\n', c: '  x\n\n', d: 'z\r\n', e: '' });
  assert.equal(body.attributes.get('b')?.position.line, 5);
  assert.equal(body.attributes.get('d')?.position.line, 13);
});

test('says where and what was expected', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['a = ', '1:5: found the end of the text, expected a value'],
    ['a\n', '2:1: found the end of the text, expected =, { or a label'],
    ['a "b" = 1', '1:7: found =, expected { or a label'],
    ['a = hvs.secret', '1:5: found a bare word, expected a value; text is written in double quotes'],
    ['a {\n b = 1', '2:7: found the end of the text, expected a key or }'],
    ['}', '1:1: found }, expected a key'],
    ['a = [1 2]', '1:8: found a number, expected , or ]'],
    ['a = [,]', '1:6: found ,, expected a value'],
    ['a = "x\n"', '1:5: this string has no end on its line: expected "'],
    ['a = "${x"', '1:6: ${ has no end: expected }'],
    ['a = 10s', '1:5: a number ends in letters: put such a value in quotes, as in "90s"'],
    ['a = 089', '1:5: a number with a leading 0 is octal and has no digit 8 or 9'],
    ['a = 0x', '1:7: 0x needs hexadecimal digits'],
    ['a = 9007199254740993', '1:5: a number is larger than 9007199254740991'],
    ['a = 1e999', '1:5: a number is larger than 9007199254740991'],
    [`a = 'x'`, "1:5: unexpected ': strings are written in double quotes"],
    ['a: 1', '1:2: unexpected :, expected ='],
    ['a = 1 /* x', '1:7: this comment has no end: expected */'],
    ['a = <<EOF\nx', '1:5: this heredoc has no end: expected a line with EOF'],
    ['a = << EOF\nx', '1:7: a heredoc needs a marker of letters and digits, then a new line: <<EOF'],
    ['a = <x', '1:5: unexpected <, expected a heredoc: <<EOF'],
    ['a = "\\q"', String.raw`1:6: unknown escape in a string: expected one of \" \\ \n \r \t \uXXXX`],
    ['a = "\\ud800"', '1:8: an escape in a string names no character'],
    ['a = "\\u12"', '1:8: an escape in a string needs 4 digits of base 16'],
    ['a = \0', '1:5: unexpected character U+0000'],
    ['a = 1\nb = 2\n a = 3', '3:2: a is set twice (first on line 1)'],
    ['a = @', '1:5: unexpected @'],
    ['{"a" 1}', '1:6: expected : after a key'],
    ['{"a":1,}', '1:8: expected a key in double quotes'],
    ['{"a":[1,]}', '1:9: expected a value: a string, number, list, object, true or false'],
    ['{"a":[null]}', '1:7: null has no meaning in a list'],
    ['{"a":01}', '1:6: expected a value: a string, number, list, object, true or false'],
    ['{"a":tru}', '1:6: expected a value: a string, number, list, object, true or false'],
    ['{"a":1e999}', '1:6: a number is larger than 9007199254740991'],
    ['{"a":"\\x"}', '1:6: a string has an unknown escape or a control character'],
    ['{"a":"\\ud800"}', '1:6: a string has an unknown escape or a control character'],
    ['{"a":1} b', '1:9: found more text after the closing }, expected the end'],
    ['{"a":1\n', '2:1: expected , or }'],
    ['{"a":1,\n "a":2}', '2:2: a is set twice (first on line 1)'],
    ['{', '1:2: expected a key in double quotes'],
    ['{"a', '1:2: this string has no end on its line: expected "'],
    ['{"a\\', '1:2: this string has no end on its line: expected "'],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseHcl(text, 'f.hcl'),
      (error) => {
        assert.ok(error instanceof HclError);
        assert.equal(error.message, `f.hcl:${message}`);
        return true;
      },
    );
  }
});
