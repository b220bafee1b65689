/** At a region: workflows come with the hub's other documents, and run where they are asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testHub, testRegion } from '../support/cluster.ts';
import { ask } from '../support/node.ts';

const WORKFLOW = `input { field "string" "value" {} }
  flow "f" {
    request "w" {
      operation = "update"
      path = "eu/secret/data/app"
      data = { data = { v = { eval_source = "input", eval_type = "string", field_name = "value" } } }
    }
    request "own" { operation = "update", path = "cubbyhole/a", data = { b = "c" } }
    request "r" { operation = "read", path = "eu/secret/data/app" }
  }
  output { data = { v = { eval_source = "response", eval_type = "any", flow_name = "f", response_name = "r", field_selector = ["data", "data", "v"] } } }`;

test('a workflow of the hub runs at a region: what it writes of the hub goes there, by the rights of who asks', async () => {
  const hub = await testHub();
  await using _hub = hub.node;
  const must = async (path: string, body: object): Promise<void> => {
    const { status, errors } = await ask(hub.node, 'POST', path, { token: hub.root, body: { ...body } });
    assert.ok(status < 300, `${path}: ${(errors ?? []).join()}`);
  };
  await must('sys/namespaces/eu', {});
  await must('eu/sys/mounts/secret', { type: 'kv-v2' });
  await must('sys/auth/approle', { type: 'approle' });
  const rules = ['eu/secret/*', 'cubbyhole/*', 'sys/workflows/execute/*'].map(
    (path) => `path "${path}" { capabilities = ["create", "read", "update"] }`,
  );
  await must('sys/policies/acl/app', { policy: rules.join('\n') });
  const login = { bind_secret_id: false, secret_id_bound_cidrs: ['127.0.0.0/8'] };
  await must('auth/approle/role/app', { ...login, role_id: 'app', token_policies: ['app'] });
  await must('auth/approle/role/less', { ...login, role_id: 'less' });
  await must('sys/workflows/manage/set', { workflow: WORKFLOW });
  await must('eu/sys/workflows/manage/in', { workflow: WORKFLOW });
  await must('sys/workflows/manage/kept', { workflow: WORKFLOW });
  const filter = ['eu/', 'auth/approle/', 'sys/policies/acl/app', 'sys/workflows/manage/set'];
  const eu = await testRegion(hub, 'eu', filter);
  await using _eu = eu.node;
  const done = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body: { latest: true, timeout: 10 } });
  assert.equal(done.reply?.data?.['state'], 'done');

  const there = (path: string) => ask(eu.node, 'GET', path, { token: eu.root });
  assert.equal((await there('sys/workflows/manage/set')).reply?.data?.['version'], 1);
  assert.equal((await there('eu/sys/workflows/manage/in')).status, 200);
  assert.equal((await there('sys/workflows/manage/kept')).status, 404, 'the filter does not name it');

  const tokenOf = async (role: string): Promise<string> => {
    const { auth } = await ask(eu.node, 'POST', 'auth/approle/login', { body: { role_id: role } });
    return String(auth?.['client_token']);
  };
  const run = async (role: string) => {
    const body = { value: 'from the region' };
    return ask(eu.node, 'POST', 'sys/workflows/execute/set', { token: await tokenOf(role), body });
  };
  assert.equal((await run('less')).status, 403);
  const ran = await run('app');
  assert.deepEqual(ran.errors, undefined);
  assert.deepEqual(ran.reply?.data, { v: 'from the region' });
  const read = await ask(hub.node, 'GET', 'eu/secret/data/app', { token: hub.root });
  assert.deepEqual(read.reply?.data?.['data'], { v: 'from the region' });
});
