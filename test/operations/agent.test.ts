import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentProcess, Region, root, Workplace } from '../support/agent-process.ts';

const secret = (place: Workplace, name: string, keys = 'field = "v"'): string =>
  `secret "${name}" { path = "secret/data/app/${name}" ${keys} destination = "${place.path(`out/${name}`)}" }`;

test('logs in, writes files, follows changes, ends cleanly and leaves the token alive', async (t) => {
  await using region = await Region.start();
  await region.write('db', { v: 'one', other: 1 });
  const place = new Workplace(t);
  const sink = `auto_auth { sink "file" { config { path = "${place.path('token')}" } } }`;
  await place.configure(region, { more: `${secret(place, 'db')}\n${secret(place, 'late', 'format = "env"')}` });
  fs.writeFileSync(
    place.path('agent.hcl'),
    place.read('agent.hcl').replace('auto_auth {', `auto_auth { ${sink.slice(11, -1)}`),
  );
  await using agent = new AgentProcess(place);
  await agent.logged('changes are pushed');
  assert.equal(place.read('out/db'), 'one');
  assert.equal(fs.statSync(place.path('out/db')).mode & 0o777, 0o400);
  assert.equal(place.read('pid').trim(), String(agent.pid));
  const before = await place.page('/healthz');
  assert.deepEqual(
    [before.status, JSON.parse(before.text)],
    [503, { status: 'incomplete', missing: [{ name: 'late', condition: 'missing' }] }],
  );
  await region.write('db', { v: 'two', other: 2 });
  await agent.logged('secret=db version=2');
  assert.equal(place.read('out/db'), 'two');
  await region.write('late', { K: "it's" });
  await agent.logged('secret=late version=1');
  assert.equal(place.read('out/late'), "K='it'\\''s'\n");
  assert.equal((await place.page('/healthz')).status, 200);
  agent.signal('SIGTERM');
  assert.deepEqual(await agent.exit, { code: 0, signal: null });
  assert.equal(fs.existsSync(place.path('pid')), false);
  const token = place.read('token');
  assert.equal((await region.server.ask('GET', '/v1/auth/token/lookup-self', { token })).status, 200);
});

test('what `wait` says is true: once a change has converged, the file holds it', async (t) => {
  await using region = await Region.start();
  await region.write('db', { v: '0' });
  const place = new Workplace(t);
  await place.configure(region, { more: secret(place, 'db') });
  await using agent = new AgentProcess(place);
  await agent.logged('changes are pushed');
  const wait = async (timeout: string) => {
    const { json } = await region.ask('POST', 'sys/wait', { latest: true, timeout });
    return json['data'] as {
      state: string;
      acknowledged: { name: string }[];
      missing: { name: string; why: string }[];
    };
  };
  for (let n = 1; n <= 10; n += 1) {
    await region.write('db', { v: String(n) });
    const { state, acknowledged } = await wait('20s');
    assert.equal(state, 'done');
    assert.ok(acknowledged.some(({ name }) => name === 'web-1'));
    assert.equal(place.read('out/db'), String(n));
  }
  const ours = await region.ask('GET', 'sys/consumers/web-1');
  assert.match(ours.text, /"state":"connected"/);
  // What cannot be put in place is not acknowledged, and `wait` names who lacks it.
  fs.unlinkSync(place.path('out/db'));
  fs.mkdirSync(place.path('out/db'));
  await region.write('db', { v: 'never' });
  const behind = await wait('1s');
  assert.deepEqual([behind.state, behind.missing.map(({ name }) => name)], ['missing', ['web-1']]);
  fs.rmdirSync(place.path('out/db'));
  assert.equal((await wait('30s')).state, 'done');
  assert.equal(place.read('out/db'), 'never');
  assert.ok(!agent.lines.some((line) => line.includes('ended the stream')), agent.lines.join('\n'));
});

test('renews its token, and logs in anew when that is revoked; its policy is asked again', async (t) => {
  await using region = await Region.start({ token_ttl: '2s' });
  await region.write('db', { v: 'one' });
  const place = new Workplace(t);
  await place.configure(region, { more: secret(place, 'db') });
  await using agent = new AgentProcess(place);
  await agent.logged('wrote the file');
  await agent.logged('renewed');
  const accessor = /accessor=(\S+)/.exec(await agent.logged('logged in'))?.[1];
  const from = agent.lines.length;
  await region.ask('POST', 'auth/token/revoke-accessor', { accessor });
  await agent.logged('logged in', from);
  await region.write('db', { v: 'two' });
  await agent.logged('version=2', from);
  assert.equal(place.read('out/db'), 'two');
});

test('a right that is taken away erases the cached copy, and the file stays', async (t) => {
  await using region = await Region.start();
  await region.write('db', { v: 'one' });
  const place = new Workplace(t);
  await place.configure(region, { more: `${secret(place, 'db')}\npoll_interval = "100ms"` });
  await using agent = new AgentProcess(place);
  await agent.logged('changes are pushed');
  await region.ask('PUT', 'sys/policies/acl/app', { policy: 'path "other" { capabilities = ["read"] }' });
  await agent.logged('secret denied');
  assert.equal(place.read('out/db'), 'one');
  await region.ask('PUT', 'sys/policies/acl/app', {
    policy: 'path "secret/data/app/*" { capabilities = ["read", "subscribe"] }',
  });
  await region.write('db', { v: 'two' });
  await agent.logged('version=2');
  assert.equal(agent.lines.filter((line) => line.includes('logged in')).length, 1, 'the token was never in doubt');
});

test('a restart while the region hangs serves from the encrypted copy; then it converges', async (t) => {
  await using region = await Region.start();
  const canary = 'canary-77ab01';
  await region.write('db', { v: canary });
  await region.write('gone', { v: 'x' });
  const place = new Workplace(t);
  await place.configure(region, { more: `${secret(place, 'db')}\n${secret(place, 'gone')}` });
  {
    await using agent = new AgentProcess(place);
    await agent.logged('changes are pushed');
    await region.ask('DELETE', 'secret/data/app/gone');
    await agent.logged('secret missing');
    agent.signal('SIGKILL');
    await agent.exit;
  }
  for (const name of fs.readdirSync(place.path('out'))) fs.unlinkSync(place.path(`out/${name}`));
  region.server.signal('SIGSTOP');
  await using agent = new AgentProcess(place);
  await agent.logged('serving cached secrets');
  assert.equal(place.read('out/db'), canary);
  assert.equal(fs.statSync(place.path('out/db')).mode & 0o777, 0o400);
  assert.equal(fs.existsSync(place.path('out/gone')), false, 'what was deleted is not brought back');
  const health = JSON.parse((await place.page('/healthz')).text) as { missing: { name: string }[] };
  assert.deepEqual(
    health.missing.map(({ name }) => name),
    ['gone'],
  );
  region.server.signal('SIGCONT');
  await agent.logged('changes are pushed');
  await region.write('db', { v: 'after' });
  await agent.logged('secret=db version=2');
  assert.equal(place.read('out/db'), 'after');
  const kept = fs
    .readdirSync(place.path('cache'))
    .map((name) => fs.readFileSync(place.path(join('cache', name)), 'latin1'));
  const argv =
    fs.readFileSync(`/proc/${agent.pid}/cmdline`, 'utf8') + fs.readFileSync(`/proc/${agent.pid}/environ`, 'utf8');
  const metrics = (await place.page('/metrics')).text;
  const written = [...kept, ...agent.lines, metrics, argv].join('\n');
  for (const word of [canary, place.read('secret-id'), 'hvs.']) assert.ok(!written.includes(word), word);
});

test('a copy that is too old, or of another secret-id, is not served', async (t) => {
  await using region = await Region.start();
  await region.write('db', { v: 'one' });
  const place = new Workplace(t);
  await place.configure(region, { more: secret(place, 'db') });
  {
    await using agent = new AgentProcess(place);
    await agent.logged('changes are pushed');
    agent.signal('SIGTERM');
    await agent.exit;
  }
  fs.unlinkSync(place.path('out/db'));
  await region.server[Symbol.asyncDispose]();
  const config = place.read('agent.hcl');
  fs.writeFileSync(place.path('agent.hcl'), config.replace('persist "file" {', 'persist "file" { stale_max = "1ms"'));
  {
    await using agent = new AgentProcess(place);
    await agent.logged('too old to be served');
  }
  fs.writeFileSync(place.path('agent.hcl'), config);
  const secretId = place.read('secret-id');
  fs.writeFileSync(place.path('secret-id'), '00000000-0000-4000-8000-000000000000');
  {
    await using agent = new AgentProcess(place);
    const second = async (): Promise<string> => {
      const first = agent.lines.indexOf(await agent.logged('login failed'));
      return agent.logged('login failed', first + 1);
    };
    await second();
    assert.ok(!agent.lines.some((line) => line.includes('serving cached')));
  }
  fs.writeFileSync(place.path('secret-id'), secretId);
  await using agent = new AgentProcess(place);
  await agent.logged('serving cached secrets');
  assert.equal(place.read('out/db'), 'one');
});

test('takes a wrapped secret-id once, wraps the token of a sink, and refuses a wrapping of other origin', async (t) => {
  await using region = await Region.start();
  await region.write('db', { v: 'one' });
  const place = new Workplace(t);
  const wrap = async (path: string, method = 'POST'): Promise<void> => {
    const response = await fetch(`${await region.server.address()}/v1/${path}`, {
      method,
      headers: { 'X-Vault-Token': root, 'X-Vault-Wrap-TTL': '60s' },
    });
    const { wrap_info } = (await response.json()) as { wrap_info: { token: string } };
    fs.writeFileSync(place.path('secret-id'), wrap_info.token);
  };
  await wrap('secret/data/app/db', 'GET');
  const method = 'secret_id_response_wrapping_path = "auth/approle/role/web/secret-id"';
  await place.configure(region, { method, more: secret(place, 'db') });
  const config = place.read('agent.hcl');
  const sink = `sink "file" { wrap_ttl = "5m", config { path = "${place.path('token')}" } }`;
  fs.writeFileSync(place.path('agent.hcl'), config.replace('auto_auth {', `auto_auth {\n${sink}\n`));
  await using agent = new AgentProcess(place, {}, ['-exit-after-auth']);
  await agent.logged('it may have been swapped');
  await wrap('auth/approle/role/web/secret-id');
  assert.deepEqual(await agent.exit, { code: 0, signal: null }, agent.lines.join('\n'));
  assert.equal(place.read('out/db'), 'one');
  assert.equal(fs.existsSync(place.path('secret-id')), false);
  const { token } = JSON.parse(place.read('token')) as { token: string };
  const unwrapped = await region.server.ask('POST', '/v1/sys/wrapping/unwrap', { token, body: {} });
  const inner = (unwrapped.json['data'] as { token: string }).token;
  assert.equal((await region.server.ask('GET', '/v1/auth/token/lookup-self', { token: inner })).status, 200);
});

test('runs the command of a secret when its file has changed, and only then', async (t) => {
  await using region = await Region.start();
  await region.write('db', { v: 'one' });
  const place = new Workplace(t);
  const command = `field = "v" command = ["sh", "-c", "cat ${place.path('out/db')} >> ${place.path('ran')}; echo >> ${place.path('ran')}"]`;
  await place.configure(region, { more: secret(place, 'db', command) });
  const runs = async (agent: AgentProcess): Promise<void> => {
    const ran = /commands_total\{secret="db",result="success"\} (\d+)/;
    while (!ran.test((await place.page('/metrics')).text)) await agent.logged('');
  };
  {
    await using agent = new AgentProcess(place);
    await agent.logged('changes are pushed');
    await runs(agent);
  }
  await using agent = new AgentProcess(place);
  await agent.logged('changes are pushed');
  await region.write('db', { v: 'two' });
  await agent.logged('version=2');
  await runs(agent);
  assert.equal(place.read('ran'), 'one\ntwo\n');
});

test('SIGHUP opens its log anew, so that it can be rotated', async (t) => {
  await using region = await Region.start();
  await region.write('db', { v: 'one' });
  const place = new Workplace(t);
  await place.configure(region, { more: `${secret(place, 'db')}\nlog_file = "${place.path('agent.log')}"` });
  await using agent = new AgentProcess(place);
  await agent.logged('changes are pushed');
  fs.renameSync(place.path('agent.log'), place.path('agent.log.1'));
  agent.signal('SIGHUP');
  while (!fs.existsSync(place.path('agent.log'))) await new Promise((resolve) => setImmediate(resolve));
  await region.write('db', { v: 'two' });
  await agent.logged('version=2');
  while (!place.read('agent.log').includes('version=2')) await new Promise((resolve) => setImmediate(resolve));
  assert.match(place.read('agent.log.1'), /version=1/);
  assert.equal(fs.statSync(place.path('agent.log')).mode & 0o777, 0o600);
});

test('says what is wrong with its arguments, and shows how it is used', () => {
  const executable = join(import.meta.dirname, '../../bin/lockstep');
  assert.match(execFileSync(executable, ['agent', '-help'], { encoding: 'utf8' }), /\$ lockstep agent -config=/);
  assert.throws(
    () => execFileSync(executable, ['agent'], { encoding: 'utf8', stdio: 'pipe' }),
    (error: { status: number; stderr: string }) => error.status === 1 && /-config/.test(error.stderr),
  );
});
