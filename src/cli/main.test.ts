import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { json, misbehave, type Answer } from '../client/misbehaving.testing.ts';
import { run } from './main.ts';
import { terminalOf } from './terminal.testing.ts';
import { readToken, writeToken } from './token-file.ts';

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function lockstep(argv: readonly string[], input = ''): Promise<Ran> {
  const { terminal, written } = terminalOf(input);
  const code = await run(argv, terminal);
  return { code, ...written() };
}

test('an unknown verb, subcommand or flag names what was probably meant', async () => {
  for (const [argv, code, message] of [
    [['stats'], 127, /no command "stats": did you mean `status`\?/],
    [['kv', 'lst'], 1, /no command "lst": did you mean `list`\?/],
    [['kv', 'metadata', 'gte'], 1, /lockstep kv metadata: there is no command "gte": did you mean `get`\?/],
    [['kv', 'get', '-mont=a', 'b'], 1, /not defined: -mont: did you mean -mount\?\nSee 'lockstep kv get -h'/],
    [['toString'], 127, /no command "toString"/],
    [['kv', '__proto__'], 1, /no command "__proto__"/],
  ] as const) {
    const ran = await lockstep(argv);
    assert.deepEqual([ran.code, ran.stdout], [code, ''], argv.join(' '));
    assert.match(ran.stderr, message);
  }
});

test('arguments are counted before anything is asked', async () => {
  assert.deepEqual(await lockstep(['kv', 'get']), {
    code: 1,
    stdout: '',
    stderr: "Not enough arguments (expected 1, got 0)\nSee 'lockstep kv get -h'.\n",
  });
  assert.match((await lockstep(['status', 'x'])).stderr, /Too many arguments \(expected 0, got 1\)/);
  assert.match((await lockstep(['token', 'capabilities', 'a', 'b', 'c'])).stderr, /expected 1-2, got 3/);
});

test('help shows usage, examples and flags, on standard output', async () => {
  const { code, stdout } = await lockstep(['kv', 'put', '-h']);
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: lockstep kv put \[flags\] PATH K=V\.\.\.\n/);
  assert.match(stdout, /\$ lockstep kv put -mount=secret web\/db @db\.json\n/);
  assert.match(stdout, /\n {2}-cas=<int>\n/);
  assert.match(stdout, /\n {2}-namespace, -ns=<string>\n/);
  assert.ok(stdout.split('\n').every((line) => line.length <= 100));
  assert.equal((await lockstep(['kv', '-h'])).code, 0);
  assert.equal((await lockstep(['kv'])).code, 1);
});

test('no value of an argument is repeated in an error', async () => {
  const canary = 'hunter2-canary';
  for (const argv of [
    ['kv', 'put', 'secret/a', canary],
    ['write', 'secret/a', 'ok=1', canary],
    ['login', '-method=userpass', 'username=a', `pasword=${canary}`],
    ['token', 'create', `-ttl=${canary}`],
    ['kv', 'put', '-cas', canary, 'secret/a', 'b=c'],
  ]) {
    const ran = await lockstep([...argv, '-address=http://127.0.0.1:1']);
    assert.equal(ran.code, 1, argv.join(' '));
    assert.ok(!(ran.stdout + ran.stderr).includes(canary), ran.stderr);
  }
});

test('a server that cannot be reached is named, with the remedy and the exit code', async () => {
  const at = '-address=http://127.0.0.1:1';
  const read = await lockstep(['read', at, 'a']);
  assert.equal(read.code, 2);
  assert.match(read.stderr, /^Error reading a: http:\/\/127\.0\.0\.1:1: connection refused.*VAULT_ADDR/);
  assert.equal((await lockstep(['status', at])).code, 1);
  assert.equal((await lockstep(['wait', at, '-latest'])).code, 1);
  assert.equal((await lockstep(['wait', at])).code, 2);
  assert.equal((await lockstep(['status', '-address=ftp://x'])).code, 1);
  assert.equal((await lockstep(['status', '-ca-cert=/nonexistent', '-address=https://127.0.0.1:1'])).code, 1);
});

test('a refusal of a request without a token says that there was none', async (t) => {
  const before = process.env;
  t.after(() => {
    process.env = before;
  });
  process.env = { HOME: mkdtempSync(join(tmpdir(), 'lockstep-cli-')) };
  const denied = json(403, { errors: ['permission denied'] });
  await using server = await misbehave(denied, denied, denied);
  const at = `-address=${server.address}`;
  const none = /carried no token: set VAULT_TOKEN/;
  assert.match((await lockstep(['read', at, 'a'])).stderr, none);
  const login = await lockstep(['login', at, '-method=approle', '-no-store', 'role_id=r', 'secret_id=s']);
  assert.match(login.stderr, /no auth method is mounted at approle\//);
  assert.doesNotMatch(login.stderr, none);
});

test('data come from arguments, files and standard input', async () => {
  await using server = await misbehave((response) => response.writeHead(204).end());
  const at = `-address=${server.address}`;
  const file = join(mkdtempSync(join(tmpdir(), 'lockstep-cli-')), 'value');
  writeFileSync(file, '{"n":12345678901234567890}');
  await lockstep(['write', at, 'x', 'a=1', 'a=2', 'b=', 'c=d=e', 'f=\\@g', `h=@${file}`, 'i=-', '__proto__=p'], 'in\n');
  assert.equal(
    server.seen[0]?.body,
    '{"a":["1","2"],"b":"","c":"d=e","f":"@g","h":"{\\"n\\":12345678901234567890}","i":"in\\n","__proto__":"p"}',
  );
  await lockstep(['write', at, 'x', `@${file}`, '-'], '{"m":{"o":[true]}}');
  assert.equal(server.seen[1]?.body, '{"n":12345678901234567890,"m":{"o":[true]}}');
  assert.equal((await lockstep(['write', at, 'x', 'a=-', 'b=-'])).code, 1);
  assert.equal((await lockstep(['write', at, 'x', '-'], '[1]')).code, 1);
  assert.equal((await lockstep(['write', at, 'x', '-'], '{')).code, 1);
  assert.equal((await lockstep(['write', at, 'x'])).code, 1);
  assert.equal(server.seen.length, 2);
});

test('a request can be shown instead of made, without the token', async () => {
  const at = '-address=http://127.0.0.1:1';
  const { code, stdout } = await lockstep(['write', at, '-output-curl-string', 'secret/x', "a=it's", 'b=$HOME']);
  assert.equal(code, 0);
  assert.match(stdout, /^curl -X PUT -H "X-Vault-Request: true".* -d '\{"a":"it'"'"'s","b":"\$HOME"\}' "http:\/\/127/);
  const policy = await lockstep(['list', at, '-output-policy', 'secret/x']);
  assert.equal(policy.stdout, 'path "secret/x" {\n  capabilities = ["list"]\n}\n');
  for (const verb of ['scan', 'patch'] as const) {
    const { stdout: shown } = await lockstep([verb, at, '-output-policy', 'secret/x', 'a=b']);
    assert.equal(shown, `path "secret/x" {\n  capabilities = ["${verb}"]\n}\n`);
  }
});

test('headers of the API cannot be set by hand', async () => {
  const ran = await lockstep(['read', '-header=X-Vault-Token=a', '-address=http://127.0.0.1:1', 'a']);
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /-header: X-Vault-Token/);
});

test('a reload is asked for by the name of a plug-in or by mounts, as of OpenBao', async () => {
  await using server = await misbehave(json(200, { data: { reload_id: 'one' } }));
  const asked = [`-address=${server.address}`];
  const named = await lockstep(['plugin', 'reload', '-plugin=approle', '-scope=global', ...asked]);
  assert.deepEqual([named.code, named.stdout], [0, 'Success! Reloaded plugin: approle\n']);
  const mounts = await lockstep(['plugin', 'reload', '-mounts=a/,b/', ...asked]);
  assert.equal(mounts.stdout, 'Success! Reloaded mounts: a/, b/\n');
  assert.deepEqual(
    server.seen.map(({ url, body }) => [url, body]),
    [
      ['/v1/sys/plugins/reload/backend', '{"plugin":"approle","scope":"global"}'],
      ['/v1/sys/plugins/reload/backend', '{"mounts":["a/","b/"]}'],
    ],
  );
  for (const argv of [[], ['-plugin=a', '-mounts=b']]) {
    assert.match((await lockstep(['plugin', 'reload', ...argv, ...asked])).stderr, /exactly one of -plugin or -mounts/);
  }
});

test('no redirect is followed where none is to be', async () => {
  await using active = await misbehave(json(200, { data: {} }));
  await using standby = await misbehave((response, seen) =>
    response.writeHead(307, { location: `${active.address}${seen.url}` }).end(),
  );
  const ran = await lockstep(['read', '-disable-redirects', '-policy-override', `-address=${standby.address}`, 'a']);
  assert.match(ran.stderr, /no redirect is to be followed/);
  assert.deepEqual([ran.code === 0, active.seen.length], [false, 0]);
});

test('the token file is private from the start and replaced whole', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-cli-'));
  const path = join(folder, '.vault-token');
  assert.equal(readToken(path), undefined);
  writeToken(path, 'hvs.one');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o644);
  writeToken(path, 'hvs.two');
  assert.deepEqual([readToken(path), statSync(path).mode & 0o777], ['hvs.two', 0o600]);
  const other = join(folder, 'other');
  writeFileSync(other, 'untouched');
  symlinkSync(other, join(folder, 'link'));
  writeToken(join(folder, 'link'), 'hvs.three');
  assert.equal(readFileSync(other, 'utf8'), 'untouched');
});

const eu = { kind: 'region', name: 'eu' };
const web = { kind: 'consumer', name: 'web', region: 'us' };
const late = { kind: 'consumer', name: 'late', region: 'us' };

function answered(state: string, acknowledged: unknown[], missing: unknown[], released: unknown[] = []): Answer {
  return json(200, { data: { state, index: 7, acknowledged, missing, released } });
}

test('wait fixes index and members by its first answer, and names who is missing as it changes', async () => {
  const offline = { ...web, why: 'offline' };
  await using server = await misbehave(
    answered('missing', [], [eu, offline]),
    answered('missing', [], [eu, offline]),
    answered('missing', [eu], [offline, late]),
    answered('missing', [eu, web], [late]),
  );
  const ran = await lockstep(['wait', `-address=${server.address}`, '-latest']);
  assert.deepEqual(ran, {
    code: 0,
    stdout: 'Success! All 2 have acknowledged.\n',
    stderr: 'Waiting for region eu, consumer web in us\nWaiting for consumer web in us\n',
  });
  const bodies = server.seen.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  assert.deepEqual(bodies[0], { latest: true, timeout: '0s' });
  assert.deepEqual(new Set(bodies.slice(1).map(({ index }) => index)), new Set(['7']));
});

test('who vanishes during a wait is reported and is no acknowledgement', async () => {
  await using server = await misbehave(answered('missing', [], [web]), answered('nobody', [], []));
  const ran = await lockstep(['wait', `-address=${server.address}`, '-index=i']);
  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /^Nobody is there.*\nNo longer counted:\n {2}consumer web in us: deregistered\n$/);
});

test('wait ends with 1 and the names when time is up, and when there is nobody', async () => {
  const behind = { ...eu, why: 'behind', at: 3 };
  await using server = await misbehave(answered('missing', [], [behind]), answered('nobody', [], []));
  const at = `-address=${server.address}`;
  const ran = await lockstep(['wait', at, '-index=i', '-timeout=0']);
  assert.equal(ran.code, 1);
  assert.equal(ran.stdout, 'Not everywhere within 0s. Missing:\n  region eu: behind, at index 3\n');
  const none = await lockstep(['wait', at, '-latest', '-format=json']);
  assert.equal(none.code, 1);
  assert.equal((JSON.parse(none.stdout) as { state: string }).state, 'nobody');
});

test('a join token is alone on standard output', async () => {
  await using server = await misbehave(json(200, { data: { join_token: 'jt', name: 'eu' } }));
  const ran = await lockstep(['regions', 'add', `-address=${server.address}`, '-path=secret/eu/', '-path=b', 'eu']);
  assert.deepEqual([ran.code, ran.stdout], [0, 'jt\n']);
  assert.deepEqual([server.seen[0]?.url, server.seen[0]?.body], ['/v1/sys/regions/eu', '{"paths":["secret/eu/","b"]}']);
});
