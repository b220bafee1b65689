/** The engine by itself: what it asks for, what it is bounded by, and what it says of what fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail } from '../../errors.ts';
import { freeValue } from '../hcl/free.ts';
import { blocksOf, parseHcl } from '../hcl/index.ts';
import { ProfileBudget, PROFILE_BOUNDS } from './budget.ts';
import { workedAs } from './evaluate.ts';
import { History } from './history.ts';
import type { ProfileBlock, ProfileKind, ProfileRequest } from './profile.ts';
import { runProfile, type Host, type Step } from './run.ts';
import { problemsIn } from './sources.ts';

const KIND: ProfileKind = { outer: 'flow', sources: ['request', 'response', 'input', 'cel', 'template'] };
const KEYS = ['operation', 'path', 'token', 'data', 'headers', 'when', 'allow_failure'];

function blocksIn(text: string): readonly ProfileBlock[] {
  return blocksOf(parseHcl(text, 'x'), 'flow', 1).map(({ labels, body }) => ({
    name: labels[0] ?? '',
    when: freeValue(body, ['when']),
    request: blocksOf(body, 'request', 1).map((each): ProfileRequest => {
      const values = KEYS.map((key) => [key, freeValue(each.body, [key])]);
      return { name: each.labels[0] ?? '', ...Object.fromEntries(values.filter(([, value]) => value !== undefined)) };
    }),
  }));
}

type Answer = (step: Step) => Readonly<Record<string, unknown>> | null;

function world(answer: Answer = () => null, { sent = {}, bounds = PROFILE_BOUNDS } = {}) {
  const budget = new ProfileBudget(bounds);
  const steps: Step[] = [];
  const host: Host = {
    ...{ kind: KIND, budget, history: new History(budget), id: () => String(steps.length) },
    input: { fields: sent, sent, size: 0 },
    ask: async (step) => {
      steps.push(step);
      return answer(step);
    },
  };
  const run = (text: string) => runProfile(blocksIn(text), host);
  return { host, steps, run };
}

const from = (name: string, selector: string, type = 'any'): string =>
  `{ eval_source = "response", eval_type = "${type}", flow_name = "f", response_name = "${name}", field_selector = ${selector} }`;
const cel = (expression: string, type = 'any'): string =>
  `{ eval_source = "cel", eval_type = "${type}", expression = ${JSON.stringify(expression)} }`;

test('requests are made in order, each from what was asked, answered and given before', async () => {
  const { run, steps } = world(({ path }) => ({ data: { of: path, list: ['x', { y: 1 }], __proto__x: 1 } }), {
    sent: { name: 'ada' },
  });
  await run(`
    flow "f" {
      request "a" { operation = "create", path = "/one", headers = { "X-A" = "b", c = ["d", "e"] } }
      request "b" {
        operation = ${cel("'re' + 'ad'", 'string')}
        path = { eval_source = "template", eval_type = "string", template = "{{ .input.name }}/{{ .x }}", data = { x = ${from('a', '["data", "list", 1, "y"]')} } }
        token = ${from('a', '["data", "of"]', 'string')}
        data = { deep = [1, { z = ${cel('responses.f.a.data.list.size()')} }], name = { eval_source = "input", eval_type = "any", field_name = "name" } }
      }
    }
    flow "g" { when = ${cel('has(responses.f.nothing)')}, request "c" { operation = "read", path = "never" } }
    flow "h" { request "d" { operation = "delete", path = "last", when = "1" } }`);
  assert.deepEqual(
    steps.map(({ verb, operation, path, token, data, headers }) => ({ verb, operation, path, token, data, headers })),
    [
      {
        ...{ verb: 'update', operation: 'create', path: 'one', token: undefined, data: undefined },
        headers: { 'x-a': ['b'], c: ['d', 'e'] },
      },
      {
        ...{ verb: 'read', operation: 'read', path: 'ada/1', token: 'one', headers: {} },
        data: { deep: [1, { z: 2 }], name: 'ada' },
      },
      { verb: 'delete', operation: 'delete', path: 'last', token: undefined, data: undefined, headers: {} },
    ],
  );
});

test('a failure ends the run where it is not forgiven; what was not made cannot be referred to', async () => {
  const refusing: Answer = ({ path }) => {
    if (path === 'bad') throw fail('permissionDenied', 'no', { detail: 'for the audit' });
    return { data: null };
  };
  const asked = (more = ''): string => `request "r" { operation = "read", path = "bad" ${more} }`;
  const one = world(refusing);
  await assert.rejects(one.run(`flow "f" { ${asked()} request "s" { operation = "read", path = "x" } }`), {
    code: 'permissionDenied',
    message: 'flow "f" request "r": no',
    detail: 'for the audit',
  });
  assert.equal(one.steps.length, 1);
  const forgiven = world(refusing);
  await forgiven.run(`flow "f" { ${asked(', allow_failure = true')} request "s" { operation = "read", path = "x" } }`);
  assert.deepEqual(Object.keys(forgiven.host.history.responses['f'] ?? {}), ['s']);
  for (const more of [', allow_failure = true', ', when = false']) {
    const later = `request "s" { operation = "read", path = ${from('r', '["data"]', 'string')} }`;
    await assert.rejects(world(refusing).run(`flow "f" { ${asked(more)} ${later} }`), {
      message: 'flow "f" request "s": `path`: there is no response of "f" "r": it was not made, or it failed',
    });
  }
});

test('what is worked out into nonsense is refused before anything is asked', async () => {
  for (const [request, message] of [
    ['operation = "sudo", path = "x"', /`operation` is not one of create, read/],
    [`operation = ${cel("'help'")}, path = "x"`, /`operation` is not one of/],
    ['operation = "read", path = ["x"]', /`path`: the value cannot be made what eval_type "string"/],
    ['operation = "update", path = "x", data = "text"', /`data`: the value cannot be made/],
    ['operation = "read", path = "x", headers = { "a b" = "c" }', /`headers`: a map of texts/],
    ['operation = "read", path = "x", headers = { a = [1] }', /`headers`: a map of texts/],
    ['operation = "read", path = "x", when = "perhaps"', /`when`: /],
    ['operation = "read", path = "x", allow_failure = "perhaps"', /`allow_failure`: /],
    [
      `operation = "read", path = ${cel("'constructor'")}, data = { a = ${from('r', '["constructor"]')} }`,
      /there is no/,
    ],
    [
      'operation = "read", path = { eval_source = "env", eval_type = "string", env_var = "HOME" }',
      /no such eval_source/,
    ],
    ['operation = "read", path = { eval_source = "file", eval_type = "string", path = "/etc/passwd" }', /no such/],
  ] as const) {
    const { run, steps } = world();
    await assert.rejects(run(`flow "f" { request "r" { ${request} } }`), { code: 'badRequest', message }, request);
    assert.equal(steps.length, 0);
  }
});

test('no run is without end: requests, what is kept, what is read and what programs do are bounded', async () => {
  const many = Array.from({ length: 5 }, (_, at) => `request "r${String(at)}" { operation = "read", path = "x" }`);
  const within = (bounds: Partial<typeof PROFILE_BOUNDS>, answer?: Answer) =>
    world(answer, { bounds: { ...PROFILE_BOUNDS, ...bounds } });
  const few = within({ requests: 3 });
  await assert.rejects(few.run(`flow "f" { ${many.join('\n')} }`), /"r3": more than 3 requests in one run/);
  assert.equal(few.steps.length, 3);
  const large: Answer = () => ({ data: 'x'.repeat(1_000) });
  await assert.rejects(
    within({ size: 2_500 }, large).run(`flow "f" { ${many.join('\n')} }`),
    /"r2": .* larger than 2500/,
  );
  const reading = many.map((each) => each.replace('"x"', cel("'x'", 'string')));
  await assert.rejects(within({ read: 2_500 }, large).run(`flow "f" { ${reading.join('\n')} }`), /read too much/);
  const busy = 'requests.map(a, requests.map(b, requests.map(c, 1)))';
  const spent = within({ cel: 10 });
  await assert.rejects(workedAs({ eval_source: 'cel', eval_type: 'any', expression: busy }, 'any', spent.host), {
    message: 'the expression is over its budget',
  });
  const grown = within({ size: 1_000 });
  const template = '{{ range $i := .input.list }}{{ $i }}{{ end }}';
  const doubled = { eval_source: 'template', eval_type: 'any', template, data: {} };
  const host = {
    ...grown.host,
    input: { fields: {}, sent: { list: Array.from({ length: 600 }, () => 'xx') }, size: 1 },
  };
  await assert.rejects(workedAs(doubled, 'any', host), /larger than 1000/);
});

test('sources are judged before anything runs', () => {
  const judging = { kind: KIND, fields: new Set(['a']), earlier: new Set(['f r']) };
  const good = { eval_source: 'response', eval_type: 'any', flow_name: 'f', response_name: 'r', field_selector: [] };
  assert.deepEqual(problemsIn([{ x: good }], judging), []);
  for (const [change, problem] of [
    [{ eval_source: 'env' }, /eval_source "env" is not offered: it is one of request, response, input, cel, template/],
    [{ eval_source: 'constructor' }, /not offered/],
    [{ eval_source: 5 }, /a source without `eval_source` is not offered/],
    [{ eval_type: 'text' }, /`eval_type` is not one of string, int/],
    [{ initialize_name: 'f' }, /has no `initialize_name`/],
    [{ response_name: 'later' }, /names "f", "later", which is not made before it/],
    [{ field_selector: [true] }, /`field_selector` has a value of the wrong type/],
    [{ field_selector: { a: 1 } }, /`field_selector` has a value of the wrong type/],
    [{ response_name: 5 }, /`response_name` has a value of the wrong type/],
  ] as const) {
    assert.match(problemsIn({ ...good, ...change }, judging).join('; '), problem);
  }
  const inner = { ...good, field_selector: { ...good, eval_type: 'no' } };
  assert.match(problemsIn(inner, judging).join('; '), /`eval_type` is not one of/, 'in a source in a source');
});
