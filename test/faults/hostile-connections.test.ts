/** What may be done to the cluster listener by who holds a certificate, had one, or has none: others are served on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { constants } from 'node:http2';
import { test } from 'node:test';
import { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } from '../../src/lib/crypto/certificates.ts';
import { enrol, HubConnection } from '../../src/regions/cluster-client.ts';
import { MAX_REGION_FRAME } from '../../src/regions/codec.ts';
import type { RosterEntry } from '../../src/regions/protocol.ts';
import { cloneOf, testRegion } from '../support/cluster.ts';
import { addressOf, Attacker, hostile, joinToken } from '../support/hostile-region.ts';
import { CANARY, VIEW, world, type World } from '../support/hostile-world.ts';
import { ask } from '../support/node.ts';

/** A client of the hub and one of another region are answered within a second, whatever goes on beside them. */
async function served(hub: World, us: Awaited<ReturnType<typeof testRegion>>): Promise<void> {
  const start = performance.now();
  const written = await hub.as('POST', 'secret/data/us/x', { data: { at: start } });
  assert.equal(written.status, 200);
  const index = written.headers['X-Vault-Index'] ?? '';
  const read = await ask(us.node, 'GET', 'secret/data/us/x', { token: us.root, index });
  assert.deepEqual(read.reply?.data?.['data'], { at: start });
  const took = performance.now() - start;
  assert.ok(took < 1_000, `a write took ${String(Math.round(took))} ms to arrive`);
}

async function beside() {
  const hub = await world();
  const us = await testRegion(hub, 'us', ['secret/us/']);
  await hub.as('POST', 'sys/wait', { latest: true, timeout: '10s' });
  return {
    ...{ hub, us },
    served: () => served(hub, us),
    [Symbol.asyncDispose]: async () => {
      await us.node[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
    },
  };
}

const identified = async (attacker: Attacker): Promise<number> => (await attacker.forward({})).status;

test('without a good certificate no route answers anything, whatever is asked', async () => {
  await using hub = await world();
  const token = await joinToken(hub, 'eu', VIEW);
  const key = newPrivateKey();
  const authority = await createAuthority('Lockstep cluster', { notBefore: new Date(0), notAfter: new Date(4e12) });
  const forged = { authority, publicKey: publicKeyOf(key), commonName: 'eu', usage: 'client' as const };
  const cert = await issueCertificate({ ...forged, notBefore: new Date(0), notAfter: new Date(4e12) });
  for (const tls of [{}, { key, cert }]) {
    using stranger = await Attacker.connect(token, tls);
    for (const path of [
      '/stream',
      '/forward',
      '/renew',
      '/',
      '/v1/sys/health',
      '/../stream',
      `/${'x'.repeat(4_000)}`,
    ]) {
      for (const method of ['POST', 'GET', 'CONNECT', 'LIST']) {
        const headers = method === 'CONNECT' ? { ':authority': 'hub' } : { ':path': path };
        const { status, text } = await stranger.answer(stranger.open({ ...headers, ':method': method }).end());
        assert.ok([403, 404, 0].includes(status), `${method} ${path}: ${String(status)}`);
        assert.equal(text.includes(CANARY), false);
      }
    }
  }
  using joining = await Attacker.connect(token);
  for (const body of ['{', '[]', '{}', '{"region":"eu"}', JSON.stringify({ region: 'eu', secret: '', request: '' })]) {
    const { status } = await joining.post('/enrol', body);
    assert.ok([400, 403].includes(status), `${body}: ${String(status)}`);
  }
  assert.equal((await joining.post('/enrol', 'x'.repeat(20_000))).status, 413);
  await hub.witness.saw('noCertificate');
  await hub.witness.saw('enrolment');
});

test('a clone of a region that is connected blocks both, and only joining anew lets one in', async () => {
  await using hub = await world();
  const eu = await testRegion(hub, 'eu', VIEW);
  await using _eu = eu.node;
  await hub.as('POST', 'sys/wait', { latest: true, timeout: '10s' });
  await using _clone = await cloneOf(eu);
  await hub.witness.saw('clone');
  await hub.witness.saw('identity');
  const { reply } = await hub.as('GET', 'sys/regions/eu');
  assert.match(String(reply?.data?.['blocked']), /two nodes/);
  // Adding it anew is for a node with the new token: the certificate that was cloned stays worthless.
  const before = hub.witness.of('identity').length;
  const token = await joinToken(hub, 'eu', VIEW);
  const seen = await hub.witness.saw('identity', before + 2);
  assert.equal(seen.at(-1)?.detail, 'otherCertificate');
  const identity = await enrol(addressOf(token), token, newPrivateKey());
  using fresh = await Attacker.as(token, identity);
  assert.equal(await identified(fresh), 200);
});

test('a clone that shows itself only for a moment is found all the same', async () => {
  await using hub = await world();
  const { token, identity, attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const trueNode = attacker.stream();
  trueNode.obedient = true;
  trueNode.hello({ instance: 'true' });
  await trueNode.until('snapshotEnd');
  const thief = await Attacker.as(token, identity);
  const stream = thief.stream();
  stream.hello({ instance: 'thief' });
  await stream.until('welcome');
  thief[Symbol.dispose]();
  // The true node is heard again: it acknowledges what comes.
  await hub.as('POST', 'secret/data/eu/later', { data: { a: '1' } });
  const beat = setInterval(() => {
    trueNode.say({ type: 'heartbeat', time: 0 });
  }, 200);
  await hub.witness.saw('clone');
  clearInterval(beat);
  assert.equal((await trueNode.ended())?.reason, 'clone');
});

test('a certificate ends with its successor, with its region and with its time, on open connections too', async () => {
  await using hub = await world();
  const { token, identity, attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  using connection = await HubConnection.open(addressOf(token), identity);
  const renewed = await connection.renew();
  // The reply could have been lost: until the new one is shown, the old one is good.
  assert.equal(await identified(attacker), 200);
  const again = await connection.renew();
  using newest = await Attacker.as(token, again);
  assert.equal(await identified(newest), 200);
  await attacker.closed;
  for (const old of [identity, renewed]) {
    using stale = await Attacker.as(token, old);
    assert.equal(await identified(stale), 403);
  }
  assert.deepEqual(
    [...new Set((await hub.witness.saw('identity', 2)).map(({ detail }) => detail))],
    ['otherCertificate'],
  );
  const stream = newest.stream();
  stream.hello();
  await stream.until('snapshotEnd');
  await hub.as('DELETE', 'sys/regions/eu');
  await newest.closed;
  // The name comes back, the certificate does not.
  await joinToken(hub, 'eu', VIEW);
  using removed = await Attacker.as(token, again);
  assert.equal(await identified(removed), 403);
});

test('joining anew ends the connections of the node that was there before', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  assert.equal(await identified(attacker), 200);
  const token = await joinToken(hub, 'eu', VIEW);
  assert.equal(await identified(attacker), 200, 'until the new node joins, the old one is the region');
  await enrol(addressOf(token), token, newPrivateKey());
  await attacker.closed;
});

test('streams and snapshots without end are refused after a while, and nobody else waits for them', async () => {
  await using world = await beside();
  const { attacker } = await hostile(world.hub, 'eu', ['*']);
  using _attacker = attacker;
  let refused = 0;
  for (let n = 0; n < 100; n += 1) {
    const stream = attacker.stream();
    stream.stream.once('response', (headers) => {
      if (headers[':status'] === 429) refused += 1;
    });
    stream.hello();
    if (n % 10 === 0) await stream.until('snapshotStart');
  }
  await world.hub.witness.saw('flood');
  await world.served();
  assert.ok(refused > 0);
});

test('frames that come too fast are read more slowly; those that are too long, or do not end, end the stream', async () => {
  await using world = await beside();
  const { attacker } = await hostile(world.hub, 'eu', VIEW);
  using _attacker = attacker;
  const stream = attacker.stream();
  stream.hello();
  await stream.until('snapshotEnd');
  const beats = Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0, 0, 0, 2, 4, 0])));
  for (let n = 0; n < 10; n += 1) stream.raw(beats);
  await world.served();
  stream.end();
  const long = attacker.stream();
  long.hello();
  await long.until('snapshotEnd');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(MAX_REGION_FRAME + 1);
  long.raw(length);
  assert.equal((await long.ended())?.reason, 'badFrame');
  const silent = attacker.stream();
  silent.raw(Buffer.from([0, 0]));
  assert.equal((await silent.ended())?.reason, 'silent');
  await world.served();
});

test('a roster of a hostile region is bounded, cannot be drawn on a terminal, and ends with the region', async () => {
  await using hub = await world();
  const { attacker } = await hostile(hub, 'eu', VIEW);
  using _attacker = attacker;
  const tell = async (entries: readonly RosterEntry[], times: number) => {
    const stream = attacker.stream();
    stream.hello();
    await stream.until('snapshotEnd');
    for (let n = 0; n < times; n += 1) {
      const part = entries.map((entry) => ({ ...entry, consumer: `${entry.consumer}${String(n)}` }));
      stream.say({ type: 'roster', nonce: stream.nonce, part: 'change', entries: part });
    }
    return stream;
  };
  const unprintable = await tell([{ consumer: '\u001b[2J', gone: false, expires: undefined }], 1);
  assert.equal((await unprintable.ended())?.reason, 'badFrame');
  await hub.witness.saw('rosterFlooded');
  const last = await tell([{ consumer: 'x', gone: false, expires: Number.MAX_SAFE_INTEGER }], 1);
  last.say({ type: 'heartbeat', time: 0 });
  for (let named = 0; named === 0;) {
    const { status, reply } = await hub.as('GET', 'sys/regions/eu');
    assert.equal(status, 200);
    named = JSON.stringify(reply?.data).includes('"x0"') ? 1 : 0;
    await new Promise(setImmediate);
  }
  const many = Array.from({ length: 64 }, (_, n) => ({ consumer: `y${String(n)}-`, gone: false, expires: undefined }));
  assert.equal((await (await tell(many, 400)).ended())?.reason, 'badFrame');
  await hub.witness.saw('rosterFlooded', 2);
  await hub.as('DELETE', 'sys/regions/eu');
  const waited = await hub.as('POST', 'sys/wait', { latest: true, timeout: '1s' });
  assert.equal(waited.reply?.data?.['state'], 'nobody');
});

test('half-open connections and floods of enrolments do not keep a region out', async () => {
  await using world = await beside();
  const token = await joinToken(world.hub, 'eu', VIEW);
  const { host, port } = addressOf(token);
  const sockets: Socket[] = [];
  for (let n = 0; n < 200; n += 1) {
    const socket = connectTcp(port, host);
    socket.on('error', () => undefined);
    sockets.push(socket);
  }
  // Those beyond the share of one address are ended at once.
  await Promise.race(sockets.map((socket) => once(socket, 'close')));
  for (const socket of sockets.splice(0, 150)) socket.destroy();
  await world.served();
  using stranger = await Attacker.connect(token);
  const body = JSON.stringify({ region: 'eu', secret: 'x', request: 'x'.repeat(10_000) });
  const flood = await Promise.all(Array.from({ length: 200 }, () => stranger.post('/enrol', body)));
  assert.ok(flood.every(({ status }) => status === 403));
  assert.ok(world.hub.witness.of('enrolment').length <= 32, 'a flood is counted, not repeated');
  await world.served();
  await enrol({ host, port }, token, newPrivateKey());
  for (const socket of sockets) socket.destroy();
});

test('HTTP/2 abuse ends the connection that does it', async () => {
  await using world = await beside();
  const { token, identity, attacker } = await hostile(world.hub, 'eu', VIEW);
  using _attacker = attacker;
  assert.equal(await identified(attacker), 200);
  // Rapid reset (CVE-2023-44487).
  const reset = await Attacker.as(token, identity);
  const ended = reset.closed;
  while (!reset.session.destroyed) {
    const streams = Array.from({ length: 50 }, () => reset.open({ ':path': '/forward' }));
    await new Promise(setImmediate);
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    await new Promise(setImmediate);
  }
  await ended;
  const large = await Attacker.as(token, identity);
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`x-${String(n)}`, 'x']));
  assert.equal((await large.post('/forward', '{}', many)).status, 0);
  const settings = await Attacker.as(token, identity);
  for (let n = 0; n < 5_000 && !settings.session.destroyed; n += 1) {
    try {
      settings.session.settings({ initialWindowSize: 65_535 + n });
    } catch {
      break;
    }
  }
  await world.served();
  for (const each of [large, settings]) each[Symbol.dispose]();
  assert.equal(await identified(attacker), 200);
});

test('bodies that are huge, or many at once, are refused without being kept', async () => {
  await using world = await beside();
  const { attacker } = await hostile(world.hub, 'eu', VIEW);
  using _attacker = attacker;
  const chunk = Buffer.alloc(1_048_576, 0x20);
  const one = attacker.open({ ':path': '/forward' });
  const answer = attacker.answer(one);
  for (let n = 0; n < 34; n += 1) one.write(chunk);
  one.end();
  assert.equal((await answer).status, 413);
  const many = Array.from({ length: 6 }, () => attacker.open({ ':path': '/forward' }));
  const answers = many.map((stream) => attacker.answer(stream));
  for (let n = 0; n < 16; n += 1) for (const stream of many) stream.write(chunk);
  await world.hub.witness.saw('flood', 2);
  for (const stream of many) stream.destroy();
  await Promise.all(answers);
  await world.served();
  assert.equal(await identified(attacker), 200);
});
