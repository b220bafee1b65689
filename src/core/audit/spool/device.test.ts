import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  httpEnd,
  streamEnd,
  udpEnd,
  unixDatagramEnd,
  type StreamOptions,
} from '../../../../test/support/audit-ends.ts';
import { isLockstepError } from '../../../errors.ts';
import { auditDeviceConformance } from '../device.conformance.ts';
import type { AuditDevice } from '../device.ts';
import { dropSpool } from './device.ts';
import { entry, newPath, numbersOf, open, tcp, upTo, type Options } from './spool.testing.ts';

auditDeviceConformance('a remote device, nobody there', async () => {
  const folder = newPath();
  // What is on record is what stands in the spool.
  const read = async (): Promise<string> => {
    const names = readdirSync(folder).filter((name) => name.endsWith('.log'));
    const pieces = names.toSorted().map((name) => readFileSync(join(folder, name), 'utf8'));
    return Promise.resolve(pieces.join('').replaceAll(/^\d+ /gm, ''));
  };
  return { device: await open('socket', tcp(1), { folder }), read };
});

async function arrives(type: string, options: Options, count: number = 2_000): Promise<AuditDevice> {
  const device = await open(type, options);
  await Promise.all(upTo(count).map((n) => device.record(entry(n))));
  await device.delivered?.();
  return device;
}

test('every kind brings all entries, whole and in order', async () => {
  await using stream = await streamEnd();
  await using _tcp = await arrives('socket', tcp(stream.port));
  await stream.arrived.until(({ lines }) => lines.length === 2_000);
  assert.deepEqual(numbersOf(stream.arrived.lines), upTo(2_000));

  const path = newPath();
  await using unix = await streamEnd({ at: path });
  await using _unix = await arrives('socket', { socket_type: 'unix', address: path });
  await unix.arrived.until(({ lines }) => lines.length === 2_000);
  assert.deepEqual(numbersOf(unix.arrived.lines), upTo(2_000));

  await using udp = await udpEnd();
  await using _udp = await arrives('socket', { socket_type: 'udp', ...tcp(udp.port) }, 50);
  await udp.arrived.until(({ pieces }) => pieces.length === 50);
  assert.deepEqual(numbersOf(udp.arrived.lines), upTo(50));

  const log = newPath();
  await using datagrams = unixDatagramEnd(log);
  await using _log = await arrives('socket', { socket_type: 'unixgram', address: log }, 200);
  await datagrams.arrived.until(({ pieces }) => pieces.length === 200);
  assert.deepEqual(numbersOf(datagrams.arrived.lines), upTo(200));

  await using http = await httpEnd();
  await using _http = await arrives(
    'http',
    { uri: http.uri, headers: '{"Authorization":["Splunk x"],"X-A":["1","2"]}' },
    200,
  );
  assert.deepEqual(numbersOf(http.arrived.lines), upTo(200));
  const [{ authorization, 'x-a': both } = {}] = http.headers;
  assert.deepEqual([authorization, both], ['Splunk x', '1, 2']);
});

test('an end that is away holds nobody up, and gets everything once it is there, in order', async () => {
  const warnings: string[] = [];
  const port = await (async () => {
    await using gone = await streamEnd();
    return gone.port;
  })();
  await using device = await open('socket', tcp(port), { warnings });
  await Promise.all(upTo(1_000).map((n) => device.record(entry(n))));
  await assert.rejects(device.delivered?.() ?? Promise.resolve(), /cannot be reached: ECONNREFUSED/);
  await using end = await streamEnd({ at: port });
  await device.delivered?.();
  await end.arrived.until(({ lines }) => lines.length === 1_000);
  assert.deepEqual(numbersOf(end.arrived.lines), upTo(1_000));
  assert.match(warnings[0] ?? '', /does not deliver.*ECONNREFUSED/);
  assert.match(warnings[1] ?? '', /delivers again/);
  assert.equal(warnings.length, 2);
});

/** Reads so many bytes of the first connection, and cuts it. */
const cutting = (bytes: number): NonNullable<StreamOptions['serve']> => {
  let left = bytes;
  return (socket, arrived, nth) => {
    socket.on('data', (piece: Buffer) => {
      if (nth > 1) return arrived.add(piece);
      if (left >= 0) arrived.add(piece.subarray(0, left));
      left -= piece.length;
      if (left < 0) socket.destroy();
    });
  };
};

test('a connection that ends in the middle of a line costs duplicates, and no entry', async () => {
  await using end = await streamEnd({ serve: cutting(1_001) });
  await using device = await open('socket', tcp(end.port));
  await Promise.all(upTo(500).map((n) => device.record(entry(n))));
  await end.arrived.until(({ text }) => text.endsWith(entry(499)));
  // The line that was cut off runs into the next, as on any stream: the rest begins at a whole one.
  const { text } = end.arrived;
  assert.deepEqual(numbersOf(text.slice(1_001).trimEnd().split('\n')), upTo(500));
});

test('an end that reads nothing holds nobody up, and the connection is given up', async () => {
  await using end = await streamEnd({
    serve: (socket, arrived, nth) => {
      if (nth === 1) socket.pause();
      else socket.on('data', (piece: Buffer) => arrived.add(piece));
    },
  });
  const warnings: string[] = [];
  await using device = await open('socket', { ...tcp(end.port), write_timeout: '100ms' }, { warnings });
  const filling = ` ,"x":"${'x'.repeat(60_000)}"`;
  await Promise.all(upTo(200).map((n) => device.record(entry(n, filling))));
  const all = upTo(200).reduce((sum, n) => sum + entry(n, filling).length, 0);
  await end.arrived.until(({ bytes }) => bytes >= all);
  assert.deepEqual(numbersOf(end.arrived.lines), upTo(200));
  assert.match(warnings[0] ?? '', /takes nothing/);
});

/** Over failures that are as expected. */
async function allDelivered(device: AuditDevice, expected: RegExp): Promise<void> {
  for (;;) {
    try {
      await device.delivered?.();
      return;
    } catch (error) {
      assert.match(String(error), expected);
    }
  }
}

test('a server that answers with an error or a redirect gets the entry again', async () => {
  const statuses = [204, 500, 302, 404, 204];
  await using end = await httpEnd((nth) => statuses[nth - 1] ?? 204);
  await using device = await open('http', { uri: end.uri });
  await Promise.all(upTo(5).map((n) => device.record(entry(n))));
  await allDelivered(device, /ingress answers (?:500|302|404)$/);
  assert.deepEqual(numbersOf(end.arrived.lines), upTo(5));
  assert.equal(end.headers.length, 8);
});

test('what was not delivered is delivered by the next run, from where the last one was', async () => {
  const folder = newPath();
  await using end = await httpEnd((nth) => (nth === 4 ? 503 : 204));
  {
    await using device = await open('http', { uri: end.uri }, { folder });
    await Promise.all(upTo(3).map((n) => device.record(entry(n))));
    await device.delivered?.();
    await device.record(entry(3));
    await assert.rejects(device.delivered?.() ?? Promise.resolve(), /503/);
  }
  assert.notEqual(await dropSpool(folder), 0);
  await using device = await open('http', { uri: end.uri }, { folder });
  await device.record(entry(4));
  await device.delivered?.();
  assert.deepEqual(numbersOf(end.arrived.lines), upTo(5));
  await device[Symbol.asyncDispose]();
  assert.equal(await dropSpool(folder), 0);
  assert.throws(() => statSync(folder), { code: 'ENOENT' });
});

test('a cursor that is lost, broken or beyond the end costs duplicates alone', async () => {
  for (const cursor of ['', 'x', '1 999999999\n', '7 0\n', '-1 0\n']) {
    const folder = newPath();
    await using end = await httpEnd();
    {
      await using device = await open('http', { uri: end.uri }, { folder });
      await device.record(entry(0));
      await device.delivered?.();
    }
    writeFileSync(join(folder, 'cursor'), cursor);
    await using device = await open('http', { uri: end.uri }, { folder });
    await device.record(entry(1));
    await device.delivered?.();
    assert.deepEqual(numbersOf(end.arrived.lines), [0, 0, 1], cursor);
  }
});

test('what a crash cut off was never on record, and is not sent', async () => {
  const folder = newPath();
  const warnings: string[] = [];
  {
    await using device = await open('socket', tcp(1), { folder });
    await Promise.all([device.record(entry(0)), device.record(entry(1))]);
  }
  const piece = join(folder, '000000000001.log');
  truncateSync(piece, statSync(piece).size - 4);
  await using end = await httpEnd();
  {
    await using device = await open('http', { uri: end.uri }, { folder, warnings });
    await device.record(entry(2));
    await device.delivered?.();
    assert.deepEqual(numbersOf(end.arrived.lines), [0, 2]);
    assert.deepEqual(warnings, ['part of an entry in the audit spool was never recorded ']);
  }
  // A last line that no later one ends stays unsent too.
  appendFileSync(piece, '9 {"n":3');
  await using device = await open('http', { uri: end.uri }, { folder });
  await device.delivered?.();
  assert.deepEqual(numbersOf(end.arrived.lines), [0, 2]);
});

test('a full spool refuses, warns before, and takes again once it has emptied', async () => {
  const warnings: string[] = [];
  const port = await (async () => {
    await using gone = await streamEnd();
    return gone.port;
  })();
  await using device = await open('socket', tcp(port), { limit: 10_000, warnings });
  const long = entry(0, `,"x":"${'x'.repeat(980)}"`);
  let taken = 0;
  let warned = -1;
  await assert.rejects(
    async () => {
      for (;;) {
        await device.record(long);
        taken += 1;
        if (warned < 0 && warnings.some((text) => text.includes('nearly full'))) warned = taken;
      }
    },
    (error) => isLockstepError(error, 'auditFailed') && /is full: 10000 bytes wait/.test(error.message),
  );
  assert.deepEqual([taken, warned], [10, 10]);
  await using end = await streamEnd({ at: port });
  await device.delivered?.();
  // Without an answer from the other side it counts as delivered once its connection has held for a while.
  await device[Symbol.asyncDispose]();
  assert.equal(end.arrived.lines.length, 10);
});

test('pieces that are delivered are deleted, and threads write to one of them after the other', async () => {
  const folder = newPath();
  await using end = await httpEnd();
  await using first = await open('http', { uri: end.uri }, { folder });
  await using second = await open('http', { uri: end.uri }, { folder, shared: first.shared });
  const filling = `,"x":"${'x'.repeat(1_000_000)}"`;
  for (const n of upTo(15)) {
    await first.record(entry(2 * n, filling));
    await second.record(entry(2 * n + 1, filling));
  }
  await first.delivered?.();
  assert.deepEqual(numbersOf(end.arrived.lines), upTo(30));
  await first[Symbol.asyncDispose]();
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.log')),
    ['000000000004.log'],
  );
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
});

test('datagrams that nobody takes are sent again', async () => {
  const log = newPath();
  await using device = await open('socket', { socket_type: 'unixgram', address: log });
  await device.record(entry(0));
  await assert.rejects(device.delivered?.() ?? Promise.resolve(), /takes no datagrams/);
  await using end = unixDatagramEnd(log);
  await device.delivered?.();
  await end.arrived.until(({ pieces }) => pieces.length === 1);
  assert.equal(end.arrived.text, entry(0));
});
