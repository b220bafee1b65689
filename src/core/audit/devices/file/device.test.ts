import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { isLockstepError, type ErrorCode } from '../../../../errors.ts';
import { auditDeviceConformance } from '../../device.conformance.ts';
import type { AuditDevice } from '../../device.ts';
import { openFileDevice } from './device.ts';
import { MAX_WAITING_BYTES } from './log-file.ts';
import type { DevicePermissions } from '../../options.ts';
import { parseFileOptions } from './options.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-audit-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const configuration: DevicePermissions = { paths: 'any', addresses: 'any', variables: {}, prefixing: true };
let made = 0;
const newPath = (): string => join(root, `audit-${(made += 1)}.log`);
const line = (value: string): string => `${value}\n`;

function open(path: string, options: Readonly<Record<string, string>> = {}): Promise<AuditDevice> {
  const parsed = parseFileOptions({ file_path: path, ...options }, configuration);
  return openFileDevice(parsed, { warn: () => undefined, stdout: new PassThrough() });
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'ignore' });
}

const refuses = (code: ErrorCode, message: RegExp) => (error: unknown) =>
  isLockstepError(error, code) && message.test(error.message);

for (const sync of ['false', 'true']) {
  auditDeviceConformance(`file, sync ${sync}`, async () => {
    const path = newPath();
    return { device: await open(path, { sync }), read: () => readFile(path, 'utf8') };
  });
}
auditDeviceConformance('discard', async () => ({ device: await open('discard'), read: undefined }));
auditDeviceConformance('stdout', async () => {
  const stdout = new PassThrough();
  const chunks: Buffer[] = [];
  stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const device = await openFileDevice(parseFileOptions({ file_path: 'stdout' }, configuration), {
    warn: () => undefined,
    stdout,
  });
  return { device, read: () => Promise.resolve(Buffer.concat(chunks).toString()) };
});

test('standard output gets the lines', async () => {
  const stdout = new PassThrough();
  const options = parseFileOptions({ file_path: 'stdout' }, configuration);
  const device = await openFileDevice(options, { warn: () => undefined, stdout });
  await device.record(line('{"a":1}'));
  stdout.end();
  assert.equal(await text(stdout), '{"a":1}\n');
  await assert.rejects(device.record(line('x')), refuses('auditFailed', /standard output/));
});

test('standard output that nobody reads is bounded', async () => {
  const stdout = new PassThrough();
  const options = parseFileOptions({ file_path: 'stdout' }, configuration);
  const device = await openFileDevice(options, { warn: () => undefined, stdout });
  const first = device.record('x'.repeat(MAX_WAITING_BYTES + 1));
  await assert.rejects(device.record(line('{"n":1}')), refuses('auditFailed', /does not take writes fast enough/));
  stdout.resume();
  await first;
  await device.record(line('{"n":1}'));
});

test('the file is for its owner alone unless told otherwise, also when it was there before', async () => {
  const modeOf = (path: string): number => statSync(path).mode & 0o7777;
  const fresh = newPath();
  await using _one = await open(fresh);
  assert.equal(modeOf(fresh), 0o600);
  const wide = newPath();
  writeFileSync(wide, '', { mode: 0o644 });
  await using _two = await open(wide);
  assert.equal(modeOf(wide), 0o600);
  const shared = newPath();
  await using _three = await open(shared, { mode: '0640' });
  assert.equal(modeOf(shared), 0o640);
  const kept = newPath();
  writeFileSync(kept, '');
  chmodSync(kept, 0o644);
  await using _four = await open(kept, { mode: '0000' });
  assert.equal(modeOf(kept), 0o644);
});

test('a line that a crash cut off is ended, kept, and merged with nothing', async () => {
  const path = newPath();
  writeFileSync(path, '{"n":1}\n{"n":2,"cut');
  await using device = await open(path);
  await device.record(line('{"n":3}'));
  await device.record(line('{"n":4}'));
  assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n{"n":2,"cut\n{"n":3}\n{"n":4}\n');
});

test('a rotated file is let go once the device is opened anew, and no entry is lost', async () => {
  const path = newPath();
  const old = `${path}.1`;
  await using device = await open(path);
  const records: Promise<void>[] = [];
  for (let at = 0; at < 300; at += 1) {
    records.push(device.record(line(`{"n":${at}}`)));
    if (at === 100) {
      await records[0];
      renameSync(path, old);
    }
    if (at === 200) records.push(device.reopen());
  }
  await Promise.all(records);
  const numbers = [
    ...readFileSync(old, 'utf8').trimEnd().split('\n'),
    ...readFileSync(path, 'utf8').trimEnd().split('\n'),
  ];
  assert.deepEqual(
    numbers.map((entry) => (JSON.parse(entry) as { n: number }).n),
    Array.from({ length: 300 }, (_, at) => at),
  );
  assert.ok(statSync(path).size > 0);
});

test('a torn line of the old file is no matter in the new one, and the other way round', async () => {
  const path = newPath();
  writeFileSync(path, '{"cut');
  await using device = await open(path);
  renameSync(path, `${path}.1`);
  await device.reopen();
  await device.record(line('{"n":1}'));
  assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n');
  renameSync(`${path}.1`, path);
  await device.reopen();
  await device.record(line('{"n":2}'));
  assert.equal(readFileSync(path, 'utf8'), '{"cut\n{"n":2}\n');
});

test('where the new file cannot be opened, the old one goes on', async () => {
  const folder = join(root, 'gone');
  mkdirSync(folder);
  const path = join(folder, 'a.log');
  await using device = await open(path);
  renameSync(folder, `${folder}-away`);
  await assert.rejects(device.reopen(), refuses('badRequest', /gone, cannot be used: ENOENT/));
  await device.record(line('{"n":1}'));
  assert.equal(readFileSync(join(`${folder}-away`, 'a.log'), 'utf8'), '{"n":1}\n');
});

test('a full device refuses each entry', async () => {
  await using device = await open('/dev/full');
  for (let at = 0; at < 3; at += 1) {
    await assert.rejects(
      device.record(line('{"n":1}')),
      refuses('auditFailed', /\/dev\/full cannot be written to: ENOSPC/),
    );
  }
});

const isRoot = process.getuid?.() === 0;
test(
  'a disk that fills up in the middle of a batch loses nothing that it said it had',
  { skip: isRoot ? false : 'needs root to mount a small disk' },
  async (context) => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    try {
      run('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', disk);
    } catch {
      return context.skip('no small disk can be mounted here');
    }
    try {
      await fillAndRecover(disk);
    } finally {
      run('umount', disk);
    }
  },
);

async function fillAndRecover(disk: string): Promise<void> {
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(32_768));
  const path = join(disk, 'audit.log');
  await using device = await open(path);
  const entry = (at: number): string => JSON.stringify({ n: at, filling: 'x'.repeat(700) });
  const recorded: number[] = [];
  const refused: number[] = [];
  const record = async (at: number): Promise<void> => {
    try {
      await device.record(line(entry(at)));
      recorded.push(at);
    } catch (error) {
      assert.ok(isLockstepError(error, 'auditFailed'));
      refused.push(at);
    }
  };
  await Promise.all(Array.from({ length: 60 }, (_, at) => record(at)));
  assert.ok(recorded.length > 10 && refused.length > 10, `${recorded.length} recorded, ${refused.length} refused`);
  await record(60);
  assert.equal(refused.at(-1), 60);
  rmSync(ballast);
  await record(61);
  assert.equal(recorded.at(-1), 61);
  const lines = readFileSync(path, 'utf8').split('\n');
  assert.equal(lines.pop(), '');
  const known = new Set(recorded.map(entry));
  const strange = lines.filter((found) => !known.has(found));
  assert.deepEqual(
    lines.filter((found) => known.has(found)),
    recorded.map(entry),
  );
  // At most the beginning of the entry that the disk had no room for.
  assert.ok(
    strange.length <= 1 && strange.every((found) => entry(refused[0] ?? -1).startsWith(found)),
    String(strange),
  );
}

test('what waits for a stalled disk is bounded', async () => {
  const path = newPath();
  await using device = await open(path);
  const big = line('x'.repeat(8 * 1024 * 1024 - 1));
  const results = await Promise.allSettled(
    Array.from({ length: MAX_WAITING_BYTES / big.length + 1 }, () => device.record(big)),
  );
  assert.deepEqual(results.map(({ status }) => status).slice(-2), ['fulfilled', 'rejected']);
  await device.record(line('{"n":1}'));
});

test('a place where others could swap the file is refused', async () => {
  const folder = join(root, 'open');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  await assert.rejects(open(join(folder, 'a.log')), refuses('badRequest', /everybody can write to .*: chmod o-w it/));
  chmodSync(folder, 0o1777);
  await using _ = await open(join(folder, 'a.log'));
  const target = newPath();
  writeFileSync(target, '');
  const linked = newPath();
  symlinkSync(target, linked);
  await assert.rejects(open(linked), refuses('badRequest', /symbolic link/));
  await assert.rejects(open(join(root, 'none', 'a.log')), refuses('badRequest', /none, cannot be used: ENOENT/));
  await assert.rejects(open(folder), refuses('badRequest', /cannot open the audit log .*EISDIR/));
  await assert.rejects(open(join(target, 'a.log')), refuses('badRequest', /ENOTDIR|is no directory/));
  const pipe = newPath();
  run('mkfifo', pipe);
  await assert.rejects(open(pipe), refuses('badRequest', /is no file/));
});

test('options that are wrong or not allowed are named', () => {
  const api: DevicePermissions = {
    paths: ['/var/log/lockstep', '/srv/audit.log'],
    addresses: [],
    variables: undefined,
    prefixing: false,
  };
  const cases: readonly (readonly [Readonly<Record<string, string>>, RegExp, ErrorCode?])[] = [
    [{}, /`file_path` is missing/],
    [{ file_path: 'relative.log' }, /absolute path/],
    [{ file_path: '/var/log/lockstep/' }, /not a directory/],
    [
      { file_path: '/etc/cron.d/a' },
      /may not write to \/etc\/cron\.d\/a: add it to `allow_audit_paths`/,
      'permissionDenied',
    ],
    [{ file_path: '/var/log/lockstep/../x' }, /may not write to \/var\/log\/x/, 'permissionDenied'],
    [{ file_path: '/var/log/lockstep2/x' }, /may not write/, 'permissionDenied'],
    [{ file_path: '/srv/audit.log.1' }, /may not write/, 'permissionDenied'],
    [{ file_path: '/srv/audit.log', mode: '0755' }, /`mode` may let others read, but neither write nor execute/],
    [{ file_path: '/srv/audit.log', mode: '0622' }, /`mode` may let/],
    [{ file_path: '/srv/audit.log', mode: '4600' }, /`mode` may let/],
    [{ file_path: '/srv/audit.log', mode: 'rw' }, /octal/],
    [{ file_path: '/srv/audit.log', prefix: '#!/bin/sh ' }, /`prefix` needs `allow_audit_log_prefixing/],
    [{ file_path: '/srv/audit.log', format: 'jsonx' }, /only "json"/],
    [{ file_path: '/srv/audit.log', log_raw: 'maybe' }, /`log_raw` must be true or false/],
    [
      { file_path: '/srv/audit.log', hmac_acessor: 'true' },
      /unknown audit option `hmac_acessor`: did you mean `hmac_accessor`/,
    ],
  ];
  for (const [options, message, code = 'badRequest'] of cases) {
    assert.throws(() => parseFileOptions(options, api), refuses(code, message), JSON.stringify(options));
  }
  assert.equal(parseFileOptions({ file_path: '/var/log/lockstep/x/y.log' }, api).path, '/var/log/lockstep/x/y.log');
  assert.equal(parseFileOptions({ path: '/srv/audit.log' }, api).path, '/srv/audit.log');
  assert.equal(parseFileOptions({ file_path: 'stdout' }, api).path, 'stdout');
  assert.throws(
    () => parseFileOptions({ file_path: '/x', prefix: 'a\nb' }, configuration),
    refuses('badRequest', /one line/),
  );
});
