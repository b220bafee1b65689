import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PassThrough } from 'node:stream';

import { isLockstepError } from '../../errors.ts';
import { takeKey } from '../../lib/crypto/hash.ts';
import { onlyThese } from '../../../test/support/audit.ts';
import { AuditBroker, type AuditEvent, type AuditSink } from './broker.ts';
import { openFileDevice } from './devices/file/device.ts';
import { parseFileOptions } from './devices/file/options.ts';
import type { AuditedCall } from './entry.ts';
import { Hasher } from './hasher.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-broker-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

interface Started {
  readonly broker: AuditBroker;
  readonly events: AuditEvent[];
  readonly warnings: string[];
}

function start(): Started {
  const events: AuditEvent[] = [];
  const warnings: string[] = [];
  const broker = new AuditBroker({
    now: () => 0,
    monotonic: () => 0,
    report: (event) => events.push(event),
    warn: (message, details) => warnings.push(`${message}: ${String(details['device'])}`),
  });
  return { broker, events, warnings };
}

async function sink(path: string, file: string, options: Readonly<Record<string, string>> = {}): Promise<AuditSink> {
  const parsed = parseFileOptions({ file_path: file, ...options }, onlyThese({ paths: 'any' }));
  const device = await openFileDevice(parsed, { warn: () => undefined, stdout: new PassThrough() });
  return { path, device, format: parsed.format, hasher: new Hasher(takeKey(Buffer.alloc(32, path.length))) };
}

const fileAt = (name: string): string => join(root, name);
const linesOf = (name: string): readonly string[] => readFileSync(fileAt(name), 'utf8').trimEnd().split('\n');
const full = { skip_test: 'true' };

function callOf(id: string): AuditedCall {
  return {
    auth: {
      displayName: '',
      policies: [],
      tokenPolicies: [],
      entityId: '',
      tokenType: 'default',
      tokenTtl: 0,
      issuedAt: 0,
    },
    request: {
      id,
      operation: 'read',
      namespace: { id: 'root', path: '' },
      path: 'a',
      remoteAddress: '',
      remotePort: 0,
      wrapTtl: 0,
    },
  };
}

const refused = (error: unknown): boolean => isLockstepError(error, 'auditFailed');

test('without a device nothing is recorded, and nothing waits', async () => {
  const { broker } = start();
  await using _ = broker;
  assert.equal(broker.enabled, false);
  assert.equal(broker.request(callOf('1')), undefined);
  assert.equal(broker.response(callOf('1'), {}), undefined);
});

test('each device gets each entry, in order, after a first one of its own', async () => {
  const { broker, events } = start();
  await using _ = broker;
  await broker.enable(await sink('one/', fileAt('one.log')));
  await broker.enable(await sink('second/', fileAt('two.log'), full));
  const calls = Array.from({ length: 50 }, (_unused, at) => callOf(String(at)));
  await Promise.all(calls.map(async (call) => broker.request(call)));
  await Promise.all(calls.map(async (call) => broker.response(call, { data: { a: 'x' } })));
  // Only one of two is waited for: disposal waits for both.
  await broker.disable('one/');
  await broker.disable('second/');
  const [first, ...rest] = linesOf('one.log');
  assert.match(first ?? '', /"path":"sys\/audit\/test"/);
  const told = (line: string): string => {
    const { type, request } = JSON.parse(line) as { type: string; request: { id: string } };
    return `${type} ${request.id}`;
  };
  const expected = [
    ...calls.map(({ request }) => `request ${request.id}`),
    ...calls.map(({ request }) => `response ${request.id}`),
  ];
  assert.deepEqual(rest.map(told), expected);
  assert.deepEqual(linesOf('two.log').map(told), expected);
  assert.notEqual(rest[50], linesOf('two.log')[50], 'each device has its own key');
  assert.equal(events.filter(({ failed }) => failed).length, 0);
  assert.equal(events.length, 200);
});

test('a request goes on while one device records, and is refused when none does', async () => {
  const { broker, events, warnings } = start();
  await using _ = broker;
  await broker.enable(await sink('full/', '/dev/full', full));
  await assert.rejects(broker.request(callOf('1')) ?? Promise.resolve(), refused);
  await broker.enable(await sink('good/', fileAt('good.log'), full));
  await broker.request(callOf('2'));
  await broker.disable('good/');
  await assert.rejects(broker.response(callOf('2'), {}) ?? Promise.resolve(), refused);
  assert.deepEqual(
    linesOf('good.log').map((line) => (JSON.parse(line) as AuditedCall).request.id),
    ['2'],
  );
  assert.deepEqual(broker.counts().get('full/'), { recorded: 0, failed: 3 });
  assert.deepEqual(warnings, ['audit device fails: full/']);
  assert.deepEqual(
    events.filter(({ failed }) => failed).map(({ entry }) => entry),
    ['request', 'request', 'response'],
  );
});

test('a device that flushes each entry is the one that is waited for', async () => {
  const { broker } = start();
  await using _ = broker;
  await broker.enable(await sink('plain/', 'discard', full));
  await broker.enable(await sink('durable/', fileAt('durable.log'), { ...full, sync: 'true' }));
  await broker.request(callOf('1'));
  assert.match(readFileSync(fileAt('durable.log'), 'utf8'), /^\{"time".*\}\n$/);
});

test('an entry that cannot be formatted is refused, not dropped', async () => {
  const { broker } = start();
  await using _ = broker;
  await broker.enable(await sink('one/', 'discard'));
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const call = callOf('1');
  await assert.rejects(
    broker.request({ ...call, request: { ...call.request, data: circular } }) ?? Promise.resolve(),
    refused,
  );
});

test('a device that cannot record is not enabled, nor a second one at a path', async () => {
  const { broker } = start();
  await using _ = broker;
  const wrong = (message: RegExp) => (error: unknown) =>
    isLockstepError(error, 'badRequest') && message.test(error.message);
  await assert.rejects(broker.enable(await sink('full/', '/dev/full')), wrong(/full\/ is not enabled: .*ENOSPC/));
  assert.equal(broker.enabled, false);
  await broker.enable(await sink('one/', 'discard'));
  await assert.rejects(broker.enable(await sink('one/', fileAt('never.log'))), wrong(/path already in use/));
  const both = await Promise.allSettled([
    broker.enable(await sink('two/', fileAt('two-a.log'))),
    broker.enable(await sink('two/', fileAt('two-b.log'))),
  ]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.equal(await broker.disable('none/'), false);
});

test('audit-hash answers what stands in the log', async () => {
  const { broker } = start();
  await using _ = broker;
  await broker.enable(await sink('one/', fileAt('hash.log'), full));
  const call = callOf('1');
  await broker.request({ ...call, request: { ...call.request, data: { password: 'hunter2' } } });
  const [line = ''] = linesOf('hash.log');
  assert.match(line, /"password":"hmac-sha256:[0-9a-f]{64}"/);
  assert.ok(line.includes(broker.hash('one/', 'hunter2')));
  assert.throws(
    () => broker.hash('two/', 'x'),
    (error) => isLockstepError(error, 'badRequest'),
  );
});

test('all devices are opened anew, and one that cannot be goes on', async () => {
  const { broker, warnings } = start();
  await using _ = broker;
  await broker.enable(await sink('one/', fileAt('rotated.log'), full));
  await broker.request(callOf('1'));
  renameSync(fileAt('rotated.log'), fileAt('rotated.log.1'));
  await broker.reopen();
  await broker.request(callOf('2'));
  assert.deepEqual([linesOf('rotated.log.1').length, linesOf('rotated.log').length], [1, 1]);
  assert.deepEqual(warnings, []);
});
