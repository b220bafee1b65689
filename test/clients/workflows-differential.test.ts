/** Workflows: the same documents written and run at OpenBao and here, the same answers but for what docs/workflows.md lists. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { differences } from './differential/compare.ts';
import { normalised } from './differential/normalise.ts';
import { replay } from './differential/replay.ts';
import { get, isFields, list, post, remove, type Reply, type Step } from './differential/step.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { devServer } from './support/server.ts';
import { CASES, DIFFERENCES, type Case, type Known } from './workflow-documents.ts';

const binary = await openbao();
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;
const OPEN = 'allow_unauthenticated_workflows = true\n';
const shown = new Set<Known>();

async function both(): Promise<AsyncDisposable & { readonly addresses: readonly string[] }> {
  const bao = await startOpenBao(binary ?? '', OPEN);
  const own = await devServer(OPEN);
  for (const { address } of [bao, own]) {
    await replay(address, [post('secret/data/a', { data: { x: '1', n: 5, l: [1, 'b'], b: true } })]);
  }
  return {
    addresses: [bao.address, own.address],
    [Symbol.asyncDispose]: async () => {
      await bao[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
    },
  };
}

/**
 * Whether it is refused when it is written or when it is run does not count, nor with which of 400 and 500: OpenBao answers
 * 500 for a mistake of the document or the input.
 */
const answerOf = ({ status, body }: Reply): unknown => {
  if (status === 400 || status === 500) return 'refused';
  if (status >= 400) return status;
  return { status, data: isFields(body) ? normalised(body['data'], new Map()) : 'no body' };
};

async function ran(address: string, { workflow, input = {} }: Case): Promise<unknown> {
  const { answers } = await replay(address, [
    post('sys/workflows/manage/t', { workflow }),
    post('sys/workflows/execute/t', input),
    remove('sys/workflows/manage/t'),
  ]);
  const [written, done] = answers.map(({ reply }) => reply);
  assert.ok(written !== undefined && done !== undefined);
  return written.status >= 400 ? 'refused' : answerOf(done);
}

const differing = (theirs: unknown, ours: unknown): readonly string[] =>
  differences({ status: 0, body: theirs }, { status: 0, body: ours }).map(
    (each) => `  ${each.at}: OpenBao ${each.theirs}, Lockstep ${each.ours}`,
  );

test('workflows answer as at OpenBao, but for what is known', { skip }, async (context: TestContext) => {
  await using servers = await both();
  const wrong: string[] = [];
  for (const each of CASES) {
    const [theirs, ours] = await Promise.all(servers.addresses.map((address) => ran(address, each)));
    const found = differing(theirs, ours);
    if (each.differs !== undefined) shown.add(each.differs);
    if (found.length > 0 === (each.differs !== undefined)) continue;
    wrong.push([each.name, ...(found.length > 0 ? found : [`  is alike: ${JSON.stringify(ours)}`])].join('\n'));
  }
  context.diagnostic(`${String(CASES.length)} workflows`);
  assert.equal(wrong.join('\n'), '');
});

interface Asked {
  readonly step: Step;
  readonly differs?: Known;
}

const asked = (step: Step, differs?: Known): Asked => ({ step, ...(differs === undefined ? {} : { differs }) });
const manage = (path: string): string => `sys/workflows/manage/${path}`;
const WORKFLOW = 'flow "f" { request "r" { operation = "read", path = "secret/data/a" } }';
const calls = (path: string, more = ''): string =>
  `flow "f" { request "c" { operation = "update", path = "${path}"${more} } }`;
const LOGIN = `input { field "string" "password" {} }
  flow "f" {
    request "l" {
      operation = "update"
      path = "auth/userpass/login/u"
      data = { password = { eval_source = "input", eval_type = "string", field_name = "password" } }
    }
    request "s" {
      operation = "read"
      path = "auth/token/lookup-self"
      token = { eval_source = "response", eval_type = "string", flow_name = "f", response_name = "l", field_selector = ["auth", "client_token"] }
    }
  }
  output {
    data = { p = { eval_source = "response", eval_type = "any", flow_name = "f", response_name = "s", field_selector = ["data", "policies"] } }
  }`;
const open = { allow_unauthenticated: true };
const inNamespace = (header: string): string =>
  `flow "f" { request "r" { operation = "read", path = "kv/a", headers = { "X-Vault-Namespace" = ["${header}"] } } }
   output { data = { v = { eval_source = "response", eval_type = "any", flow_name = "f", response_name = "r", field_selector = "data" } } }`;

const RECORDS: readonly Asked[] = [
  ...[list('sys/workflows/manage'), get(manage('none')), remove(manage('none'))].map((step) => asked(step)),
  asked(post('sys/workflows/execute/none', {})),
  asked(get('sys/workflows/execute/none')),
  ...[{}, { workflow: '' }, { workflow: 'flow {{{' }, { description: 'd' }].map((body) =>
    asked(post(manage('a'), body)),
  ),
  asked(post(manage('a'), { workflow: WORKFLOW, description: 'd' })),
  asked(get(manage('a'))),
  asked(list('sys/workflows/manage')),
  asked(post(manage('a'), { workflow: WORKFLOW, cas: -1 })),
  asked(post(manage('a'), { workflow: WORKFLOW, cas_required: true })),
  asked(post(manage('c'), { workflow: WORKFLOW, cas: -1, cas_required: true, ...open })),
  ...[{}, { cas: 0 }, { cas: 7 }, { cas: -1 }, { cas: 1 }, { cas: 2, cas_required: true }, { cas: 3 }].flatMap(
    (more) => [asked(post(manage('c'), { workflow: WORKFLOW, ...more })), asked(get(manage('c')))],
  ),
  ...[0, 5, -5].map((cas) => asked(post(manage('new'), { workflow: WORKFLOW, cas }))),
  asked(post(manage('c'), { description: 'only' })),
  asked(list('sys/workflows/manage')),
  asked(list('sys/workflows/manage?after=a&limit=1')),
  asked({ method: 'PATCH', path: manage('c'), body: { description: 'x' } }),
  ...['a.b', '.x', 'x+y', 'x%20y', '%C3%BC', 'x..y'].flatMap((name) => [
    asked(post(manage(name), { workflow: WORKFLOW })),
    asked(remove(manage(name))),
  ]),
  asked(post(manage('x/'), { workflow: WORKFLOW })),
  asked(post(manage('Up'), { workflow: WORKFLOW }), 'capitals'),
  asked(remove(manage('up'))),
  // Runs.
  asked(post('sys/auth/userpass', { type: 'userpass' })),
  asked(post('auth/userpass/users/u', { password: 'p' })),
  asked(post(manage('login'), { workflow: LOGIN, ...open })),
  ...[{ password: 'p' }, { password: 'x' }, {}].map((body) =>
    asked(post('sys/workflows/unauthed-execute/login', body, { token: '' })),
  ),
  asked(post(manage('plain'), { workflow: WORKFLOW, ...open })),
  asked(post('sys/workflows/unauthed-execute/plain', {}, { token: '' })),
  asked(post('sys/workflows/unauthed-execute/plain', {}), 'token'),
  ...['a', 'none'].map((path) => asked(post(`sys/workflows/unauthed-execute/${path}`, {}, { token: '' }))),
  asked(post(manage('unself'), { workflow: calls('sys/workflows/unauthed-execute/unself'), ...open })),
  asked(post('sys/workflows/unauthed-execute/unself', {}, { token: '' })),
  asked(
    post(manage('inner'), { workflow: calls('sys/workflows/unauthed-execute/login', ', data = { password = "p" }') }),
  ),
  asked(post('sys/workflows/execute/inner', {})),
  asked(post(manage('c1'), { workflow: WORKFLOW })),
  ...[2, 3, 4, 5, 6].map((at) =>
    asked(post(manage(`c${at}`), { workflow: calls(`sys/workflows/execute/c${at - 1}`) })),
  ),
  ...[4, 5, 6].map((at) => asked(post(`sys/workflows/execute/c${at}`, {}))),
  // Policies.
  asked(post('sys/policies/acl/run', { policy: 'path "sys/workflows/*" { capabilities = ["update"] }' })),
  asked(post('auth/token/create', { policies: ['run'] }, { keep: { limited: 'auth.client_token' } })),
  asked(post('sys/workflows/execute/plain', {}, { token: '{limited}' })),
  asked(get(manage('plain'), { token: '{limited}' })),
  asked(post('sys/workflows/trace/plain', {}, { token: '{limited}' }), 'sudo'),
  asked(post('sys/workflows/execute/plain', {}, { token: '' })),
  // Namespaces.
  asked(post('sys/namespaces/n1', {})),
  ...['', 'n1/'].flatMap((at) => [
    asked(post(`${at}sys/mounts/kv`, { type: 'kv' })),
    asked(post(`${at}kv/a`, { in: at })),
  ]),
  ...[
    ['', 'n1'],
    ['n1/', ''],
    ['n1/', 'root'],
    ['n1/', 'n1'],
  ].flatMap(([at = '', header = '']) => [
    asked(post(`${at}${manage('ns')}`, { workflow: inNamespace(header) })),
    asked(post(`${at}sys/workflows/execute/ns`, {})),
  ]),
  asked(list('n1/sys/workflows/manage')),
];

test('they are kept and run as at OpenBao, but for what is known', { skip }, async () => {
  await using servers = await both();
  const plain = RECORDS.map(({ step }) => step);
  const [theirs, ours] = await Promise.all(servers.addresses.map((address) => replay(address, plain)));
  const wrong = RECORDS.flatMap(({ step, differs }, at) => {
    const [one, other] = [theirs, ours].map((side) => {
      const reply = side?.answers[at]?.reply;
      assert.ok(reply !== undefined);
      const body = normalised(reply.body, side?.kept ?? new Map());
      // Of both: made in words of one's own, or by Vault alone.
      const told = isFields(body)
        ? { ...body, mount_type: '', warnings: '', errors: Array.isArray(body['errors']) }
        : body;
      const status = step.path.includes('execute') && reply.status === 500 ? 400 : reply.status;
      return reply.status >= 400 ? { status } : { status, told };
    });
    if (differs !== undefined) shown.add(differs);
    const found = differing(one, other).filter((line) => !/ body\.told\.(auth\.|data\.id:)/.test(line));
    return found.length > 0 === (differs !== undefined) ? [] : [[JSON.stringify(step), ...found].join('\n')];
  });
  assert.equal(wrong.join('\n'), '');
});

test('a folder of workflows is listed, which ends the request at OpenBao', { skip }, async () => {
  await using servers = await both();
  const [bao = '', own = ''] = servers.addresses;
  const steps = [post(manage('a/b'), { workflow: WORKFLOW }), list('sys/workflows/manage')];
  await assert.rejects(replay(bao, steps));
  const { answers } = await replay(own, steps);
  const body = answers[1]?.reply.body;
  assert.ok(isFields(body) && isFields(body['data']));
  assert.deepEqual(body['data']['keys'], ['a/']);
  shown.add('folders');
});

test('docs/workflows.md has each of the differences', { skip }, () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/workflows.md'), 'utf8').replaceAll(/\s+/g, ' ');
  assert.deepEqual(
    Object.values(DIFFERENCES).filter((each) => !page.includes(each)),
    [],
  );
  assert.deepEqual(
    Object.keys(DIFFERENCES).filter((each) => !shown.has(each as Known)),
    [],
    'shown by no case',
  );
});
