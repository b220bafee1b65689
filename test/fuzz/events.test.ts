/** What a subscriber may send, and what it asks for: never a throw but of the catalogue, never more than the bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_CLIENT_FRAME, parseClientFrame } from '../../src/core/events/frames.ts';
import { isLockstepError } from '../../src/errors.ts';
import type { Request } from '../../src/framework/request.ts';
import { readAsked, ROOT } from '../../src/server/subscribe-request.ts';

/** Milliseconds for each property; a run that fails prints its seed and path. */
const interruptAfterTimeLimit = 10_000;
const options = { interruptAfterTimeLimit, numRuns: 20_000, markInterruptAsFailure: false };

const digest = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 63, maxLength: 65 });
const almost = fc.record(
  {
    kind: fc.constantFrom('ack', 'nack', 1),
    index: fc.oneof(fc.string(), fc.integer(), fc.constant('x'.repeat(1_025))),
    nonce: fc.oneof(fc.string(), fc.constant(null)),
    files: fc.oneof(
      fc.dictionary(fc.string(), fc.record({ version: fc.oneof(fc.integer(), fc.double(), fc.string()), digest })),
      fc.jsonValue(),
    ),
  },
  { requiredKeys: [] },
);
const text = fc.oneof(
  fc.string(),
  fc.json(),
  almost.map((value) => JSON.stringify(value)),
  almost.chain((value) => {
    const whole = JSON.stringify(value);
    return fc.nat(whole.length).map((at) => whole.slice(0, at));
  }),
);

test('a client’s frame is an acknowledgement within the bounds, or nothing', () => {
  fc.assert(
    fc.property(text, (frame) => {
      const ack = parseClientFrame(frame);
      if (ack === undefined) return;
      assert.ok(ack.index.length > 0 && ack.index.length <= 1_024 && ack.nonce.length <= 128);
      for (const [path, { version, digest: shown }] of ack.files) {
        assert.ok(path.length > 0 && path.length <= 2_048);
        assert.ok(version === undefined || (Number.isSafeInteger(version) && version > 0));
        assert.match(shown, /^[0-9a-f]{64}$/);
      }
    }),
    options,
  );
});

test('names of objects are data: __proto__ and its like are paths as any other', () => {
  const frame = `{"kind":"ack","index":"i","nonce":"n","files":{"__proto__":{"digest":"${'0'.repeat(64)}"}}}`;
  const ack = parseClientFrame(frame);
  assert.deepEqual([...(ack?.files.keys() ?? [])], ['__proto__']);
  assert.equal(parseClientFrame('{"__proto__":{"kind":"ack","index":"i","nonce":"n"}}'), undefined);
  assert.equal(parseClientFrame('['.repeat(MAX_CLIENT_FRAME)), undefined);
});

const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        'path',
        'index',
        'consumer',
        'consumer_ttl',
        'json',
        'filter',
        'namespaces',
        '%70ath',
        '__proto__',
      ),
      fc.oneof(
        fc.string({ maxLength: 20 }),
        fc.constantFrom('secret/data/*', 'a/../b', '%2e%2e', '%', '*', 'a*b', '1h'),
      ),
    ),
    { maxLength: 6 },
  )
  .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&'));

test('a subscription that is asked for is read, or refused as a bad request', () => {
  fc.assert(
    fc.property(query, fc.boolean(), fc.string({ maxLength: 10 }), (search, ours, type) => {
      const headers = ours ? { 'sec-websocket-protocol': 'lockstep.changes.v1' } : {};
      const request = { path: ROOT + type, headers } as unknown as Request;
      try {
        const { wants, consumer } = readAsked(request, `/v1/${ROOT}${type}?${search}`, { id: 'root', path: '' });
        assert.ok(wants.patterns.length > 0 && wants.patterns.length <= 256);
        for (const { path } of wants.patterns) assert.doesNotMatch(path, /\*|(^|\/)\.\.?(\/|$)|\/\//);
        if (consumer !== undefined) assert.match(consumer.id, /^[\w.:@-]{1,128}$/);
      } catch (error) {
        assert.ok(isLockstepError(error, 'badRequest') || isLockstepError(error, 'unsupportedPath'), String(error));
      }
    }),
    options,
  );
});
