import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { SnapshotWriter } from '../lib/snapshot/writer.ts';
import { misbehave, type Answer } from '../client/misbehaving.testing.ts';
import { run } from './main.ts';
import { terminalOf } from './terminal.testing.ts';

const ORIGIN = { log: 'a'.repeat(32), epoch: `3.${'b'.repeat(32)}`, sequence: 7, hash: 'c'.repeat(64), time: 1_000 };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-inspect-'));
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

async function tarOf(path: string): Promise<Buffer> {
  await using file = await open(path, 'w+', 0o600);
  const writer = new SnapshotWriter(file);
  for (const at of [1, 2, 3]) writer.add({ key: `s/root/data/${String(at)}`, value: Buffer.alloc(10) });
  await writer.flush();
  writer.add({ key: 's/root/data/2', value: undefined });
  writer.add({ key: 'l/other/tokens/x', value: Buffer.alloc(5) });
  writer.add({ key: 'seal/root', value: Buffer.alloc(4) });
  await writer.finish(ORIGIN, () => 'proof');
  return readFileSync(path);
}

async function lockstep(...argv: readonly string[]) {
  const { terminal, written } = terminalOf();
  const code = await run(argv, terminal);
  return { code, ...written() };
}

test('inspect tells the moment and what lies in each area', async (t) => {
  const path = join(folder(t), 'good.snap');
  writeFileSync(path, gzipSync(await tarOf(join(folder(t), 'tar'))));
  const { code, stdout, stderr } = await lockstep('operator', 'snapshot', 'inspect', '-format=json', path);
  assert.deepEqual([code, stderr], [0, '']);
  const { size, ...told } = JSON.parse(stdout) as Record<string, unknown>;
  assert.ok(Number(size) > 0);
  assert.deepEqual(told, {
    id: `lockstep-${ORIGIN.epoch}-7`,
    index: 7,
    time: '1970-01-01T00:00:01.000Z',
    version: 1,
    records: 6,
    chunks: 2,
    areas: [
      { area: 'l/*/tokens/', records: 1, deletions: 0, bytes: 21 },
      { area: 's/*/data/', records: 4, deletions: 1, bytes: 82 },
      { area: 'seal/', records: 1, deletions: 0, bytes: 13 },
    ],
  });
  const table = await lockstep('operator', 'raft', 'snapshot', 'inspect', path);
  assert.equal(table.code, 0);
  assert.match(table.stdout, /^Index +7$/m);
  assert.match(table.stdout, /^s\/\*\/data\/ +4 +1 +82$/m);
});

test('inspect names what is wrong and exits with 1', async (t) => {
  const here = folder(t);
  const tar = await tarOf(join(here, 'tar'));
  const flipped = Buffer.from(tar);
  const at = tar.indexOf('s/root/data/3');
  flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
  for (const [name, content, message] of [
    ['cut.snap', gzipSync(tar).subarray(0, -20), /cut short/],
    ['flipped.snap', gzipSync(flipped), /damaged: chunk 1 of state\.bin/],
    ['other.snap', Buffer.from('no snapshot'), /damaged: its compression breaks/],
  ] as const) {
    const path = join(here, name);
    writeFileSync(path, content);
    const ran = await lockstep('operator', 'snapshot', 'inspect', path);
    assert.deepEqual([ran.code, ran.stdout], [1, ''], name);
    assert.ok(ran.stderr.startsWith(`${path}: `), ran.stderr);
    assert.match(ran.stderr, message);
  }
});

test('a file that is not there, and "-", are refused by name', async (t) => {
  const path = join(folder(t), 'none.snap');
  const none = await lockstep('operator', 'snapshot', 'inspect', path);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /cannot use the file .*none\.snap: ENOENT/);
  for (const name of ['save', 'restore', 'inspect']) {
    const ran = await lockstep('operator', 'snapshot', name, '-');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /"-" is not taken/);
  }
});

test('save keeps the older file until a whole snapshot has come, and shows progress to a person', async (t) => {
  const here = folder(t);
  const snap = gzipSync(await tarOf(join(folder(t), 'tar')));
  const answer =
    (body: Buffer): Answer =>
    (response) => {
      response.writeHead(200, { 'content-type': 'application/gzip' }).end(body);
    };
  await using server = await misbehave(answer(snap.subarray(0, -9)), answer(Buffer.from('{}')), answer(snap));
  const path = join(here, 'a.snap');
  writeFileSync(path, 'older');
  const save = ['operator', 'snapshot', 'save', `-address=${server.address}`, path];
  for (const message of [/the snapshot is cut short/, /the snapshot is damaged/]) {
    const ran = await lockstep(...save);
    assert.deepEqual([ran.code, ran.stdout], [1, '']);
    assert.match(ran.stderr, message);
    assert.equal(readFileSync(path, 'utf8'), 'older');
    assert.deepEqual(readdirSync(here), ['a.snap']);
  }
  const { terminal, written } = terminalOf();
  Object.assign(terminal.stderr, { isTTY: true });
  assert.equal(await run(save, terminal), 0);
  assert.equal(written().stderr, '\r0.0 MiB received\n');
  assert.ok(readFileSync(path).equals(snap));
});
