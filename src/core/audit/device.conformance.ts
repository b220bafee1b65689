/** What every audit device keeps to. `make` opens a fresh one; `lines` reads what is on record, where that can be read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockstepError } from '../../errors.ts';
import type { AuditDevice } from './device.ts';

export interface MadeDevice {
  readonly device: AuditDevice;
  /** The whole record; undefined for a device that keeps none. */
  readonly read: (() => Promise<string>) | undefined;
}

const line = (text: string): string => `${text}\n`;

export function auditDeviceConformance(name: string, make: () => Promise<MadeDevice>): void {
  test(`${name}: what is recorded is there once record resolves, in the order of the calls`, async (context) => {
    const { device, read } = await make();
    await using _ = device;
    const told: number[] = [];
    const all = Array.from({ length: 500 }, (_unused, at) =>
      device.record(line(`{"n":${at}}`)).then(() => told.push(at)),
    );
    await Promise.all(all);
    assert.deepEqual(
      told,
      [...told].sort((a, b) => a - b),
    );
    if (read === undefined) return context.diagnostic('it keeps no record to compare');
    const lines = (await read()).trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { n: number }).n),
      [...told],
    );
  });

  test(`${name}: lines of any size stay whole`, async (context) => {
    const { device, read } = await make();
    await using _ = device;
    const texts = [1, 100, 70_000, 3_000_000, 10].map((size, at) => JSON.stringify(String(at).repeat(size)));
    await Promise.all(texts.map((text) => device.record(line(text))));
    if (read === undefined) return context.diagnostic('it keeps no record to compare');
    assert.equal(await read(), texts.map((text) => `${text}\n`).join(''));
  });

  test(`${name}: lines that are given together are on record together, in their order`, async (context) => {
    const { device, read } = await make();
    await using _ = device;
    const texts = ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}'].map(line);
    await Promise.all([device.record(...texts.slice(0, 2)), device.record(...texts.slice(2))]);
    if (read === undefined) return context.diagnostic('it keeps no record to compare');
    assert.equal(await read(), texts.join(''));
  });

  test(`${name}: it goes on after it was opened anew`, async () => {
    const { device } = await make();
    await using _ = device;
    const before = device.record(line('{"n":1}'));
    const reopened = device.reopen();
    const after = device.record(line('{"n":2}'));
    await Promise.all([before, reopened, after]);
  });

  test(`${name}: disposal waits for what was recorded, may come twice, and ends it`, async () => {
    const { device, read } = await make();
    const pending = device.record(line('{"n":1}'));
    await device[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    await pending;
    if (read !== undefined) assert.equal(await read(), '{"n":1}\n');
    await assert.rejects(device.record(line('{"n":2}')), (error) => isLockstepError(error, 'auditFailed'));
  });
}
