/** Files that are no snapshot of this release and of these keys: refused by name by the command line and by the API, and nothing is changed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { decodeMeta, encodeMeta, META_BYTES, SNAPSHOT_FORMAT } from '../../src/lib/snapshot/meta.ts';
import { BLOCK } from '../../src/lib/snapshot/tar.ts';
import { plainServer, type PlainServer } from '../support/snapshots.ts';

const executable = join(import.meta.dirname, '../../bin/lockstep');
const sumOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** As a later release would write it: another format in the heading, and every sum over it right. */
function later(file: Buffer): Buffer {
  const archive = gunzipSync(file);
  const before = Buffer.from(archive.subarray(BLOCK, BLOCK + META_BYTES));
  const after = encodeMeta({ ...decodeMeta(before), format: SNAPSHOT_FORMAT + 1 });
  assert.equal(after.length, META_BYTES);
  after.copy(archive, BLOCK);
  const at = archive.indexOf(sumOf(before));
  assert.ok(at > BLOCK + META_BYTES, 'the sums stand at the end');
  archive.write(sumOf(after), at);
  return gzipSync(archive);
}

function flipped(file: Buffer): Buffer {
  const archive = gunzipSync(file);
  const at = archive.length >> 1;
  archive.writeUInt8(archive.readUInt8(at) ^ 1, at);
  return gzipSync(archive);
}

const byCommand = async ({ server, token }: PlainServer, ...argv: readonly string[]) => {
  const env = {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    VAULT_ADDR: await server.address(),
    VAULT_TOKEN: token,
  };
  return new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(executable, ['operator', 'snapshot', ...argv], { env }, (error, _, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stderr });
    });
  });
};

async function byRequest({ server, token }: PlainServer, path: string, file: Buffer) {
  const response = await fetch(`${await server.address()}/v1/sys/storage/raft/${path}`, {
    ...{ method: 'POST', headers: { 'X-Vault-Token': token, 'Content-Type': 'application/gzip' } },
    body: new Uint8Array(file),
  });
  return { status: response.status, text: await response.text() };
}

test('a snapshot of a later version, with a flipped bit, cut short or of other keys is refused by name', async (t) => {
  const node = await plainServer(t);
  const other = await plainServer(t);
  const { server, token, folder } = node;
  await server.ask('POST', '/v1/sys/mounts/kv', { token, body: { type: 'kv', options: { version: '1' } } });
  await server.ask('POST', '/v1/kv/a', { token, body: { value: 'then' } });
  const path = join(folder, 'a.snap');
  const foreign = join(other.folder, 'b.snap');
  assert.equal((await byCommand(node, 'save', path)).code, 0);
  assert.equal((await byCommand(other, 'save', foreign)).code, 0);
  await server.ask('POST', '/v1/kv/a', { token, body: { value: 'since' } });
  const file = readFileSync(path);
  const version = new RegExp(
    `format version ${String(SNAPSHOT_FORMAT + 1)}, this release reads ${String(SNAPSHOT_FORMAT)}`,
  );
  const cases = [
    ['later', later(file), version],
    ['flipped', flipped(file), /damaged/],
    ['cut', file.subarray(0, file.length - 50), /cut short/],
    ['foreign', readFileSync(foreign), /keys/],
  ] as const;
  for (const [name, bytes, reason] of cases) {
    const at = join(folder, `${name}.snap`);
    writeFileSync(at, bytes);
    for (const verb of ['restore', 'load']) {
      const { code, stderr } = await byCommand(node, verb, at);
      assert.notEqual(code, 0, `${verb} of ${name}`);
      assert.match(stderr, reason, `${verb} of ${name}`);
    }
    for (const place of ['snapshot', 'snapshot-load'].concat(name === 'foreign' ? [] : ['snapshot-force'])) {
      const { status, text } = await byRequest(node, place, bytes);
      assert.equal(status, 400, `${place} of ${name}: ${text}`);
      assert.match(text, reason, `${place} of ${name}`);
    }
  }
  const { json } = await server.ask('GET', '/v1/kv/a', { token });
  assert.deepEqual(json['data'], { value: 'since' });
});
