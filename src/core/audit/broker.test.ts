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

/** The ids that a log has, in order. */
const idsOf = (name: string): readonly string[] =>
  linesOf(name).map((line) => (JSON.parse(line) as AuditedCall).request.id);

function callAt(id: string, path: string, more: Partial<AuditedCall['request']> = {}): AuditedCall {
  const call = callOf(id);
  return { ...call, request: { ...call.request, path, ...more } };
}

test('a filtered device has what matches, and the fallback what nobody has', async () => {
  const { broker } = start();
  await using _ = broker;
  const filter = 'operation == delete or path matches "^sys/"';
  await broker.enable(await sink('some/', fileAt('some.log'), { ...full, filter }));
  const nobody = broker.request(callAt('1', 'secret/a', { operation: 'read' }));
  await assert.rejects(nobody ?? Promise.resolve(), refused);
  await broker.enable(await sink('rest/', fileAt('rest.log'), { ...full, fallback: 'true' }));
  await broker.request(callAt('2', 'secret/a', { operation: 'read' }));
  await broker.response(callAt('2', 'secret/a', { operation: 'read' }), { data: { a: 'x' } });
  await broker.request(callAt('3', 'sys/mounts', { operation: 'read' }));
  await broker.request(callAt('4', 'secret/a', { operation: 'delete' }));
  // A namespace stands before the path.
  const inside = { operation: 'read', namespace: { id: 'n', path: 'team/' } };
  await broker.request(callAt('5', 'sys/mounts', inside));
  await broker.alarm({ region: 'eu', remoteAddress: '', what: 'clone', detail: '' });
  await broker.disable('some/');
  await broker.request(callAt('6', 'sys/mounts'));
  await broker.disable('rest/');
  assert.deepEqual(idsOf('some.log'), ['3', '4']);
  const rest = linesOf('rest.log').map((line) => JSON.parse(line) as { type: string; request?: { id: string } });
  assert.deepEqual(
    rest.map(({ type, request }) => `${type} ${request?.id ?? ''}`),
    ['request 2', 'response 2', 'request 5', 'alarm ', 'request 6'],
  );
});

/** One that takes, or not, as it is told. */
function switchable(path: string, required: boolean): { readonly sink: AuditSink; on: boolean } {
  const made = {
    on: true,
    sink: {
      path,
      device: {
        type: 'socket',
        durable: false,
        required,
        record: () => (made.on ? Promise.resolve() : Promise.reject(new Error('full'))),
        reopen: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      format: parseFileOptions({ file_path: 'discard' }, onlyThese()).format,
      hasher: new Hasher(takeKey(Buffer.alloc(32, 9))),
    },
  };
  return made;
}

test('a device that may miss nothing must have each entry, but not the request that takes it away', async () => {
  const { broker } = start();
  await using _ = broker;
  const remote = switchable('siem/', true);
  await broker.enable(await sink('file/', fileAt('beside.log'), full));
  await broker.enable(remote.sink);
  await broker.request(callOf('1'));
  remote.on = false;
  await assert.rejects(broker.request(callOf('2')) ?? Promise.resolve(), refused);
  await assert.rejects(
    broker.request(callAt('3', 'sys/audit/other', { operation: 'delete' })) ?? Promise.resolve(),
    refused,
  );
  const inside = { operation: 'delete', namespace: { id: 'n', path: 'team/' } };
  await assert.rejects(broker.request(callAt('4', 'sys/audit/siem', inside)) ?? Promise.resolve(), refused);
  await broker.request(callAt('5', 'sys/audit/siem', { operation: 'delete' }));
  await broker.disable('file/');
  const alone = broker.request(callAt('6', 'sys/audit/siem', { operation: 'delete' }));
  await assert.rejects(alone ?? Promise.resolve(), refused);
  remote.on = true;
  await broker.request(callOf('7'));
});

test('fields are excluded before the prefix, and an entry for one datagram fits it', async () => {
  const { broker } = start();
  await using _ = broker;
  const permitted = onlyThese({ paths: 'any', prefixing: true });
  const options = { ...full, prefix: '@cee:', exclude: '[{"fields":["/auth"]}]', file_path: fileAt('short.log') };
  const parsed = parseFileOptions(options, permitted);
  const device = await openFileDevice(parsed, { warn: () => undefined, stdout: new PassThrough() });
  const format = { ...parsed.format, mostBytes: 1_500 };
  await broker.enable({ path: 'short/', device, format, hasher: new Hasher(takeKey(Buffer.alloc(32, 3))) });
  const data = Object.fromEntries(Array.from({ length: 100 }, (_unused, at) => [`k${String(at)}`, 'é']));
  await broker.request(callAt('1', 'secret/a', { data }));
  await broker.response(callAt('2', 'secret/a', { data: { a: 'x' } }), {
    data: { keys: ['a'.repeat(10)], more: data },
  });
  await broker.response(callAt('3', 'secret/a', { data }), { data });
  await assert.rejects(broker.request(callAt('4', 'é'.repeat(700))) ?? Promise.resolve(), refused);
  const lines = linesOf('short.log');
  for (const line of lines) {
    assert.ok(Buffer.byteLength(line) < 1_500);
    assert.match(line, /^@cee:\{"time":/);
    assert.doesNotMatch(line, /"auth"/);
  }
  const [first, second, third] = lines.map(
    (line) => JSON.parse(line.slice(5)) as { request: object; response: object },
  );
  const whole = { '*': /^hmac-sha256:[0-9a-f]{64}$/ };
  const hidden = (part: object | undefined): boolean =>
    whole['*'].test(String((part as { data: Record<string, string> }).data['*']));
  assert.deepEqual(
    [
      hidden(first?.request),
      hidden(second?.request),
      hidden(second?.response),
      hidden(third?.request),
      hidden(third?.response),
    ],
    [true, false, true, true, true],
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
