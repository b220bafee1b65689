/**
 * The node killed while it writes and tells of it: who resumes by the last mark is told of every write that was acknowledged,
 * of nothing that is not there, and never of an older version after a newer one.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { Subscriber } from '../support/events.ts';
import { giveShares, initialise, place, type Keys } from '../support/sealed-server.ts';
import { ServerProcess } from '../support/server-process.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
const WRITERS = 3;

async function follow(server: ServerProcess, { token }: Keys, index?: string): Promise<Subscriber> {
  const query = `path=secret/data/*${index === undefined ? '' : `&index=${encodeURIComponent(index)}`}`;
  const url = `${(await server.address()).replace('http', 'ws')}/v1/sys/events/subscribe/*?${query}`;
  const subscriber = new Subscriber(new WebSocket(url, 'lockstep.changes.v1', { headers: { 'X-Vault-Token': token } }));
  await once(subscriber.socket, 'open');
  const welcome = await subscriber.until(({ kind }) => kind === 'welcome');
  if (index !== undefined) assert.equal(welcome['resumed'], true, 'history reaches back to the mark');
  return subscriber;
}

/** Each writer has its own path and a shared one; versions that were answered go into `acknowledged`, until the node dies. */
async function writeUntilDead(server: ServerProcess, { token }: Keys, acknowledged: Map<string, number>) {
  const one = async (writer: number): Promise<void> => {
    for (let n = 0; ; n += 1) {
      const path = `secret/data/${String(writer)}/${NAMES[n % NAMES.length] ?? 'a'}`;
      const { json } = await server.ask('POST', `/v1/${path}`, { token, body: { data: { n } } });
      acknowledged.set(path, (json['data'] as { readonly version: number }).version);
    }
  };
  await Promise.allSettled(Array.from({ length: WRITERS }, (_, writer) => one(writer)));
}

/** Checks the order within one stream; the newest version of each path goes into `told`. */
function assertInOrder({ events }: Subscriber, told: Map<string, number>): void {
  const newest = new Map<string, number>();
  for (const event of events) {
    const [path, version] = [String(event['path']), Number(event['version'])];
    assert.ok(version > (newest.get(path) ?? 0), `${path}: ${String(version)} after ${String(newest.get(path))}`);
    newest.set(path, version);
    told.set(path, Math.max(version, told.get(path) ?? 0));
  }
}

test('killed in the middle of writes, again and again, a subscriber that resumes misses nothing', async (t) => {
  const config = place(t).config('');
  let server = new ServerProcess([config]);
  const keys = await initialise(server, false);
  const { token } = keys;
  await server.ask('POST', '/v1/sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
  const [acknowledged, told] = [new Map<string, number>(), new Map<string, number>()];
  let mark: string | undefined;
  for (let round = 0; round < 4; round += 1) {
    await using running = server;
    const subscriber = await follow(running, keys, mark);
    const writing = writeUntilDead(running, keys, acknowledged);
    // Not on the boundary of a mark: so many events after what history had to tell.
    const caughtUp = await subscriber.until(({ kind }) => kind === 'mark');
    const enough = subscriber.events.length + 20 + 7 * round;
    await subscriber.until(() => subscriber.events.length >= enough, subscriber.frames.indexOf(caughtUp));
    running.signal('SIGKILL');
    assert.equal(await running.exit, null);
    await Promise.all([writing, subscriber.ended()]);
    assertInOrder(subscriber, told);
    const last = subscriber.frames.findLast(({ kind }) => kind === 'mark');
    mark = String(last?.['index']);
    server = new ServerProcess([config]);
    await giveShares(server, keys.shares, false);
  }
  await using running = server;
  const subscriber = await follow(running, keys, mark);
  const { json } = await running.ask('POST', '/v1/secret/data/end', { token, body: { data: {} } });
  assert.equal((json['data'] as { readonly version: number }).version, 1);
  await subscriber.until(({ path }) => path === 'secret/data/end');
  assertInOrder(subscriber, told);
  for (const [path, version] of acknowledged) {
    assert.ok((told.get(path) ?? 0) >= version, `${path}: ${String(version)} was acknowledged and not told`);
  }
  for (const [path, version] of told) {
    const found = await running.ask('GET', `/v1/${path}?version=${String(version)}`, { token });
    assert.equal(found.status, 200, `${path}: ${String(version)} was told, and is not there`);
  }
  subscriber.socket.terminate();
});
