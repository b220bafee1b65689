import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LONGEST_DOCUMENT, parseWorkflow } from './document.ts';

const FLOW = 'flow "f" { request "r" { operation = "read", path = "x" } }';

test('the same workflow in each of its forms', () => {
  const expected = parseWorkflow(
    `input { field "string" "a" { required = true } } ${FLOW} output { data = { v = 1 } }`,
  );
  assert.deepEqual(expected, {
    input: [{ name: 'a', type: 'string', required: true, fallback: undefined, allowed: [] }],
    flows: [{ name: 'f', when: undefined, request: [{ name: 'r', operation: 'read', path: 'x' }] }],
    output: { data: { v: 1 } },
  });
  const request = { operation: 'read', path: 'x' };
  const rest = { input: { field: { string: { a: { required: true } } } }, output: { data: { v: 1 } } };
  for (const flow of [
    { f: { request: { r: request } } },
    [{ f: [{ request: [{ r: request }] }] }],
    [{ type: 'f', request: [{ type: 'r', ...request }] }],
  ]) {
    const { flows, output } = parseWorkflow(JSON.stringify({ flow, output: rest.output }));
    assert.deepEqual({ flows, output }, { flows: expected.flows, output: expected.output });
  }
  for (const field of [
    'field "a" { type = "string", required = true }',
    'field { type = "string", name = "a", required = true }',
  ]) {
    assert.deepEqual(parseWorkflow(`input { ${field} } ${FLOW}`).input, expected.input);
  }
  const [only] = parseWorkflow(
    'flow "f" { request "r" { operation = "update", path = "x", data = { l = [{ a = 1 }] } } }',
  ).flows;
  assert.deepEqual(only?.request[0]?.data, { l: [{ a: 1 }] }, 'a list of one object is a list');
});

test('what cannot be run is refused when it is written, by its place and without its values', () => {
  const request = (more: string): string => `flow "f" { request "r" { operation = "read", path = "x", ${more} } }`;
  const source = (more: string): string => request(`data = { a = { ${more} } }`);
  const many = Array.from({ length: 129 }, (_, at) => `request "r${String(at)}" { operation = "read", path = "x" }`);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /at least one `flow` block/],
    ['flow "f" {', /^workflow:1:/],
    ['{"flow":', /^workflow:1:/],
    [`${FLOW} nope = "CANARY"`, /workflow has no `nope`: it has input, flow, output/],
    [`flow "f" { nope = "CANARY" }`, /flow "f" has no `nope`/],
    [request('retry = 5'), /flow "f" request "r" has no `retry`/],
    [request('foreach = ["CANARY"]'), /has no `foreach`/],
    [`${FLOW} ${FLOW}`, /"f" is there twice/],
    [
      'flow "f" { request "r" { operation = "read", path = "x" } request "r" { operation = "read", path = "y" } }',
      /"f", "r" is there twice/,
    ],
    ['flow "f g" {}', /a name begins with a letter/],
    ['flow "f" { request "r.1" { operation = "read", path = "x" } }', /a name begins with a letter/],
    ['flow "f" { request "r" { operation = "help", path = "x" } }', /`operation` is not one of/],
    ['flow "f" { request "r" { path = "x" } }', /`operation` is not one of/],
    ['flow "f" { request "r" { operation = "read" } }', /`path` is missing/],
    [`flow "f" { ${many.join('\n')} }`, /at most 128 requests/],
    [`${FLOW}#${'x'.repeat(LONGEST_DOCUMENT)}`, /at most 262144 characters/],
    [
      source('eval_source = "env", eval_type = "string", env_var = "CANARY"'),
      /`data`: eval_source "env" is not offered/,
    ],
    [source('eval_source = "file", eval_type = "string", path = "CANARY"'), /eval_source "file" is not offered/],
    [source('eval_source = "input", eval_type = "any", field_name = "a"'), /"a", which is no field of the `input`/],
    [source('eval_source = "cel", eval_type = "any", expression = "1 +"'), /`data`: a source "cel": expression: 1:/],
    [source('eval_source = "cel", eval_type = "any", expression = "input.a"'), /there is no variable "input"/],
    [
      source('eval_source = "template", eval_type = "any", template = "{{ env \\"HOME\\" }}"'),
      /function "env" not defined/,
    ],
    [
      source(
        'eval_source = "request", eval_type = "any", flow_name = "f", request_name = "r", field_selector = "path"',
      ),
      /not made before it/,
    ],
    [`input {} input {} ${FLOW}`, /at most one `input`/],
    [`${FLOW} output {} output {}`, /at most one `output`/],
    [`${FLOW} output { headers = { "Set-Cookie" = ["CANARY"] } }`, /`headers` is not offered/],
    [`input { nope = 1 } ${FLOW}`, /input has no `nope`/],
    [`input { field "string" "a" { nope = 1 } } ${FLOW}`, /field has no `nope`/],
    [`input { field "text" "a" {} } ${FLOW}`, /field "a" has no such type/],
    [`input { field "constructor" "a" {} } ${FLOW}`, /has no such type/],
    [`input { field "string" "a" "b" {} } ${FLOW}`, /one type and one name/],
    [`input { field "string" "path" {} } ${FLOW}`, /the input has "path" twice/],
    [`input { field "string" "a" {} field "int" "a" {} } ${FLOW}`, /the input has "a" twice/],
    [`input { field "int" "a" { default = "CANARY" } } ${FLOW}`, /`default`: field "a": expected an integer/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseWorkflow(text),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'badRequest', text.slice(0, 200));
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /CANARY/);
        return true;
      },
    );
  }
});
