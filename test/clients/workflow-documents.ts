/** Workflows that are written and run at OpenBao and here, and where the two are known to differ. */

/** By name, what docs/workflows.md says of it. */
export const DIFFERENCES = {
  capitals: 'A path with capitals is refused',
  unknown: 'What a document does not know is refused',
  early: 'is refused when it is written',
  allowed: '`allowed_values` are held to',
  null: 'CEL’s `null` stays `null`',
  lists: 'a list of keys is `data.keys`',
  health: '`sys/health` and its like answer',
  truth: '`true` is the text `true`',
  coerced: 'by the rules of every other parameter',
  empty: 'An empty list stays one',
  keys: '`client_token` is not in it',
  lease: 'The lease of a response',
  data: 'its server has it as `map`',
  json: '`encode_json` and `decode_json`',
  timestamp: '`timestamp`',
  token: 'A token that is sent along counts for nothing',
  help: 'nor `help` as an operation',
  forms: 'JSON as OpenBao documents it elsewhere',
  nested: 'lists of maps that a program makes',
  headers: '`headers` of an `output`',
  sudo: '`trace` asks for `sudo`',
  folders: 'Folders are listed',
  sent: 'may be sent in base64',
} as const;

export type Known = keyof typeof DIFFERENCES;

export interface Case {
  readonly name: string;
  readonly workflow: string;
  readonly input?: Readonly<Record<string, unknown>>;
  readonly differs?: Known;
}

const READ = 'request "r" { operation = "read", path = "secret/data/a" }';
const source = (name: string, type: string, more: string): string =>
  `{ eval_source = "${name}", eval_type = "${type}", ${more} }`;
const cel = (expression: string, type = 'any', more = ''): string =>
  source('cel', type, `expression = ${JSON.stringify(expression)}${more}`);
const template = (text: string, type = 'any', more = ''): string =>
  source('template', type, `template = ${JSON.stringify(text)}${more}`);
const response = (selector: unknown, type = 'any'): string =>
  source('response', type, `flow_name = "f", response_name = "r", field_selector = ${JSON.stringify(selector)}`);
const request = (selector: unknown): string =>
  source('request', 'any', `flow_name = "f", request_name = "r", field_selector = ${JSON.stringify(selector)}`);
const input = (field: string): string => source('input', 'any', `field_name = "${field}"`);
const document = (requests: string, value: string): string =>
  `flow "f" { ${requests} } output { data = { v = ${value} } }`;

const one = (name: string, workflow: string, more: Omit<Case, 'name' | 'workflow'> = {}): Case => ({
  name,
  workflow,
  ...more,
});
const shows = (value: string, differs?: Known): Case =>
  one(value, document(READ, value), differs === undefined ? {} : { differs });
const asks = (requests: string, value: string, differs?: Known): Case =>
  one(`${requests} → ${value}`, document(requests, value), differs === undefined ? {} : { differs });

/** What becomes of a value of each kind. */
const VALUES = [
  '"5"',
  '5',
  '1.5',
  'true',
  '["a","b"]',
  '[1,2]',
  '{"a":1}',
  '"abc"',
  '"true"',
  '""',
  '"a,b"',
  '[]',
  '{}',
];
const TYPES = [
  'any',
  'string',
  'int',
  'float64',
  'bool',
  '[]string',
  'map',
  'map[string]any',
  'interface{}',
  '',
  'nope',
];
const CONVERSIONS = TYPES.flatMap((type) => VALUES.map((value) => shows(cel(value, type))));

const SELECTED = [
  ...[['data', 'data', 'x'], ['data', 'data'], ['data', 'data', 'l', 1], ['auth'], ['warnings'], 'auth'],
  ...[
    ['data', 'data', 'l', '1'],
    ['data', 'nope'],
    ['lease_name'],
    ['data', 'data', 'l', 7],
    ['data', 'data', 'x', 'y'],
    5,
  ],
];

const LITERALS = ['[{a=1}]', '[{a=1},{b=2}]', '[1,{a=1}]', '[[{a=1}]]', '{a=[{b=1}]}', '{}', '{a={}}', '1.5', 'true'];

const CELS: readonly Case[] = [
  ...['responses.f.r.data.data.x', 'requests.f.r.path + requests.f.r.operation', 'has(responses.f.nope)'],
  ...['responses.f.r.data.data.n + 1.0', 'responses.f.r.data.data.n + 1', 'responses.f.r.data.data.zzz', 'input.x'],
  ...['b"ab"', 'duration("1h")', 'timestamp("2024-01-01T00:00:00Z")', '5u', 'type(1)', '"a,b".split(",")', '1 +'],
  ...['base64.encode(b"ab")', '{"a": "b"}.a', '[1, 2].map(x, x * 2)', 'pb.Auth{}', 'now', '"a".matches("^a")'],
].map((text) => shows(cel(text)));

const TEMPLATES: readonly Case[] = [
  ...['{{ .responses.f.r.data.data.x }}', '{{ .responses.f.r.data.data.zz }}', '{{ .requests.f.r.path }}', '', '{{'],
  ...['{{ "abc" | truncate 2 }}', '{{ "x" | truncate 0 }}', '{{ "0123456789abcdef" | truncate_sha256 10 }}'],
  ...['{{ "x" | truncate_sha256 8 }}', '{{ "X" | lowercase }}', '{{ "ä" | uppercase }}', '{{ "a" | replace "a" "b" }}'],
  ...['{{ "a" | sha256 }}', '{{ "ü" | base64 }}', '{{ "ü" | hex }}', '{{ len (random 9) }}', '{{ random -1 }}'],
  ...['{{ len unix_time }}', '{{ len unix_time_millis }}', '{{ len uuid }}', '{{ "a" | upper }}', '{{ toJson . }}'],
  ...[
    '{{ printf "%v" .responses.f.r.data.data.l }}',
    '{{ range .responses.f.r.data.data.l }}{{ . }};{{ end }}',
    '{{ .input }}',
  ],
].map((text) => shows(template(text)));

const field = (declaration: string, value: string, sent: Case['input'] = {}, differs?: Known): Case =>
  one(`${declaration} ${JSON.stringify(sent)} → ${value}`, `input { ${declaration} } ${document(READ, value)}`, {
    input: sent,
    ...(differs === undefined ? {} : { differs }),
  });

const SENT: readonly unknown[] = [
  'A b',
  '5',
  5,
  ['a', 'b'],
  [1, 2],
  { a: 'b' },
  'a,b',
  '1h',
  'k=v',
  '',
  '2024-01-01T00:00:00Z',
];
const FIELD_TYPES = [
  ...['string', 'int', 'int64', 'slice', 'string_slice', 'comma_string_slice', 'name_string', 'lower_case_string'],
  ...[
    'duration_second',
    'signed_duration_second',
    'time',
    'float',
    'bool',
    'map',
    'kv_pairs',
    'comma_int_slice',
    'nope',
  ],
];
/** Other words for what is refused, or more that is taken. */
const COERCED = new Set(['kv_pairs ""', 'float ""', 'int ""', 'int64 ""']);

const FIELDS: readonly Case[] = [
  ...FIELD_TYPES.flatMap((type) => [
    field(`field "${type}" "x" {}`, input('x')),
    ...SENT.map((x) => {
      const known = COERCED.has(`${type} ${JSON.stringify(x)}`) ? 'coerced' : undefined;
      return field(`field "${type}" "x" {}`, input('x'), { x }, known);
    }),
  ]),
  field('field "string" "x" {}', input('x'), { x: true }, 'truth'),
  field('field "string" "x" { required = true }', input('x')),
  field('field "string" "x" { required = true }', input('x'), { x: '' }),
  field('field "string" "x" { default = "d" }', input('x')),
  field('field "string" "x" { default = "d" }', cel('has(input.x)')),
  field('field "string" "x" {}', cel('input'), { x: 'a', z: 1 }),
  field('field "string" "x" {}', input('path'), { x: 'a', path: 'other' }),
  field('field "string" "x" {}', input('y'), { y: 1 }),
  field('field "string" "x" { allowed_values = ["a"] }', input('x'), { x: 'a' }),
  field('field "string" "x" { allowed_values = ["a"] }', input('x'), { x: 'c' }, 'allowed'),
  field('field { type = "string", name = "x" }', input('x'), { x: 'a' }),
  field('field "x" { type = "string", description = "d", deprecated = true, query = true }', input('x'), { x: 'a' }),
  field('field "string" "x" {} field "int" "x" {}', input('x'), { x: 'a' }),
  field('field "string" "path" {}', input('path'), {}),
];

const when = (condition: string): string => READ.replace(' }', `, when = ${condition} }`);
const may = (path: string, more = ', allow_failure = true'): string =>
  `request "r" { operation = "read", path = "${path}"${more} }`;
const does = (operation: string, path: string, more = ''): string =>
  `request "r" { operation = "${operation}", path = "${path}"${more} }`;

const REQUESTS: readonly Case[] = [
  asks(when('"false"'), cel('has(responses.f)')),
  asks(when(cel('1 == 2', 'bool')), cel('has(responses.f)')),
  asks(when('"nope"'), '1'),
  asks(when('false'), response('data')),
  asks(may('nope/x'), cel('has(responses.f)')),
  asks(may('nope/x', ''), '1'),
  asks(may('nope/x', ', allow_failure = "nope"'), '1'),
  asks(may('secret/data/none'), cel('responses')),
  asks(may('secret/data/none', ''), cel('responses.f.r == null'), 'null'),
  asks(may('secret/data/none', ''), response(['data'])),
  asks(does('delete', 'secret/data/none'), cel('responses')),
  asks(does('list', 'secret/metadata'), response(['data', 'keys']), 'lists'),
  asks(does('patch', 'secret/data/patched', ', data = { data = { y = 1 } }'), '1'),
  asks(does('create', 'secret/data/created', ', data = { data = { y = 1 } }'), response(['data', 'version'])),
  asks(does('update', 'secret/data/created', ', data = { data = { y = 2 } }'), request(['map', 'data', 'y'])),
  asks(does('update', 'secret/data/created', ', data = { data = { y = 2 } }'), request(['data', 'data', 'y']), 'data'),
  asks(does('read', 'secret/data/created', ', data = { version = 1 }'), response(['data', 'data', 'y'])),
  asks(does('update', 'secret/data/a'), '1'),
  asks(does('update', 'secret/data/a', ', data = "x"'), '1'),
  asks(does('renew', 'secret/data/a'), '1'),
  asks(does('help', 'secret/'), '1', 'help'),
  asks(does('read', 'secret/data/a', ', token = ""'), '1'),
  asks(does('read', 'secret/data/a', ', token = "nobody"'), '1'),
  asks(does('read', '/secret/data/a'), request('path')),
  asks(does('read', '../secret/data/a'), '1'),
  asks(does('read', 'secret/data/a', ', headers = { a = "b", "c-d" = ["e"] }'), '1'),
  asks(does('read', 'secret/data/a', ', headers = { "X-Vault-Token" = ["nobody"] }'), response(['data', 'data', 'x'])),
  asks(does('read', 'secret/data/a', ', headers = { "X-Vault-Wrap-TTL" = ["60"] }'), response(['wrap_info'])),
  asks(does('update', 'auth/token/create', ', data = { policies = ["default"] }'), response(['auth', 'policies'])),
  asks(
    `request "r" { operation = ${cel("'read'", 'string')}, path = ${template('secret/{{ "data" }}/a')} }`,
    request('operation'),
  ),
  asks(does('read', 'sys/health'), '1', 'health'),
];

const DOCUMENTS: readonly Case[] = [
  one('no output', `flow "f" { ${READ} }`),
  one('empty output', `flow "f" { ${READ} } output {}`),
  one('no request', 'flow "f" {}'),
  one('output of text', `flow "f" { ${READ} } output { data = "x" }`),
  one('output of a list', `flow "f" { ${READ} } output { data = [1] }`),
  one('output of a program', `flow "f" { ${READ} } output { data = ${cel('{"a": 1}', 'map')} }`),
  one('output in blocks', `flow "f" { ${READ} } output { data { v = 1, w { z = 2 } } }`),
  one('output headers', `flow "f" { ${READ} } output { headers = { "X-A" = ["b"] } }`, { differs: 'headers' }),
  one('nothing', ''),
  one('no HCL', 'flow {{{'),
  one('unknown at the top', `flow "f" { ${READ} } nope = 1`, { differs: 'unknown' }),
  one('unknown in a flow', `flow "f" { nope = 1, ${READ} }`),
  one('unknown in a request', 'flow "f" { request "r" { nope = 1, operation = "read", path = "x" } }'),
  one('unknown in a source', document(READ, response(['data', 'data', 'x']).replace(' }', ', nope = 1 }')), {
    differs: 'unknown',
  }),
  one('foreach', 'flow "f" { request "r" { foreach = ["a"], operation = "read", path = "x" } }'),
  one('flow twice', `flow "f" { ${READ} } flow "f" { ${READ} }`),
  one('request twice', `flow "f" { ${READ} ${READ} }`),
  one(
    'two flows',
    `flow "f" { ${READ} } flow "g" { when = ${cel('responses.f.r.data.data.x == "1"')}, ${READ} } output { data = { v = ${cel('has(responses.g)')} } }`,
  ),
  one('bad names', `flow "f" { request "r.1" { operation = "read", path = "secret/data/a" } }`),
  one('no operation', 'flow "f" { request "r" { path = "secret/data/a" } }'),
  one('wrong operation', 'flow "f" { request "r" { operation = "nope", path = "secret/data/a" } }'),
  one('no path', 'flow "f" { request "r" { operation = "read" } }', { differs: 'early' }),
  one('two inputs', `input {} input {} flow "f" { ${READ} }`),
  one('two outputs', `flow "f" { ${READ} } output {} output {}`),
  one('of the environment', document(READ, source('env', 'string', 'env_var = "PATH"'))),
  one('of a file', document(READ, source('file', 'string', 'path = "/etc/passwd"'))),
  one('no type', document(READ, '{ eval_source = "cel", expression = "1" }')),
  one(
    'a source in a source',
    document(READ, source('cel', 'any', `expression = ${template('1+{{ .a }}', 'string', ', data = { a = "2" }')}`)),
  ),
  one('sources in lists', document(READ, `[1, ${cel('2')}, ["x", { a = ${cel('3')} }]]`)),
  one(
    'variables',
    document(
      READ,
      cel('a + b', 'any', ', variables = [{ name = "a", expression = "1" }, { name = "b", expression = "a + 1" }]'),
    ),
  ),
  one('one variable', document(READ, cel('a', 'any', ', variables = [{ name = "a", expression = "1" }]'))),
  one(
    'more in a variable',
    document(READ, cel('a', 'any', ', variables = [{ name = "a", expression = "1", z = "1" }]')),
  ),
  one('variables no list', document(READ, cel('a', 'any', ', variables = "a"'))),
  one('data of a template', document(READ, template('{{ .a }}', 'any', ', data = { a = "q" }'))),
  one(
    'of one made later',
    `flow "f" { request "q" { operation = "read", path = ${response('data', 'string')} } ${READ} }`,
  ),
  one('response by request_name', document(READ, response('data').replace('response_name', 'request_name')), {
    differs: 'forms',
  }),
  one(
    'JSON',
    JSON.stringify({ flow: [{ type: 'f', request: [{ type: 'r', operation: 'read', path: 'secret/data/a' }] }] }),
  ),
  one(
    'JSON by names',
    JSON.stringify({ flow: { f: { request: { r: { operation: 'read', path: 'secret/data/a' } } } } }),
    { differs: 'forms' },
  ),
  one('base64', Buffer.from(`flow "f" { ${READ} }`).toString('base64'), { differs: 'sent' }),
  shows('[]', 'empty'),
  shows(cel('null'), 'null'),
  shows(cel('[{"a": 1}]'), 'nested'),
  shows(cel('encode_json({"a": 1})'), 'json'),
  shows(template('{{ timestamp "2006" }}'), 'timestamp'),
  shows(request('client_token'), 'keys'),
  shows(response(['lease_id']), 'lease'),
];

export const CASES: readonly Case[] = [
  ...CONVERSIONS,
  ...SELECTED.map((selector) => shows(response(selector))),
  ...['string', 'int', 'bool'].map((type) => shows(response(['data', 'metadata', 'custom_metadata'], type))),
  ...['path', 'operation', 'headers', ['data', 'x']].map((selector) => shows(request(selector))),
  ...LITERALS.map((text) => shows(text)),
  ...CELS,
  ...TEMPLATES,
  ...FIELDS,
  ...REQUESTS,
  ...DOCUMENTS,
];
