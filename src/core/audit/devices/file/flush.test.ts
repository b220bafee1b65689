import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isLockstepError } from '../../../../errors.ts';
import { openLogFile } from './log-file.ts';

interface HeldFlush {
  /** The disk is at the flush that a tick of the clock begins. */
  readonly isBegun: () => boolean;
  /** Flushes that were begun since. */
  readonly count: () => number;
  readonly end: (error?: Error) => void;
}

/** The first flush from here on lasts until it is ended; those after it are the disk's own. */
async function heldFlush(t: TestContext, path: string): Promise<HeldFlush> {
  await using any = await open(path, 'a');
  const prototype = Object.getPrototypeOf(any) as FileHandle;
  let isBegun = false;
  const ended = Promise.withResolvers<undefined>();
  const held = async (): Promise<void> => {
    isBegun = true;
    await ended.promise;
  };
  const { mock } = t.mock.method(prototype, 'datasync');
  mock.mockImplementationOnce(held);
  const end = (error?: Error): void => {
    if (error === undefined) ended.resolve(undefined);
    else ended.reject(error);
  };
  return { isBegun: () => isBegun, count: () => mock.callCount(), end };
}

async function begun(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-audit-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'audit.log');
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const device = await openLogFile({ path, mode: undefined, sync: false, warn });
  const flush = await heldFlush(t, path);
  await device.record('one\n');
  while (!flush.isBegun()) {
    await new Promise(setImmediate);
    t.mock.timers.tick(1_000);
  }
  return { path, device, flush, warnings };
}

test('entries are recorded while the disk flushes those before them', async (t) => {
  const { path, device, flush } = await begun(t);
  await device.record('two\n');
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
  flush.end();
  await device[Symbol.asyncDispose]();
});

test('one flush is under way at a time, and what came meanwhile is flushed after it', async (t) => {
  const { device, flush } = await begun(t);
  await device.record('two\n');
  await new Promise(setImmediate);
  t.mock.timers.tick(10_000);
  assert.equal(flush.count(), 1);
  flush.end();
  while (flush.count() < 2) {
    await new Promise(setImmediate);
    t.mock.timers.tick(1_000);
  }
  await device[Symbol.asyncDispose]();
});

test('entries wait for a flush that has taken too long: what is not flushed has a bound', async (t) => {
  const { path, device, flush } = await begun(t);
  const later = performance.now() + 6_000;
  t.mock.method(performance, 'now', () => later);
  const recorded = device.record('two\n');
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  assert.equal(readFileSync(path, 'utf8'), 'one\n');
  flush.end();
  await recorded;
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
  await device[Symbol.asyncDispose]();
});

test('a flush that fails is told to the next entry, and to the log', async (t) => {
  const { device, flush, warnings } = await begun(t);
  await device.record('two\n');
  flush.end(Object.assign(new Error('gone'), { code: 'EIO' }));
  while (warnings.length === 0) await new Promise(setImmediate);
  assert.deepEqual(warnings, ['audit log flush failed']);
  await assert.rejects(device.record('three\n'), (error) => isLockstepError(error, 'auditFailed'));
  await device.record('four\n');
  await device[Symbol.asyncDispose]();
});

test('the file may be rotated while the disk flushes it', async (t) => {
  const { path, device, flush } = await begun(t);
  renameSync(path, `${path}.1`);
  await device.reopen();
  await device.record('two\n');
  flush.end();
  await device[Symbol.asyncDispose]();
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'one\n');
  assert.equal(readFileSync(path, 'utf8'), 'two\n');
});
