/** `lockstep monitor` and `lockstep debug` against a running server. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { BLOCK, paddingOf, readTarHeader } from '../../src/lib/snapshot/tar.ts';
import { run } from '../clients/support/run.ts';
import { ServerProcess } from '../support/server-process.ts';

const executable = join(import.meta.dirname, '../../bin/lockstep');
const folder = mkdtempSync(join(tmpdir(), 'lockstep-debug-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const TOKEN = 'root-CANARY-token';

async function devServer(): Promise<ServerProcess> {
  const server = new ServerProcess(['-dev', '-dev-listen-address=127.0.0.1:0', `-dev-root-token-id=${TOKEN}`]);
  await server.line(/^Root Token/);
  return server;
}

async function environment(server: ServerProcess): Promise<NodeJS.ProcessEnv> {
  return { PATH: process.env['PATH'], HOME: folder, VAULT_ADDR: await server.address(), VAULT_TOKEN: TOKEN };
}

async function monitoring(server: ServerProcess, ...args: readonly string[]) {
  const child = spawn(executable, ['monitor', ...args], {
    env: await environment(server),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [lines, notes]: [string[], string[]] = [[], []];
  const arrived = createInterface(child.stdout);
  arrived.on('line', (line) => lines.push(line));
  createInterface(child.stderr).on('line', (line) => notes.push(line));
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  return { child, lines, notes, arrived, exited };
}

/** Makes the server log until a line has arrived: the follower may not be there yet. */
async function untilHeard(server: ServerProcess, { arrived }: Awaited<ReturnType<typeof monitoring>>): Promise<void> {
  const heard = once(arrived, 'line').then(() => true);
  const logged = async (): Promise<boolean> => {
    const from = server.lines.length;
    server.signal('SIGHUP');
    await server.line(/opened files anew/, from);
    return false;
  };
  while (!(await Promise.race([heard, logged()])));
}

test('monitor shows what is logged; an interrupt ends it well, the seal with an error', async () => {
  await using server = await devServer();
  const first = await monitoring(server, '-log-format=json');
  await untilHeard(server, first);
  first.child.kill('SIGINT');
  assert.deepEqual(await first.exited, [0, null]);
  const line = JSON.parse(first.lines[0] ?? '') as Record<string, unknown>;
  assert.match(String(line['@message']), /opened files anew/);

  const second = await monitoring(server, '-log-level=debug');
  await untilHeard(server, second);
  await server.ask('PUT', '/v1/sys/seal', { token: TOKEN });
  assert.deepEqual(await second.exited, [2, null]);
  assert.deepEqual(second.notes, ['The server ended the stream.']);
});

test('monitor without the right, and with a level that there is not, is refused', async () => {
  await using server = await devServer();
  const env = await environment(server);
  const denied = await run(executable, ['monitor'], { env: { ...env, VAULT_TOKEN: 'no' } });
  assert.equal(denied.code, 2);
  assert.match(denied.stderr, /Error starting the monitor: .*permission denied/s);
  const wrong = await run(executable, ['monitor', '-log-level=loud'], { env });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /it is one of trace, debug/);
});

function contentOf(path: string): Readonly<Record<string, string>> {
  const tar = gunzipSync(readFileSync(path));
  const files: Record<string, string> = {};
  for (let at = 0; ;) {
    const entry = readTarHeader(tar.subarray(at, at + BLOCK), String(at));
    if (entry === undefined) return files;
    const begin = at + BLOCK;
    files[entry.name.replace(/^[^/]+\//, '')] = tar.toString('utf8', begin, begin + entry.size);
    at = begin + entry.size + paddingOf(entry.size);
  }
}

const CANARY = 'CANARY-value-51';

test('debug writes one file of facts, for its owner alone, without values and tokens', async () => {
  await using server = await devServer();
  const env = await environment(server);
  const ask = (method: string, path: string, body?: object) =>
    server.ask(method, path, { token: TOKEN, ...(body === undefined ? {} : { body }) });
  await ask('POST', '/v1/secret/data/app', { data: { password: CANARY } });
  const made = await ask('POST', '/v1/auth/token/create', { policies: ['default'] });
  const { client_token: other } = (made.json as { auth: { client_token: string } }).auth;
  const path = join(folder, 'bundle.tar.gz');
  const args = ['debug', '-duration=3s', '-interval=1s', '-metrics-interval=1s', `-output=${path}`];
  const bundling = run(executable, args, { env });
  const done = bundling.then(() => true);
  const traffic = async (): Promise<boolean> => {
    await ask('GET', '/v1/secret/data/app');
    await server.ask('GET', '/v1/secret/data/app', { token: other });
    await ask('POST', '/v1/secret/data/app', { data: { password: CANARY }, broken: CANARY });
    server.signal('SIGHUP');
    return false;
  };
  while (!(await Promise.race([done, traffic()])));
  const { code, stdout, stderr } = await bundling;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /Bundle written to: .*bundle\.tar\.gz/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const files = contentOf(path);
  const names =
    'config.json host_info.json index.json lockstep.log metrics.json replication_status.json requests.json server_status.json';
  assert.deepEqual(Object.keys(files).sort(), names.split(' '));
  const json = (name: string): unknown => JSON.parse(files[name] ?? '');
  assert.ok((json('server_status.json') as unknown[]).length >= 2);
  assert.match(files['metrics.json'] ?? '', /"Gauges"/);
  assert.match(files['config.json'] ?? '', /"listeners"/);
  assert.match(files['lockstep.log'] ?? '', /opened files anew/);
  const { errors } = json('index.json') as { errors: readonly { target: string; error: string }[] };
  assert.deepEqual(
    errors.map(({ target }) => target),
    ['replication-status'],
  );
  assert.match(errors[0]?.error ?? '', /^400: this node is not a hub/);
  const all = Object.values(files).join('\n');
  for (const secret of [CANARY, TOKEN, other]) assert.ok(!all.includes(secret), secret);
});

test('debug takes what it can get from a sealed server, tells what it cannot, and leaves no file when refused', async () => {
  await using server = await devServer();
  const env = await environment(server);
  await server.ask('PUT', '/v1/sys/seal', { token: TOKEN });
  const path = join(folder, 'sealed.tar.gz');
  const args = ['debug', '-duration=1s', '-target=server-status,log', `-output=${path}`];
  const { code, stderr } = await run(executable, args, { env: { ...env, VAULT_MAX_RETRIES: '0' } });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Not collected: log: 503: Vault is sealed/);
  assert.match(contentOf(path)['server_status.json'] ?? '', /"sealed": true/);

  writeFileSync(join(folder, 'there.tar.gz'), 'mine');
  const again = await run(executable, ['debug', '-duration=1s', `-output=${join(folder, 'there.tar.gz')}`], { env });
  assert.equal(again.code, 1);
  assert.match(again.stderr, /there\.tar\.gz is there already: name another file with -output/);
  assert.equal(readFileSync(join(folder, 'there.tar.gz'), 'utf8'), 'mine');
  const before = readdirSync(folder);
  const wrong = await run(executable, ['debug', '-target=pprof'], { env, cwd: folder });
  assert.match(wrong.stderr, /invalid value "pprof" for flag -target: it is one of config, host/);
  assert.deepEqual(readdirSync(folder), before);
});

test('members, step-down and validate-config', async () => {
  await using server = await devServer();
  const env = await environment(server);
  const members = await run(executable, ['operator', 'members'], { env });
  assert.match(members.stdout, /^Host Name .*Active Node.*\n-+.*\n\S+ .*true/);
  assert.match((await run(executable, ['operator', 'step-down'], { env })).stdout, /^Success! Stepped down: http/);
  const file = join(folder, 'server.hcl');
  writeFileSync(
    file,
    'storage "inmem" {}\nlistener "tcp" { address = "127.0.0.1:1", tls_disable = true }\nui = true\n',
  );
  const valid = await run(executable, ['operator', 'validate-config', `-config=${file}`], { env });
  assert.deepEqual([valid.code, valid.stdout], [0, 'Success! The configuration is valid.\n']);
  assert.match(valid.stderr, /`ui` is ignored/);
  writeFileSync(file, 'storage "inmem" {}\nlistner "tcp" {}\n');
  const wrong = await run(executable, ['operator', 'validate-config', `-config=${file}`], { env });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /unknown key `listner`.*listener/s);
});
