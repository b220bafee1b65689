/** Workflows give nobody a right, pass by nothing that a request meets, end, and tell no secret to who may not see it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { controlled, controlWorld } from '../support/control-world.ts';
import { requestOf, runningNode, type Asking } from '../support/node.ts';

const CANARY = 'CANARY-4711';
const source = (name: string, type: string, more: string): string =>
  `{ eval_source = "${name}", eval_type = "${type}", ${more} }`;
const cel = (expression: string, type = 'any'): string =>
  source('cel', type, `expression = ${JSON.stringify(expression)}`);
const response = (name: string, selector: readonly (string | number)[], type = 'any'): string =>
  source('response', type, `flow_name = "f", response_name = "${name}", field_selector = ${JSON.stringify(selector)}`);
const READ = 'request "r" { operation = "read", path = "secret/a" }';
const flow = (requests: string, output = ''): string =>
  `flow "f" { ${requests} }${output === '' ? '' : ` output { data = { v = ${output} } }`}`;
const calls = (path: string, name = 'c'): string => `request "${name}" { operation = "update", path = "${path}" }`;

interface World extends AsyncDisposable {
  readonly node: Node;
  readonly root: string;
  readonly send: (method: string, path: string, asking?: Sending) => Promise<Outcome>;
  readonly must: (method: string, path: string, asking?: Sending) => Promise<JsonObject>;
  readonly write: (path: string, workflow: string, more?: JsonObject, namespace?: string) => Promise<JsonObject>;
  readonly run: (path: string, body?: JsonObject, asking?: Sending) => Promise<Outcome>;
  readonly tokenWith: (policy: string, more?: JsonObject) => Promise<string>;
}

interface Sending extends Asking {
  readonly signal?: AbortSignal;
}

/** A node with one secret, where workflows may be run without a token unless told otherwise. */
async function world({ open = true } = {}): Promise<World> {
  const { node, root } = await runningNode();
  const send: World['send'] = async (method, path, { signal, ...asking } = {}) => {
    const request = requestOf(method, path, { token: root, ...asking });
    const listener = { unauthenticatedMetrics: false, unauthenticatedWorkflows: open };
    return node.handle({ ...request, listener, ...(signal === undefined ? {} : { signal: () => signal }) });
  };
  const must: World['must'] = async (method, path, asking) => {
    const outcome = await send(method, path, asking);
    assert.ok(outcome.status < 300, `${method} ${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return outcome.auth ?? outcome.reply?.data ?? {};
  };
  let policies = 0;
  await must('POST', 'sys/mounts/secret', { body: { type: 'kv' } });
  await must('POST', 'secret/a', { body: { k: CANARY } });
  return {
    ...{ node, root, send, must },
    write: (path, workflow, more = {}, namespace = '') =>
      must('POST', `sys/workflows/manage/${path}`, { body: { workflow, ...more }, namespace }),
    run: (path, body = {}, asking = {}) => send('POST', `sys/workflows/execute/${path}`, { body, ...asking }),
    tokenWith: async (policy, more = {}) => {
      const name = `p${String((policies += 1))}`;
      await must('POST', `sys/policies/acl/${name}`, { body: { policy } });
      const { client_token } = await must('POST', 'auth/token/create', { body: { policies: [name], ...more } });
      return String(client_token);
    },
    [Symbol.asyncDispose]: () => node.seal(),
  };
}

const said = ({ status, errors, reply }: Outcome): string =>
  `${String(status)} ${(errors ?? [JSON.stringify(reply?.data)]).join('; ')}`;
const MAY_RUN = 'path "sys/workflows/execute/*" { capabilities = ["update"] }';

test('who may run a workflow may do no more than before: a refused request ends it, and nothing after it is done', async () => {
  await using each = await world();
  const second = 'request "w" { operation = "update", path = "secret/after", data = { x = "1" } }';
  await each.write('w', flow(`${READ} ${second}`));
  const token = await each.tokenWith(`${MAY_RUN} path "secret/after" { capabilities = ["create", "update"] }`);
  assert.equal(said(await each.run('w', {}, { token })), '403 flow "f" request "r": permission denied');
  assert.equal((await each.send('GET', 'secret/after')).status, 404);
  const reader = await each.tokenWith(`${MAY_RUN} path "secret/a" { capabilities = ["read"] }`);
  assert.equal(said(await each.run('w', {}, { token: reader })), '403 flow "f" request "w": permission denied');
  const nobody = await each.tokenWith('path "secret/*" { capabilities = ["read", "create", "update"] }');
  assert.equal(said(await each.run('w', {}, { token: nobody })), '403 permission denied');
  assert.equal((await each.run('w')).status, 200);
  assert.deepEqual(await each.must('GET', 'secret/after'), { x: '1' });
});

test('a request takes the token that the workflow names for it, and an empty one is none', async () => {
  await using each = await world();
  const strong = await each.tokenWith('path "secret/a" { capabilities = ["read"] }');
  const with_ = (token: string): string => READ.replace('}', `, token = "${token}" }`);
  await each.write('strong', flow(with_(strong), response('r', ['data', 'k'])));
  await each.write('none', flow(with_('')));
  const token = await each.tokenWith(MAY_RUN);
  assert.equal(said(await each.run('strong', {}, { token })), `200 {"v":"${CANARY}"}`);
  assert.equal(said(await each.run('none')), '403 flow "f" request "r": permission denied');
});

test('each use of a token that has few of them is taken', async () => {
  await using each = await world();
  await each.write('w', flow(`${READ} ${READ.replace('"r"', '"s"')}`));
  const policy = `${MAY_RUN} path "secret/a" { capabilities = ["read"] }`;
  assert.equal((await each.run('w', {}, { token: await each.tokenWith(policy, { num_uses: 3 }) })).status, 200);
  const few = await each.tokenWith(policy, { num_uses: 2 });
  assert.equal(said(await each.run('w', {}, { token: few })), '403 flow "f" request "s": permission denied');
});

test('without a token: configuration and workflow have to allow it, and nobody learns which workflows there are', async () => {
  await using shut = await world({ open: false });
  await using each = await world();
  for (const place of [shut, each]) {
    await place.write('w', flow(READ), { allow_unauthenticated: true });
    await place.write('kept', flow(''));
  }
  const openly = (place: World, path: string, token = '') =>
    place.send('POST', `sys/workflows/unauthed-execute/${path}`, { body: {}, token });
  assert.equal(said(await openly(shut, 'w')), '403 permission denied');
  assert.equal(said(await openly(shut, 'w', shut.root)), '404 unsupported path');
  for (const path of ['none', 'kept', 'NONE']) assert.equal(said(await openly(each, path)), '403 permission denied');
  // Not even root's token counts there.
  for (const token of ['', each.root]) {
    assert.equal(said(await openly(each, 'w', token)), '403 flow "f" request "r": permission denied');
  }
});

test('without a token: a login within it gives one, and no other workflow is called from there', async () => {
  await using each = await world();
  await each.must('POST', 'sys/auth/userpass', { body: { type: 'userpass' } });
  await each.must('POST', 'auth/userpass/users/u', { body: { password: CANARY } });
  const login = `request "l" { operation = "update", path = "auth/userpass/login/u"
      data = { password = ${source('input', 'string', 'field_name = "password"')} } }
    request "s" { operation = "read", path = "auth/token/lookup-self", token = ${response('l', ['auth', 'client_token'], 'string')} }`;
  const input = 'input { field "string" "password" { required = true } } ';
  const open = { allow_unauthenticated: true };
  await each.write('login', input + flow(login, response('s', ['data', 'policies'])), open);
  const openly = (path: string, body: JsonObject) =>
    each.send('POST', `sys/workflows/unauthed-execute/${path}`, { body, token: '' });
  assert.equal(said(await openly('login', { password: CANARY })), '200 {"v":["default"]}');
  assert.equal(
    said(await openly('login', { password: 'x' })),
    '400 flow "f" request "l": invalid username or password',
  );
  assert.equal(said(await openly('login', {})), '400 missing required field "password"');
  await each.write('self', flow(calls('sys/workflows/unauthed-execute/self')), open);
  assert.equal(said(await openly('self', {})), '403 flow "f" request "c": permission denied');
  const other = `request "c" { operation = "update", path = "sys/workflows/execute/self", token = ${source('input', 'string', 'field_name = "password"')} }`;
  await each.write('other', input + flow(other), open);
  assert.equal(said(await openly('other', { password: each.root })), '403 flow "f" request "c": permission denied');
  // One with a token may run one without; there it ends.
  const inner = `request "c" { operation = "update", path = "sys/workflows/unauthed-execute/login", data = { password = "${CANARY}" } }`;
  await each.write('outer', flow(inner, response('c', ['data', 'v', 0])));
  assert.equal(said(await each.run('outer')), '200 {"v":"default"}');
});

test('workflows that call each other end: by depth, and by the number of requests of all of them together', async () => {
  await using each = await world();
  await each.write('self', flow(calls('sys/workflows/execute/self')));
  assert.match(
    said(await each.run('self')),
    /^400 (flow "f" request "c": ){5}workflows call each other 5 deep at most$/,
  );
  const many = (path: string) => Array.from({ length: 40 }, (_, at) => calls(path, `c${String(at)}`)).join('\n');
  await each.write('w1', flow(''));
  await each.write('w2', flow(many('sys/workflows/execute/w1')));
  await each.write('w3', flow(many('sys/workflows/execute/w2')));
  assert.equal((await each.run('w2')).status, 200);
  assert.match(said(await each.run('w3')), /^400 .*more than 256 requests in one run$/);
  const patient = flow(many('sys/workflows/execute/w2').replaceAll(' }', ', allow_failure = true }'));
  await each.write('w4', patient);
  assert.match(said(await each.run('w4')), /^400 .*more than 256 requests in one run$/, 'no failure of it is forgiven');
});

test('nothing more is asked once nobody waits for the answer', async () => {
  await using each = await world();
  await each.write(
    'w',
    flow(`${READ} request "w" { operation = "update", path = "secret/after", data = { x = "1" } }`),
  );
  assert.match(said(await each.run('w', {}, { signal: AbortSignal.abort() })), /^503 .*the request took too long/);
  assert.equal((await each.send('GET', 'secret/after')).status, 404);
});

test('a request that has to be approved ends the workflow: nothing goes on as if it had been done', async () => {
  const office = await controlWorld();
  await using _ = office;
  await office.must('POST', 'secret/a', { body: { k: 'v' } });
  await office.policy('asks', `${controlled('secret/a', 'group_names = ["managers"] approvals = 1')} ${MAY_RUN}`);
  const asker = await office.person('alice', ['asks']);
  const document = flow(`${READ} request "w" { operation = "update", path = "secret/b", data = { x = "1" } }`);
  await office.must('POST', 'sys/workflows/manage/w', { body: { workflow: document } });
  const path = 'sys/workflows/execute/w';
  const outcome = await office.node.handle(requestOf('POST', path, { token: asker.token, body: {} }));
  assert.match(said(outcome), /^403 flow "f" request "r": the request needs an approval, and a workflow does not wait/);
  assert.equal(outcome.wrapInfo, null);
});

test('each request counts against the quotas', async () => {
  await using each = await world();
  await each.write('w', flow(`${READ} ${READ.replace('"r"', '"s"')}`));
  await each.must('POST', 'sys/quotas/rate-limit/one', { body: { path: 'secret/', rate: 1, interval: '1h' } });
  assert.match(said(await each.run('w')), /^429 flow "f" request "s": /);
});

test('in a namespace: kept there, working there and below, never above', async () => {
  await using each = await world();
  for (const place of ['team', 'team/inner']) {
    await each.must('POST', `${place.replace(/[^/]+$/, '')}sys/namespaces/${place.replace(/.*\//, '')}`, { body: {} });
    await each.must('POST', `${place}/sys/mounts/secret`, { body: { type: 'kv' } });
    await each.must('POST', `${place}/secret/a`, { body: { k: place } });
  }
  const reading = (more: string, path = 'secret/a'): string =>
    flow(`request "r" { operation = "read", path = "${path}"${more} }`, response('r', ['data', 'k']));
  const header = (value: string): string => `, headers = { "X-Vault-Namespace" = ["${value}"] }`;
  const cases: readonly (readonly [name: string, workflow: string, answer: RegExp])[] = [
    ['here', reading(''), /^200 {"v":"team"}$/],
    ['below', reading('', 'inner/secret/a'), /^200 {"v":"team\/inner"}$/],
    ['header', reading(header('inner')), /^200 {"v":"team\/inner"}$/],
    ['root', reading(header('root')), /^404 flow "f" request "r": namespace not found$/],
    ['empty', reading(header('')), /^200 {"v":"team"}$/],
    ['up', reading(header('..')), /^400 .*not canonical/],
    ['dots', reading('', '../secret/a'), /^400 .*not canonical/],
    ['twice', reading(', headers = { "X-Vault-Namespace" = ["inner", ""] }'), /^400 .*has one value/],
  ];
  for (const [name, workflow, answer] of cases) {
    await each.write(name, workflow, {}, 'team');
    assert.match(said(await each.run(name, {}, { namespace: 'team' })), answer, name);
    assert.equal((await each.send('GET', `sys/workflows/manage/${name}`)).status, 404, 'not of the root namespace');
  }
  const listed = await each.must('LIST', 'sys/workflows/manage', { namespace: 'team' });
  assert.deepEqual(listed['keys'], cases.map(([name]) => name).toSorted());
});

test('trace asks for sudo; it tells values, but no token of a request; it tells why a program failed, which others are not told', async () => {
  await using each = await world();
  await each.write(
    'w',
    flow(`${READ} request "d" { operation = "read", path = "secret/${CANARY}" }`, cel('int(responses.f.r.data.k)')),
  );
  const plain = await each.tokenWith(
    'path "sys/workflows/*" { capabilities = ["update"] } path "secret/*" { capabilities = ["read"] }',
  );
  const tracing = (token: string) => each.send('POST', 'sys/workflows/trace/w', { body: {}, token });
  assert.equal(said(await tracing(plain)), '403 permission denied');
  const failed = await each.run('w', {}, { token: plain });
  assert.equal(said(failed), '400 output: the expression could not be evaluated');
  const policy =
    'path "sys/workflows/trace/*" { capabilities = ["update", "sudo"] } path "secret/*" { capabilities = ["read"] }';
  const sudo = await each.tokenWith(policy);
  const { reply } = await tracing(sudo);
  const { error, history } = reply?.data as { error: string; history: { requests: JsonObject; responses: JsonObject } };
  assert.match(error, /^output: the expression could not be evaluated: ./);
  const text = JSON.stringify(history);
  assert.match(text, new RegExp(CANARY));
  assert.doesNotMatch(text, new RegExp(sudo));
  assert.equal((history.responses as { f: { d: unknown } }).f.d, null, 'a secret that is not there is no failure');
});

test('what goes wrong is told by its place, never with a value', async () => {
  await using each = await world();
  const fields = [
    'int',
    'bool',
    'map',
    'duration_second',
    'time',
    'name_string',
    'comma_int_slice',
    'kv_pairs',
    'float',
  ];
  const input = `input { ${fields.map((type) => `field "${type}" "of_${type}" {}`).join(' ')} field "string" "one" { allowed_values = ["a"] } }`;
  await each.write('input', `${input} ${flow('')}`);
  for (const name of [...fields.map((type) => `of_${type}`), 'one']) {
    const outcome = await each.run('input', { [name]: `${CANARY} ;` });
    assert.equal(outcome.status, 400, name);
    assert.match(said(outcome), new RegExp(name));
    assert.doesNotMatch(said(outcome), new RegExp(CANARY), name);
  }
  const outputs = [
    ...['int', 'float64', 'bool', 'map'].map((type) => response('r', ['data', 'k'], type)),
    response('r', ['data', 'nothing']),
    cel('responses.f.r.data.k + 1'),
    cel('{responses.f.r.data.k: 1}[responses.f.r.data.k + "x"]'),
    cel('timestamp(responses.f.r.data.k)'),
    source('template', 'int', 'template = "{{ .responses.f.r.data.k }}"'),
    source('template', 'any', 'template = "{{ .responses.f.r.data.k | random }}"'),
    source(
      'response',
      'any',
      `flow_name = "f", response_name = ${response('r', ['data', 'k'])}, field_selector = "data"`,
    ),
    source('cel', 'any', `expression = ${response('r', ['data', 'k'])}`),
  ];
  for (const [at, output] of outputs.entries()) {
    await each.write(`o${String(at)}`, flow(READ, output));
    const outcome = await each.run(`o${String(at)}`);
    assert.equal(outcome.status, 400, output);
    assert.doesNotMatch(said(outcome), new RegExp(CANARY), output);
  }
});

test('every request is on record by an id of its own that names the first, and nothing there is in clear', async () => {
  await using each = await world();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-workflows-'));
  try {
    const log = join(folder, 'audit.log');
    await each.must('POST', 'sys/audit/file', { body: { type: 'file', options: { file_path: log } } });
    const value = source('input', 'string', 'field_name = "x"');
    const input = 'input { field "string" "x" {} } ';
    await each.write(
      'w',
      input +
        flow(
          `${READ} request "s" { operation = "update", path = "secret/b", data = { k = ${value} } }`,
          response('r', ['data', 'k']),
        ),
    );
    await each.write(
      'outer',
      input + flow(`request "c" { operation = "update", path = "sys/workflows/execute/w", data = { x = ${value} } }`),
    );
    const outcome = await each.run('outer', { x: `${CANARY}-in` });
    assert.equal(outcome.status, 200);
    await each.send('POST', 'sys/workflows/trace/w', { body: { x: `${CANARY}-in` } });
    const text = readFileSync(log, 'utf8');
    assert.doesNotMatch(text, new RegExp(`${CANARY}|${each.root}`));
    const entries = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; request: { id: string; path: string } });
    const of = entries.filter(({ request }) => request.id.startsWith(outcome.requestId));
    assert.deepEqual(
      of.map(({ type, request }) => `${type} ${request.id.slice(outcome.requestId.length)} ${request.path}`),
      [
        'request  sys/workflows/execute/outer',
        'request .1 sys/workflows/execute/w',
        ...['request', 'response'].map((type) => `${type} .2 secret/a`),
        ...['request', 'response'].map((type) => `${type} .3 secret/b`),
        'response .1 sys/workflows/execute/w',
        'response  sys/workflows/execute/outer',
      ],
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('one is kept under one path, and written over by its version where that is asked for', async () => {
  await using each = await world();
  const put = (path: string, body: JsonObject) =>
    each.send('POST', `sys/workflows/manage/${path}`, { body: { workflow: flow(READ), ...body } });
  for (const path of ['Up', 'a/B', ' a', 'a/ b', 'x'.repeat(513), 'a/']) {
    assert.equal((await put(path, {})).status, 400, path);
    assert.equal((await each.run(path)).status, 400, path);
  }
  assert.equal((await put('a/b', { cas_required: true })).status, 400);
  assert.equal((await put('a/b', { cas_required: true, cas: 0 })).status, 400);
  assert.equal((await put('a/b', { cas_required: true, cas: -1 })).status, 200);
  assert.equal((await put('a/b', { cas: -1 })).status, 400);
  assert.equal((await put('a/b', {})).status, 400);
  assert.equal((await put('a/b', { cas: 2 })).status, 400);
  assert.equal((await put('a/b', { cas: 1, description: 'd' })).reply?.data?.['version'], 2);
  assert.equal((await put('a/b', { cas: 1 })).status, 400, 'of a version that is gone');
  await put('c', {});
  const listed = await each.must('LIST', 'sys/workflows/manage');
  assert.deepEqual([listed['keys'], Object.keys(listed['key_info'] as object)], [['a/', 'c'], ['c']]);
  assert.deepEqual((await each.must('LIST', 'sys/workflows/manage/a'))['keys'], ['b']);
  assert.deepEqual((await each.must('SCAN', 'sys/workflows/manage'))['keys'], ['a/b', 'c']);
  await each.must('DELETE', 'sys/workflows/manage/a/b');
  assert.equal((await each.send('GET', 'sys/workflows/manage/a/b')).status, 404);
  assert.equal(said(await each.run('a/b')), '404 workflow does not exist');
});

test('a token that is kept nowhere runs none: its requests would have none to carry', async () => {
  await using each = await world();
  await each.must('POST', 'sys/auth/userpass', { body: { type: 'userpass' } });
  await each.must('POST', 'sys/policies/acl/run', { body: { policy: MAY_RUN } });
  await each.must('POST', 'auth/userpass/users/u', { body: { password: 'p', token_policies: ['run'] } });
  await each.write('w', flow(READ));
  const parameter = Buffer.from(JSON.stringify({ key: 'password', value: 'p' })).toString('base64url');
  const { token: _, ...request } = requestOf('POST', 'sys/workflows/execute/w', { body: {} });
  const headers = {
    'x-vault-inline-auth-path': 'auth/userpass/login/u',
    'x-vault-inline-auth-parameter-a': parameter,
  };
  const outcome = await each.node.handle({ ...request, token: undefined, headers });
  assert.match(said(outcome), /^40[03] /);
  assert.doesNotMatch(said(outcome), /CANARY/);
});
