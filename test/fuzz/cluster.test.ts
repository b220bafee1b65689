/** Random bytes, mutated frames and random JSON at the cluster listener, for a bounded time: it answers or ends, and stands. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, lengthPrefixed } from '../../src/regions/codec.ts';
import type { RegionFrame } from '../../src/regions/protocol.ts';
import type { JoinToken } from '../../src/regions/join-token.ts';
import type { Identity } from '../../src/regions/cluster-client.ts';
import { Attacker, forwarded, hostile } from '../support/hostile-region.ts';
import { CANARY, VIEW, world, type World } from '../support/hostile-world.ts';

/** Milliseconds for each property; a run that fails prints its seed and path. */
const interruptAfterTimeLimit = 10_000;
/** Each opens as many streams as a region may at once. */
const REGIONS = 40;
const STREAMS = 60;

let hub: World;
let region: { readonly token: JoinToken; readonly identity: Identity };
const faults: unknown[] = [];
const fault = (error: unknown): void => {
  faults.push(error);
};

before(async () => {
  process.on('uncaughtException', fault);
  hub = await world();
  const { attacker, ...rest } = await hostile(hub, 'eu', VIEW);
  attacker[Symbol.dispose]();
  region = rest;
});

after(async () => {
  process.off('uncaughtException', fault);
  await hub[Symbol.asyncDispose]();
});

async function stands(): Promise<void> {
  assert.deepEqual(faults, []);
  using attacker = await Attacker.as(region.token, region.identity);
  assert.equal((await attacker.forward({})).json.outcome?.status, 200);
}

/** Stands for the region that sends the frame. */
const SELF = 'self';
const position = fc.record({ epoch: fc.string({ maxLength: 40 }), sequence: fc.maxSafeNat() });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nonce = fc.string({ maxLength: 40 });
const hello = fc.record({
  type: fc.constant('hello' as const),
  protocol: fc.constantFrom(1, 1, 1, 1, 1, 1, 2),
  region: fc.constantFrom(SELF, SELF, SELF, SELF, SELF, SELF, 'us', ''),
  instance: fc.constant('fuzz'),
  cursor: fc.option(fc.record({ log: fc.constantFrom('x', 'log'), position, hash }), { nil: undefined }),
  filterVersion: fc.nat(3),
  local: position,
  window: fc.maxSafeNat(),
});
const frame: fc.Arbitrary<RegionFrame> = fc.oneof(
  hello,
  fc.record({
    type: fc.constant('ack' as const),
    nonce,
    through: fc.maxSafeNat(),
    cursor: fc.option(fc.record({ position, hash }), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('consumerAck' as const),
    nonce,
    consumer: fc.string(),
    position,
    digest: fc.uint8Array({ maxLength: 64 }),
  }),
  fc.record({ type: fc.constant('heartbeat' as const), time: fc.maxSafeNat() }),
);

const mutation = fc.record({ at: fc.nat(), drop: fc.nat(4), insert: fc.uint8Array({ maxLength: 4 }) });

/** Of each frame, whether it is what it says or bytes. */
const sent = fc.tuple(
  fc.option(hello, { freq: 4 }),
  fc.array(fc.oneof({ weight: 4, arbitrary: frame }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) }), {
    maxLength: 4,
  }),
  fc.array(mutation, { maxLength: 3 }),
);

function bytesOf(
  region: string,
  [first, frames, mutations]: typeof sent extends fc.Arbitrary<infer T> ? T : never,
): Buffer {
  const parts = [...(first === null ? [] : [first]), ...frames].map((each) => {
    if (each instanceof Uint8Array) return each;
    const own = each.type === 'hello' && each.region === SELF ? { ...each, region } : each;
    return lengthPrefixed(encodeFrame(own));
  });
  return mutations.reduce((whole, { at, drop, insert }) => {
    const start = at % (whole.length + 1);
    return Buffer.concat([whole.subarray(0, start), insert, whole.subarray(start + drop)]);
  }, Buffer.concat(parts));
}

test('bytes of any kind on the stream end it, or are taken as what they say', async () => {
  let name = '';
  let attacker: Attacker | undefined;
  let streams = 0;
  let welcomed = 0;
  const next = async (): Promise<Attacker> => {
    name = `r${String(streams / STREAMS)}`;
    assert.equal(attacker !== undefined && Buffer.concat(attacker.heard).includes(CANARY), false);
    attacker?.[Symbol.dispose]();
    return (await hostile(hub, name, VIEW)).attacker;
  };
  await fc.assert(
    fc.asyncProperty(sent, async (given) => {
      if (streams % STREAMS === 0) attacker = await next();
      streams += 1;
      const stream = attacker?.stream();
      stream?.raw(bytesOf(name, given));
      stream?.stream.end();
      await stream?.ended();
      stream?.end();
      if (stream?.first('welcome') !== undefined) welcomed += 1;
      assert.deepEqual(faults, []);
    }),
    { numRuns: REGIONS * STREAMS, interruptAfterTimeLimit, markInterruptAsFailure: false },
  );
  attacker?.[Symbol.dispose]();
  assert.ok(streams > 100 && welcomed > streams / 20, `${String(welcomed)} of ${String(streams)} got past the hello`);
  await stands();
});

const json = fc.jsonValue({ maxDepth: 4 });
const asked = fc.record(
  {
    idempotencyKey: fc.oneof(fc.string(), json),
    verb: fc.oneof(fc.constantFrom('update', 'read', 'delete', 'patch', 'list', 'scan'), json),
    path: fc.oneof(
      fc.string().map((text) => `secret/data/eu/${text}`),
      fc.constantFrom('secret/', 'secret/metadata/eu/db', 'sys/', 'plain/eu/x', `secret/data/${CANARY}/db`),
      fc.string({ unit: 'binary' }),
      json,
    ),
    body: json,
    query: fc.oneof(fc.dictionary(fc.string(), fc.string()), json),
    policies: fc.oneof(fc.array(fc.constantFrom('eu-app', 'eu-wide', `${CANARY}-admin`, 'root', '')), json),
    contentType: fc.oneof(fc.string(), json),
    more: fc.dictionary(fc.constantFrom('id', 'client', 'request', 'method', '__proto__', 'x'), json),
  },
  { requiredKeys: [] },
);

test('a forwarded request of any kind is answered, and tells no name', async () => {
  using attacker = await Attacker.as(region.token, region.identity);
  const text = fc.oneof(
    asked.map((given) => JSON.stringify(forwarded(given))),
    json.map((value) => JSON.stringify(value)),
    fc.string({ unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(text, async (body) => {
      const { status, text: said, json: answer } = await attacker.post('/forward', body);
      assert.ok([200, 400].includes(status), `${body}: ${String(status)} ${said}`);
      assert.ok((answer.outcome?.status ?? 400) < 500, `${body}: ${said}`);
      // What was asked may come back; nothing else names what the region may not know.
      if (!body.includes(CANARY)) assert.equal(said.includes(CANARY), false);
      assert.deepEqual(faults, []);
    }),
    { numRuns: 5_000, interruptAfterTimeLimit, markInterruptAsFailure: false },
  );
  await stands();
});

test('an enrolment of any kind is refused', async () => {
  using stranger = await Attacker.connect(region.token);
  const field = fc.oneof(fc.string(), fc.constantFrom('eu', 'us', '', '__proto__'), json);
  const given = fc.oneof(
    fc
      .record({ region: field, secret: field, request: field }, { requiredKeys: [] })
      .map((each) => JSON.stringify(each)),
    fc.string({ unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(given, async (body) => {
      const { status } = await stranger.post('/enrol', body);
      assert.ok([400, 403].includes(status), `${body}: ${String(status)}`);
      assert.deepEqual(faults, []);
    }),
    { numRuns: 2_000, interruptAfterTimeLimit: 5_000, markInterruptAsFailure: false },
  );
  await stands();
});
