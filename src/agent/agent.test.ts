import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { test, type TestContext } from 'node:test';
import { agentConfig } from '../config/agent.ts';
import { parseHcl } from '../lib/hcl/index.ts';
import { acknowledged, run, type Running, workplace } from './agent.testing.ts';
import { roleId, secretId, testServer } from './server.testing.ts';

test('logs in, fills sink and files, and acknowledges what is in place, with a proof', async (t) => {
  await using server = await testServer();
  const index = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using running = run(server, place);
  await acknowledged(server, index);
  assert.equal(place.read('out/db'), 'p1');
  assert.equal(fs.statSync(place.path('out/db')).mode & 0o777, 0o400);
  // Files do not wait for the sinks.
  await running.logged('wrote the token');
  assert.ok(server.tokens.has(place.read('token')));
  assert.equal(fs.statSync(place.path('token')).mode & 0o777, 0o600);
  const [ack] = server.acks;
  assert.deepEqual(ack, {
    kind: 'ack',
    index,
    nonce: 'nonce-0',
    files: { 'secret/data/db': { version: 1, digest: server.digest('nonce-0', { password: 'p1' }) } },
  });
  const [stream] = server.streams;
  assert.deepEqual(
    [stream?.query.getAll('path'), stream?.query.get('consumer'), stream?.query.get('index')],
    [['secret/data/db'], 'web-1', index],
  );
});

test('a pushed change is read with its index, written, then acknowledged; the file is never older than that', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using running = run(server, place);
  await acknowledged(server, first);
  for (let n = 2; n <= 20; n += 1) {
    const index = server.write('secret/data/db', { password: `p${n}` });
    await acknowledged(server, index);
    assert.equal(place.read('out/db'), `p${n}`);
    assert.ok(server.carried.at(-1)?.includes(index), `${server.carried.at(-1)} carries ${index}`);
  }
  assert.equal(server.acks.at(-1)?.files['secret/data/db']?.version ?? 20, 20);
  await running.logged('version=20');
});

test('an index is not acknowledged while a file cannot be written, and is once it can', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using running = run(server, place);
  await acknowledged(server, first);
  fs.unlinkSync(place.path('out/db'));
  fs.mkdirSync(place.path('out/db'));
  const index = server.write('secret/data/db', { password: 'p2' });
  await running.logged('cannot put the secret in place');
  const later = server.write('secret/data/other', { x: 'y' });
  await running.logged('cannot put the secret in place', running.lines.length);
  assert.ok(!server.acks.some((ack) => ack.index === index || ack.index === later));
  fs.rmdirSync(place.path('out/db'));
  await acknowledged(server, later);
  assert.equal(place.read('out/db'), 'p2');
});

test('a credential that is not there yet is told apart from a server that is not', async (t) => {
  await using server = await testServer();
  const index = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  fs.rmSync(place.path('role-id'));
  await using running = run(server, place);
  assert.match(await running.logged('login failed'), /failure=no_credentials/);
  fs.writeFileSync(place.path('role-id'), roleId, { mode: 0o600 });
  await acknowledged(server, index);
});

test('a stream that is cut is resumed after what was applied; what happened meanwhile arrives', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using _running = run(server, place);
  await acknowledged(server, first);
  server.streams[0]?.socket.terminate();
  await server.until(() => server.streams.length === 0);
  const missed = server.write('secret/data/db', { password: 'p2' });
  await acknowledged(server, missed);
  assert.equal(place.read('out/db'), 'p2');
  assert.equal(server.streams[0]?.query.get('index'), first);
});

test('a history that does not reach back leads to reading everything anew', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using running = run(server, place);
  await acknowledged(server, first);
  server.resumable = false;
  server.write('secret/data/db', { password: 'p2' }, { silent: true });
  server.streams[0]?.send({ kind: 'closing', reason: 'slow', resume: first });
  server.streams[0]?.socket.close();
  await running.logged('version=2');
  assert.equal(place.read('out/db'), 'p2');
  await acknowledged(server, server.index());
});

test('a mount that changed is read anew; what nobody may follow is polled, and not acknowledged', async (t) => {
  await using server = await testServer();
  server.write('secret/data/db', { password: 'p1' });
  const first = server.write('secret/data/quiet', { v: '1' });
  server.unsubscribable.add('secret/data/quiet');
  const place = workplace(t);
  const secrets = `
    secret "db" { path = "secret/data/db" destination = "${place.path('db')}" }
    secret "quiet" { path = "secret/data/quiet" destination = "${place.path('quiet')}" }`;
  await using running = run(server, place, { secrets, more: 'poll_interval = "300ms"' });
  await acknowledged(server, first);
  assert.deepEqual(server.streams[0]?.query.getAll('path'), ['secret/data/db']);
  assert.deepEqual(Object.keys(server.acks[0]?.files ?? {}), ['secret/data/db']);
  server.write('secret/data/quiet', { v: '2' }, { silent: true });
  await running.logged('secret=quiet version=2');
  server.write('secret/data/db', { password: 'p2' }, { silent: true });
  server.streams[0]?.send({ kind: 'event', index: server.index(), path: 'secret/*', operation: 'mount' });
  await acknowledged(server, server.index());
  assert.equal(place.read('db'), '{"password":"p2"}\n');
});

test('deleted, denied and unreachable are three answers; the file stays through all of them', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const more = `poll_interval = "20ms"\ncache { persist "file" { path = "${place.path('cache')}" } }`;
  await using running = run(server, place, { more });
  await acknowledged(server, first);
  const entries = (): number => fs.readdirSync(place.path('cache')).filter((name) => !name.startsWith('conf')).length;
  assert.equal(entries(), 1);
  server.status = 503;
  await running.logged('secret unreachable');
  assert.equal(entries(), 1, 'an outage erases nothing');
  server.status = undefined;
  server.denied.add('secret/data/db');
  await running.logged('secret denied');
  await running.logged('"the policy does not allow the read');
  await server.until(() => entries() === 0);
  server.denied.clear();
  server.write('secret/data/db', { password: 'p2' }, { silent: true });
  await running.logged('version=2');
  assert.equal(entries(), 1);
  server.write('secret/data/db', null, { silent: true });
  await running.logged('secret missing');
  assert.equal(place.read('out/db'), 'p2');
  assert.equal([...server.tokens].length, 1, 'the token was valid all along');
});

test('a deleted secret takes its file along where that is wanted, after its grace', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const secrets = ['now', 'later'].map(
    (name) => `secret "${name}" { path = "secret/data/db" destination = "${place.path(name)}"
      remove_after = "${name === 'now' ? '0s' : '1h'}" }`,
  );
  await using running = run(server, place, { secrets: secrets.join('\n') });
  await acknowledged(server, first);
  server.write('secret/data/db', null);
  await running.logged('removed the file of a deleted secret');
  assert.deepEqual([fs.existsSync(place.path('now')), fs.existsSync(place.path('later'))], [false, true]);
});

test('a token that is gone is replaced, in the sink too, and the files follow again', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using running = run(server, place);
  await acknowledged(server, first);
  // Files do not wait for the sinks.
  await running.logged('wrote the token');
  const old = place.read('token');
  server.tokens.delete(old);
  server.streams[0]?.send({ kind: 'closing', reason: 'revoked', resume: first });
  server.streams[0]?.socket.close();
  await running.logged('the token serves no more');
  const index = server.write('secret/data/db', { password: 'p2' });
  await acknowledged(server, index);
  assert.equal(place.read('out/db'), 'p2');
  await running.logged(
    'wrote the token',
    running.lines.findIndex((line) => line.includes('serves no more')),
  );
  assert.notEqual(place.read('token'), old);
  assert.ok(!server.asked.some((asked) => asked.includes('revoke')));
});

test('new credentials are noticed; wrong ones are tried again, never given up', async (t) => {
  await using server = await testServer();
  server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  fs.writeFileSync(place.path('secret-id'), 'wrong');
  await using running = run(server, place);
  await running.logged('failure=refused');
  fs.writeFileSync(place.path('secret-id'), secretId);
  await running.logged('wrote the file');
  assert.equal(place.read('out/db'), 'p1');
});

test('a secret-id that is read once serves again from memory', async (t) => {
  await using server = await testServer();
  const first = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using running = run(server, place, { removed: true });
  await acknowledged(server, first);
  assert.equal(fs.existsSync(place.path('secret-id')), false);
  server.tokens.clear();
  server.streams[0]?.send({ kind: 'closing', reason: 'revoked', resume: first });
  await running.logged('logged in', running.lines.length);
});

test('with exit_after_auth it ends once everything is in place', async (t) => {
  await using server = await testServer();
  const place = workplace(t);
  await using running = run(server, place, { more: 'exit_after_auth = true\npoll_interval = "20ms"' });
  await running.logged('secret missing');
  server.write('secret/data/db', { password: 'p1' });
  assert.equal(await running.ended, 0);
  assert.equal(place.read('out/db'), 'p1');
  assert.ok(server.tokens.has(place.read('token')), 'the token is not revoked at the end');
});

/** From now on each file waits at its place until it is let through. Resolves once that many are there. */
function heldFiles(t: TestContext, wanted: number) {
  const { rename } = fs.promises;
  const held: string[] = [];
  const all = Promise.withResolvers<undefined>();
  const gate = Promise.withResolvers<undefined>();
  const mocked = t.mock.method(fs.promises, 'rename', async (from: string, to: string) => {
    if (held.push(to) === wanted) all.resolve(undefined);
    await gate.promise;
    await rename(from, to);
  });
  syncBuiltinESMExports();
  t.after(() => {
    mocked.mock.restore();
    syncBuiltinESMExports();
  });
  return { all: all.promise, pass: () => gate.resolve(undefined) };
}

async function endsAfter(running: Running, pass: () => void): Promise<void> {
  running.agent.stop();
  let hasEnded = false;
  void running.ended.then(() => (hasEnded = true));
  for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
  assert.equal(hasEnded, false);
  pass();
  await running.ended;
}

test('it has ended only when no file is on its way any more', async (t) => {
  await using server = await testServer();
  server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  const held = heldFiles(t, 2);
  await using running = run(server, place);
  await held.all;
  await endsAfter(running, held.pass);
  assert.deepEqual(fs.readdirSync(place.path('out')), ['db']);
  assert.ok(server.tokens.has(place.read('token')));
});

test('it has ended only when what was pushed is in place', async (t) => {
  await using server = await testServer();
  const index = server.write('secret/data/db', { password: 'p1' });
  const place = workplace(t);
  await using running = run(server, place);
  await acknowledged(server, index);
  await running.logged('wrote the token');
  const held = heldFiles(t, 1);
  server.write('secret/data/db', { password: 'p2' });
  await held.all;
  await endsAfter(running, held.pass);
  assert.equal(place.read('out/db'), 'p2');
});

test('with exit_on_err it ends after a failed login', async (t) => {
  await using server = await testServer();
  server.status = 500;
  await using running = run(server, workplace(t), { method: 'exit_on_err = true' });
  assert.equal(await running.ended, 1);
});

test('no secret, token or credential is in logs, metrics, cache or names', async (t) => {
  await using server = await testServer();
  const canary = 'canary-b81f';
  const first = server.write('secret/data/db', { password: canary, [`field-${canary.length}`]: 'x' });
  const place = workplace(t);
  const more = `cache { persist "file" { path = "${place.path('cache')}" } }
    listener "unix" { address = "${place.path('health.sock')}" }`;
  await using running = run(server, place, { more });
  await acknowledged(server, first);
  const { request } = await import('node:http');
  const pages = await Promise.all(
    ['/healthz', '/metrics', '/other'].map(
      (path) =>
        new Promise<string>((resolve, reject) => {
          request({ socketPath: place.path('health.sock'), path }, (response) => {
            let text = `${response.statusCode} `;
            response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
            response.on('end', () => resolve(text));
          })
            .on('error', reject)
            .end();
        }),
    ),
  );
  assert.match(pages[0] ?? '', /^200 \{"status":"ok"/);
  assert.match(pages[1] ?? '', /^200 [^]*lockstep_agent_secret_in_place\{secret="db"\} 1/);
  assert.match(pages[2] ?? '', /^404/);
  server.status = 500;
  server.streams[0]?.socket.terminate();
  await running.logged('changes are not pushed');
  const cached = fs
    .readdirSync(place.path('cache'))
    .map((name) => name + fs.readFileSync(place.path(`cache/${name}`), 'latin1'));
  const written = [...running.lines, ...pages, ...cached].join('\n');
  for (const word of [canary, secretId, ...server.tokens]) assert.ok(!written.includes(word), word);
});

test('the example and the page hold configurations that are valid, without a warning', () => {
  const root = new URL('../../', import.meta.url);
  const page = fs.readFileSync(new URL('docs/agent.md', root), 'utf8');
  const [onPage = ''] = [...page.matchAll(/```hcl\n(lockstep \{[^]*?)```/g)].map(([, text]) => text);
  for (const text of [fs.readFileSync(new URL('examples/agent/agent.hcl', root), 'utf8'), onPage]) {
    assert.deepEqual(agentConfig([parseHcl(text)], {}, {}).warnings, []);
  }
});
