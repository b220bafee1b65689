/** Scheduled snapshots in a bucket, against a server that speaks like S3. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { fail } from '../../src/errors.ts';
import { readSnapshot } from '../../src/lib/snapshot/reader.ts';
import { s3Target, type S3TargetOptions } from '../../src/lib/snapshot/s3-target.ts';
import type { SnapshotTarget } from '../../src/lib/snapshot/target.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import { withoutPython } from '../clients/support/cache.ts';
import { cuttingProxy, motoServer } from '../support/moto.ts';
import { ask, runningNode } from '../support/node.ts';

const HOUR = 3_600_000;
const skip = (await withoutPython()) ?? false;
const never = new AbortController().signal;
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

const optionsOf = (endpoint: string, more: Partial<S3TargetOptions> = {}): S3TargetOptions => ({
  bucket: 'backups',
  prefix: 'hub/',
  client: { endpoint, region: 'eu-central-1', forcePathStyle: true, credentials },
  encryption: {},
  ...more,
});

async function emulator(t: TestContext) {
  const url = await motoServer(t);
  const client = new S3Client(optionsOf(url).client);
  return {
    ...{ url, client },
    make: () =>
      client.send(
        new CreateBucketCommand({
          Bucket: 'backups',
          CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' },
        }),
      ),
    keys: async () =>
      ((await client.send(new ListObjectsV2Command({ Bucket: 'backups' }))).Contents ?? []).map(({ Key }) => Key ?? ''),
    unfinished: async () =>
      ((await client.send(new ListMultipartUploadsCommand({ Bucket: 'backups' }))).Uploads ?? []).map(({ Key }) => Key),
  };
}

async function scheduled(t: TestContext, target: SnapshotTarget, retain = 2) {
  const base = mkdtempSync(join(tmpdir(), 'lockstep-s3-'));
  t.after(() => {
    rmSync(base, { recursive: true, force: true });
  });
  let time = Date.UTC(2026, 10, 28, 8);
  const store = openMemoryStore();
  const schedules = [
    {
      name: 'b',
      interval: HOUR,
      retain,
      filePrefix: 'p',
      target: async () => target,
      shown: { storage_type: 'aws-s3' },
    },
  ];
  const running = await runningNode({
    ...{ store, now: () => time },
    snapshots: { store, folder: join(base, 'spool'), schedules },
  });
  const status = async () =>
    (await ask(running.node, 'GET', 'sys/storage/raft/snapshot-auto/status/b', { token: running.root })).reply?.data ??
    {};
  return {
    ...running,
    status,
    spooled: () => readdirSync(join(base, 'spool')),
    pass: async (milliseconds: number) => {
      time += milliseconds;
      await running.node.unsealedSnapshots.scheduler.tick();
    },
  };
}

test('snapshots go into the bucket, come back whole, and as many stay as were asked for', { skip }, async (t) => {
  const { url, client, make, keys } = await emulator(t);
  await make();
  await client.send(new PutObjectCommand({ Bucket: 'backups', Key: 'hub/p-of-somebody.snap', Body: 'not ours' }));
  const { node, pass, status, spooled } = await scheduled(t, s3Target(optionsOf(url)));
  await using _ = node;
  for (let at = 0; at < 3; at += 1) await pass(2 * HOUR);
  const own = (await keys()).filter((key) => key.includes(node.services.store.epoch.id.slice(0, 16)));
  assert.deepEqual([own.length, (await keys()).length], [2, 3]);
  assert.ok(own.every((key) => /^hub\/p-[0-9a-f]{16}-20261128T\d{9}Z\.snap$/.test(key)));
  assert.equal((await status())['last_snapshot_url'], `s3://backups/${own[1] ?? ''}`);
  const { Body } = await client.send(new GetObjectCommand({ Bucket: 'backups', Key: own[1] ?? '' }));
  const { meta } = await readSnapshot(Body as AsyncIterable<Uint8Array>, {});
  assert.equal(meta.log, node.services.store.log);
  assert.deepEqual(spooled(), []);
});

test('a bucket that is not there is told by name, and used once it is', { skip }, async (t) => {
  const { url, make, keys } = await emulator(t);
  const { node, pass, status } = await scheduled(t, s3Target(optionsOf(url)));
  await using _ = node;
  await pass(60_000);
  const failed = await status();
  assert.match(String(failed['last_snapshot_error']), /bucket backups.*NoSuchBucket.*make the bucket/);
  await make();
  await pass(120_000);
  assert.deepEqual([(await status())['consecutive_errors'], (await keys()).length], [0, 1]);
});

/** More than one part of an upload. */
function large(name: string) {
  const content = randomBytes(12 * 1024 * 1024);
  return {
    name,
    content: async function* () {
      for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
    },
    check: async (arrived: AsyncIterable<Uint8Array>) => {
      const parts: Uint8Array[] = [];
      for await (const part of arrived) parts.push(part);
      assert.ok(Buffer.concat(parts).equals(content));
    },
  };
}
const inParts = { partBytes: 5 * 1024 * 1024 };

test(
  'an upload in parts arrives whole; cut in the middle it leaves nothing, and the next one drops its parts',
  { skip },
  async (t) => {
    const { url, client, make, keys, unfinished } = await emulator(t);
    await make();
    const proxy = await cuttingProxy(t, url);
    const target = s3Target(optionsOf(proxy.url, inParts));
    await target.put(large('p-1'), 'p-', never);
    assert.deepEqual(await keys(), ['hub/p-1']);

    proxy.cutAfter = 1024 * 1024;
    await assert.rejects(target.put(large('p-2'), 'p-', never), /the bucket backups.*look at the bucket/);
    assert.ok(proxy.cuts > 0);
    proxy.cutAfter = undefined;
    assert.deepEqual(await keys(), ['hub/p-1']);

    // What a process leaves that is killed in the middle; and what is another's.
    for (const Key of ['hub/p-3', 'hub/q-1']) {
      await client.send(new CreateMultipartUploadCommand({ Bucket: 'backups', Key }));
    }
    await target.put(large('p-4'), 'p-', never);
    assert.deepEqual(await unfinished(), ['hub/q-1']);
    assert.deepEqual(await keys(), ['hub/p-1', 'hub/p-4']);
  },
);

test('what comes back otherwise than it was sent is removed', { skip }, async (t) => {
  const { url, make, keys } = await emulator(t);
  await make();
  const target = s3Target(optionsOf(url));
  const wrong = {
    ...large('p-1'),
    check: async () => {
      throw fail('snapshotDamaged', 'the snapshot is damaged');
    },
  };
  await assert.rejects(target.put(wrong, 'p-', never), /damaged/);
  assert.deepEqual(await keys(), []);
});

test('an upload that is given up ends at once, and nothing of it stays', { skip }, async (t) => {
  const { url, make, keys, unfinished } = await emulator(t);
  await make();
  const target = s3Target(optionsOf(url, inParts));
  const ending = new AbortController();
  const whole = large('p-1');
  const stopping = {
    ...whole,
    content: async function* () {
      let sent = 0;
      for await (const chunk of whole.content()) {
        yield chunk;
        sent += chunk.length;
        if (sent > 8 * 1024 * 1024) ending.abort();
      }
    },
  };
  await assert.rejects(target.put(stopping, 'p-', ending.signal), { name: 'AbortError' });
  assert.deepEqual(await keys(), []);
  // A request that was on its way may have begun an upload after all.
  await target.put(large('p-2'), 'p-', never);
  assert.deepEqual([await keys(), await unfinished()], [['hub/p-2'], []]);
});

test('a service that does not answer is given up, so that no schedule waits for it for ever', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const target = s3Target(optionsOf(`http://127.0.0.1:${String(port)}`, { quiet: 50 }));
  await assert.rejects(target.list('p-', never), /the bucket backups at http.*failed \(TimeoutError\)/);
});

test('a service that refuses is told by its own word, without what was sent', async (t) => {
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      response.writeHead(403, { 'Content-Type': 'application/xml' });
      response.end('<Error><Code>AccessDenied</Code><Message>key test may not list hub/</Message></Error>');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const { node, pass, status } = await scheduled(t, s3Target(optionsOf(`http://127.0.0.1:${String(port)}`)));
  await using _ = node;
  await pass(60_000);
  const said = String((await status())['last_snapshot_error']);
  assert.match(said, /AccessDenied.*let its credentials list, get, put and delete/);
  assert.doesNotMatch(said, /key test/);
});
