/** What a region with a valid certificate may say on its stream: it learns nothing beyond its view, and each lie is named. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPrivateKey } from '../../src/lib/crypto/certificates.ts';
import { enrol, type Identity } from '../../src/regions/cluster-client.ts';
import type { HubFrame } from '../../src/regions/protocol.ts';
import { testRegion, type TestHub } from '../support/cluster.ts';
import { addressOf, Attacker, hostile, joinToken } from '../support/hostile-region.ts';
import { CANARY, VIEW, world } from '../support/hostile-world.ts';
import { ask } from '../support/node.ts';

/** Every key that a frame names or writes. */
function keysIn(frame: HubFrame): readonly string[] {
  const writes = 'writes' in frame ? frame.writes.map(({ key }) => key) : [];
  return 'purge' in frame ? [...writes, ...frame.purge.prefixes] : writes;
}

function assertTold(attacker: Attacker, hub: TestHub): void {
  const heard = Buffer.concat(attacker.heard);
  assert.ok(heard.length > 500, 'there is something to look at');
  assert.equal(heard.includes(CANARY), false, 'a name or a value outside of the filter was told');
  for (let sequence = 1; sequence <= hub.store.position.sequence; sequence += 1) {
    const hash = hub.store.hashAt({ epoch: hub.store.position.epoch, sequence });
    if (hash !== undefined) assert.equal(heard.includes(Buffer.from(hash)), false, 'a hash of the hub’s log was told');
  }
}

/** Classes of keys, ids left out, that a region with VIEW receives. */
const RECEIVED = [
  's/root/data/<approle>/role-id/<hmac>/eu-app',
  's/root/data/<approle>/role/eu-app',
  's/root/data/<plain>/v1/eu/db',
  's/root/data/<secret>/data/1/eu/db',
  's/root/data/<secret>/metadata/eu/db',
  's/root/mounts/<approle>',
  's/root/mounts/<plain>',
  's/root/mounts/<secret>',
  's/root/policies/eu-app',
  's/root/policies/eu-wide',
];

test('a region receives the keys of its view, by class, and no name or value beyond', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const stream = attacker.stream();
  stream.obedient = true;
  stream.hello();
  await stream.until('snapshotEnd');
  const mounts = new Map<string, string>();
  for (const { record } of hub.node.services.mounts.all('root'))
    mounts.set(record.uuid, record.path.replace(/\/$/, ''));
  const named = (key: string): string =>
    key.replace(/[0-9a-f-]{36}/g, (id) => `<${mounts.get(id) ?? 'id'}>`).replace(/role-id\/[^/]+/, 'role-id/<hmac>');
  const received = new Set(stream.frames.flatMap(keysIn).map(named));
  assert.deepEqual([...received].sort(), RECEIVED);

  // What happens later, outside of the view: deletions, new names, moves, tokens, a rule that widens and narrows.
  await hub.as('DELETE', `plain/${CANARY}`);
  await hub.as('DELETE', `secret/metadata/${CANARY}/db`);
  await hub.as('POST', `secret/data/${CANARY}/later`, { data: { a: CANARY } });
  await hub.as('POST', 'sys/remount', { from: `plain-${CANARY}`, to: `moved-${CANARY}` });
  await hub.as('POST', 'auth/token/create', { display_name: CANARY, policies: [`${CANARY}-admin`] });
  await hub.as('POST', `sys/regions/${CANARY}-region`, { paths: [`${CANARY}-mount/`] });
  await hub.as('PATCH', 'sys/regions/eu', { paths: [...VIEW, 'secret/wide/'] });
  await hub.as('POST', 'secret/data/wide/x', { data: { a: '1' } });
  await hub.as('PATCH', 'sys/regions/eu', { paths: VIEW });
  await hub.as('DELETE', `sys/mounts/${CANARY}-mount`);
  const { sequence } = hub.store.position;
  await stream.until('mark', ({ position }) => position.sequence >= sequence);
  const foreign = stream.frames.flatMap(keysIn).filter((key) => !key.startsWith('s/'));
  assert.deepEqual(foreign, []);
  assertTold(attacker, hub);
  assert.deepEqual(hub.witness.alarms, []);
});

test('what the hub says of its history is the same for the same cursor, and no guess can be tried on it', async () => {
  await using hub = await world();
  const { token, identity, attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const stream = attacker.stream();
  stream.obedient = true;
  stream.hello();
  const end = await stream.until('snapshotEnd');
  assert.ok(end !== undefined);
  const log = stream.first('welcome')?.log ?? '';
  attacker[Symbol.dispose]();
  using again = await Attacker.as(token, identity);
  const resumed = again.stream();
  resumed.hello({ cursor: { log, position: end.position, hash: end.hash }, filterVersion: 1 });
  assert.equal((await resumed.until('welcome'))?.snapshot, undefined);
});

test('a stream tells who it is by its certificate, and lies about it are named', async () => {
  await using hub = await world();
  await joinToken(hub, 'us', ['secret/']);
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const lies = [
    { given: { region: 'us' }, reason: 'identity', what: 'identityForged' },
    { given: { region: 'hub' }, reason: 'identity', what: 'identityForged' },
    { given: { protocol: 2 }, reason: 'protocolVersion', what: 'protocolVersion' },
  ];
  for (const { given, reason, what } of lies) {
    const stream = attacker.stream();
    stream.hello(given);
    assert.equal((await stream.ended())?.reason, reason);
    await hub.witness.saw(what);
  }
  assertNothingHeld(await hub.as('GET', 'sys/regions/us'));
  assert.equal(Buffer.concat(attacker.heard).includes(CANARY), false);
});

function assertNothingHeld({ reply }: Awaited<ReturnType<typeof ask>>): void {
  assert.equal(reply?.data?.['index'], null);
  assert.equal(reply?.data?.['connected'], false);
}

test('an acknowledgement counts for what was sent, with its hash and on its stream, and for nothing else', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const lie = async (what: string, tell: (stream: ReturnType<Attacker['stream']>) => void): Promise<void> => {
    const stream = attacker.stream();
    stream.hello();
    await stream.until('snapshotEnd');
    tell(stream);
    assert.match((await stream.ended())?.reason ?? '', /^bad(Ack|Frame)$/, what);
    await hub.witness.saw(what);
  };
  const tip = () => hub.store.position;
  const hash = Buffer.alloc(32, 7);
  await lie('ackNonce', (s) => {
    s.say({ type: 'ack', nonce: 'another', through: 1, cursor: undefined });
  });
  await lie('ackBeyondSent', (s) => {
    s.say({ type: 'ack', nonce: s.nonce, through: 1_000_000, cursor: undefined });
  });
  await lie('ackHash', (s) => {
    const end = s.first('snapshotEnd');
    if (end !== undefined)
      s.say({ type: 'ack', nonce: s.nonce, through: end.n, cursor: { position: end.position, hash } });
  });
  await lie('ackBeyondSent', (s) => {
    const position = { ...tip(), sequence: tip().sequence + 5 };
    s.say({ type: 'ack', nonce: s.nonce, through: 1, cursor: { position, hash } });
  });
  await lie('ackBackwards', (s) => {
    const end = s.first('snapshotEnd');
    if (end === undefined) return;
    s.say({ type: 'ack', nonce: s.nonce, through: end.n, cursor: end });
    s.say({
      type: 'ack',
      nonce: s.nonce,
      through: end.n,
      cursor: { ...end, position: { ...end.position, sequence: 1 } },
    });
  });
  await lie('consumerAckBeyondRegion', (s) => {
    s.say({ type: 'consumerAck', nonce: s.nonce, consumer: 'x', position: tip(), digest: hash });
  });
  await lie('unexpectedFrame', (s) => {
    s.hello();
  });
  await lie('malformedFrame', (s) => {
    s.raw(Buffer.from([0, 0, 0, 2, 99, 0]));
  });
  const waited = await hub.as('POST', 'sys/wait', { latest: true, timeout: '1s' });
  assert.equal(waited.reply?.data?.['state'], 'missing');
});

test('a cursor is looked up, never believed: no epoch rises, and the copy starts anew', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const { position, log } = hub.store;
  const hash = Buffer.alloc(32, 7);
  const cursors = [
    { snapshot: 'otherLog', cursor: { log: 'another', position, hash } },
    {
      snapshot: 'otherEpoch',
      cursor: { log, position: { epoch: '99.ffffffffffffffffffffffffffffffff', sequence: 1 }, hash },
    },
    { snapshot: 'ahead', cursor: { log, position: { ...position, sequence: Number.MAX_SAFE_INTEGER }, hash } },
    { snapshot: 'fork', cursor: { log, position, hash } },
    { snapshot: 'fork', cursor: { log, position, hash: hub.store.hash } },
  ];
  for (const { snapshot, cursor } of cursors) {
    const stream = attacker.stream();
    stream.hello({ cursor, filterVersion: 1 });
    assert.equal((await stream.until('welcome'))?.snapshot, snapshot);
    await stream.until('snapshotEnd');
    stream.end();
  }
  assert.equal(hub.store.position.epoch, position.epoch);
  assertTold(attacker, hub);
});

test('a region can sign up nobody but itself: not by the name in its request, nor by another’s token', async () => {
  await using hub = await world();
  const eu = await joinToken(hub, 'eu', VIEW);
  const us = await joinToken(hub, 'us', ['secret/us/']);
  await assert.rejects(enrol(addressOf(eu), { ...eu, region: 'us' }, newPrivateKey()), /not valid/);
  await assert.rejects(enrol(addressOf(eu), { ...us, region: 'hub' }, newPrivateKey()), /not valid/);
  await assert.rejects(enrol(addressOf(eu), { ...us, region: '../regions/us' }, newPrivateKey()), /not valid/);
  assert.equal((await hub.witness.saw('enrolment', 3)).length, 3);
  // Two race for one token: one gets in, and the other is named.
  const raced = await Promise.allSettled([1, 2, 3].map(() => enrol(addressOf(eu), eu, newPrivateKey())));
  const won = raced.filter((each): each is PromiseFulfilledResult<Identity> => each.status === 'fulfilled');
  assert.equal(won.length, 1);
  await hub.witness.saw('enrolment', 5);
  using attacker = await Attacker.as(eu, won[0]?.value ?? assert.fail());
  assert.equal((await attacker.forward({})).json.outcome?.status, 200);
});

test('beside a hostile region, another is served as ever', async () => {
  await using hub = await world();
  const us = await testRegion(hub, 'us', ['secret/us/']);
  await using _us = us.node;
  await hub.as('POST', 'sys/wait', { latest: true, timeout: '10s' });
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const stream = attacker.stream();
  stream.hello();
  await stream.until('snapshotEnd');
  stream.raw(Buffer.alloc(64, 0xff));
  await stream.ended();
  await hub.witness.saw('malformedFrame');
  const written = await hub.as('POST', 'secret/data/us/x', { data: { a: '1' } });
  const index = written.headers['X-Vault-Index'] ?? '';
  const read = await ask(us.node, 'GET', 'secret/data/us/x', { token: us.root, index });
  assert.deepEqual(read.reply?.data?.['data'], { a: '1' });
});
