/** `lockstep operator snapshot drill` as a person types it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { plainServer, takeSnapshot, type PlainOptions } from '../support/snapshots.ts';

const executable = join(import.meta.dirname, '../../bin/lockstep');
const CANARY = 'planted-canary';

async function drillable(t: TestContext, options: PlainOptions = {}) {
  const plain = await plainServer(t, options);
  const { server, token, folder, key } = plain;
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  for (const version of ['1', '2']) {
    await server.ask('POST', `/v1/sys/mounts/kv${version}`, { token, body: { type: 'kv', options: { version } } });
  }
  for (const name of ['a', 'b', 'c']) {
    await server.ask('POST', `/v1/kv1/${name}`, { token, body: { value: CANARY } });
    await server.ask('POST', `/v1/kv2/data/${name}`, { token, body: { data: { value: CANARY } } });
  }
  await server.ask('DELETE', '/v1/kv2/data/c', { token });
  const path = join(folder, 'a.snap');
  writeFileSync(path, await takeSnapshot(server, token));
  const drill = async (argv: readonly string[], keys = key) => {
    const child = spawn(executable, ['operator', 'snapshot', 'drill', ...argv], {
      env: {
        ...{ PATH: process.env['PATH'], HOME: '/nonexistent', TMPDIR: temporary },
        ...{ VAULT_ADDR: await server.address(), VAULT_TOKEN: token },
      },
    });
    child.stdin.end(`${keys}\n`);
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ]);
    assert.ok(!`${stdout}${stderr}`.includes(CANARY));
    // Whatever happened, nothing of it stays.
    assert.deepEqual(readdirSync(temporary), []);
    return { code, stdout, stderr };
  };
  return { ...plain, path, drill };
}

const countsOf = (stdout: string) => (JSON.parse(stdout) as { counts: Record<string, number> }).counts;

test('a snapshot that can be restored is told with what it holds and how long it took', async (t) => {
  const { path, drill } = await drillable(t);
  const shown = await drill(['-keys=-', path]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /can be restored[^]*Secrets +6[^]*Sampled +5[^]*Seconds: total +\d/);
  const json = await drill(['-keys=-', '-format=json', '-sample=2', path]);
  assert.equal(json.code, 0, json.stderr);
  const { counts, sampled, seconds } = JSON.parse(json.stdout) as {
    counts: Record<string, number>;
    sampled: number;
    seconds: Record<string, number>;
  };
  assert.deepEqual([counts['mounts'], counts['tokens'], counts['secrets']], [6, 1, 6]);
  assert.ok(sampled <= 2 && Number(counts['records']) > 10);
  assert.deepEqual(Object.keys(seconds).sort(), ['read', 'restore', 'total', 'unseal']);
});

test('compared with the server: the same, what was written since, what is gone; another value of one version fails', async (t) => {
  const { path, drill, server, token } = await drillable(t);
  await server.ask('POST', '/v1/kv1/a', { token, body: { value: 'since' } });
  await server.ask('DELETE', '/v1/kv1/b', { token });
  await server.ask('POST', '/v1/kv2/destroy/a', { token, body: { versions: [1] } });
  const { code, stdout, stderr } = await drill(['-keys=-', '-compare', '-format=json', path]);
  assert.equal(code, 0, stderr);
  assert.deepEqual((JSON.parse(stdout) as { compared: unknown }).compared, { same: 2, changed: 1, absent: 2 });

  await server.ask('DELETE', '/v1/kv2/metadata/b', { token });
  await server.ask('POST', '/v1/kv2/data/b', { token, body: { data: { value: 'another history' } } });
  const other = await drill(['-keys=-', '-compare', path]);
  assert.equal(other.code, 1);
  assert.match(other.stderr, /drill failed: version 1 of kv2\/data\/b is not the server's/);
});

test('what would keep it from being restored is told by name', async (t) => {
  const { path, drill, folder, key } = await drillable(t);
  const failing = async (argv: readonly string[], keys: string, said: RegExp) => {
    const { code, stderr, stdout } = await drill(argv, keys);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, said);
    assert.ok(!stderr.includes(key));
  };
  const wrong = `${key.startsWith('0') ? '1' : '0'}${key.slice(1)}`;
  await failing(['-keys=-', path], wrong, /the shares do not open the root key/);
  await failing(['-keys=-', path], '', /stays sealed: 0 of 1 keys were given: give them with -keys/);
  await failing([path], key, /stays sealed/);
  await failing(['-keys=-', join(folder, 'none')], key, /cannot read .*none: there is no such file/);
  const tar = gunzipSync(readFileSync(path));
  const flipped = Buffer.from(tar);
  flipped.writeUInt8(flipped.readUInt8(3_700) ^ 1, 3_700);
  writeFileSync(join(folder, 'flipped'), gzipSync(flipped));
  await failing(['-keys=-', join(folder, 'flipped')], key, /damaged: chunk 1 of state\.bin/);
  const forged = Buffer.from(tar);
  const at = forged.lastIndexOf('hmac-sha256 ') + 20;
  forged.write(forged.toString('latin1', at, at + 1) === '0' ? '1' : '0', at);
  writeFileSync(join(folder, 'forged'), gzipSync(forged));
  await failing(['-keys=-', join(folder, 'forged')], key, /SHA256SUMS\.sealed was not made/);
  await failing(['-keys=-'], key, /either FILE or -from/);
  await failing(['-keys=-', '-from=hourly'], key, /no block snapshot "hourly": give the file that has it with -config/);
});

test('the newest of a schedule is found by the configuration', async (t) => {
  const { drill, server, folder } = await drillable(t, {
    config: (files) => `snapshot "often" {
      interval     = "1s"
      storage_type = "local"
      path_prefix  = "${files}/kept"
    }`,
  });
  await server.line(/took a scheduled snapshot/);
  const config = join(folder, '..', 'server.hcl');
  const { code, stdout, stderr } = await drill([`-config=${config}`, '-from=often', '-keys=-', '-format=json']);
  assert.equal(code, 0, stderr);
  assert.ok(Number(countsOf(stdout)['records']) > 0);
});
