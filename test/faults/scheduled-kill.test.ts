/** A node that is killed while it takes a scheduled snapshot: what lies at the target counts only whole. */
import assert from 'node:assert/strict';
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { readSnapshot } from '../../src/lib/snapshot/reader.ts';
import { withoutPython } from '../clients/support/cache.ts';
import { motoServer } from '../support/moto.ts';
import { ServerProcess } from '../support/server-process.ts';

function started(t: TestContext, folder: string, failpoint?: string): ServerProcess {
  const failpoints = failpoint === undefined ? '' : `${failpoint}=kill`;
  const server = new ServerProcess([`-config=${join(folder, 'server.hcl')}`], { failpoints });
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

function configured(t: TestContext, snapshot: (folder: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-scheduled-kill-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  mkdirSync(join(folder, 'kept'));
  writeFileSync(
    join(folder, 'server.hcl'),
    `storage "lmdb" { path = "${join(folder, 'data')}" }
     listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
     workers = 0
     ${snapshot(folder)}`,
  );
  return folder;
}

/** Gives what unseals it. */
async function initialised(first: ServerProcess): Promise<(server: ServerProcess) => Promise<unknown>> {
  const made = await first.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  const { keys } = made.json as { keys: string[] };
  return (server) => server.ask('PUT', '/v1/sys/unseal', { body: { key: keys[0] ?? '' } });
}

/** Kills one at the failpoint, then lets another take one. */
async function killedThenAgain(t: TestContext, folder: string, failpoint: string): Promise<ServerProcess> {
  const first = started(t, folder, failpoint);
  const unseal = await initialised(first);
  // The process can end before it answers.
  await unseal(first).catch(() => undefined);
  await first.exit;
  const second = started(t, folder);
  await unseal(second);
  return second;
}

for (const failpoint of ['scheduled.writing', 'scheduled.written', 'scheduled.checked']) {
  test(`killed at ${failpoint}, nothing counts, and the next start makes it up`, async (t) => {
    const folder = configured(
      t,
      (base) => `snapshot "often" {
        interval     = "10s"
        storage_type = "local"
        path_prefix  = "${base}/kept"
      }`,
    );
    const kept = join(folder, 'kept');
    const names = () => readdirSync(kept).filter((name) => name.endsWith('.snap'));
    const second = await killedThenAgain(t, folder, failpoint);
    await second.line(/took a scheduled snapshot/);
    const [name = '', ...more] = names();
    assert.deepEqual(more, []);
    // What the killed one had half written went before, and so did its spool.
    assert.deepEqual(readdirSync(kept), [name]);
    assert.deepEqual(readdirSync(join(folder, 'data', 'spool')), []);
    assert.ok((await readSnapshot(createReadStream(join(kept, name)), {})).meta.records > 0);
  });
}

test(
  'killed between upload and check, what lies in the bucket is whole, and the next start goes on from it',
  {
    skip: (await withoutPython()) ?? false,
  },
  async (t) => {
    const url = await motoServer(t);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new S3Client({ endpoint: url, region: 'us-east-1', forcePathStyle: true, credentials });
    await client.send(new CreateBucketCommand({ Bucket: 'backups' }));
    const folder = configured(
      t,
      () => `snapshot "often" {
      interval                = "10s"
      storage_type            = "aws-s3"
      aws_s3_bucket           = "backups"
      aws_s3_region           = "us-east-1"
      aws_s3_endpoint         = "${url}"
      aws_s3_disable_tls      = true
      aws_s3_force_path_style = true
      aws_access_key_id       = "test"
      aws_secret_access_key   = "test"
    }`,
    );
    const first = started(t, folder, 'scheduled.uploaded');
    const unseal = await initialised(first);
    await unseal(first).catch(() => undefined);
    await first.exit;
    const listed = async () => (await client.send(new ListObjectsV2Command({ Bucket: 'backups' }))).Contents ?? [];
    const [left, ...more] = await listed();
    assert.deepEqual(more, []);
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'backups', Key: left?.Key ?? '' }));
    assert.ok((await readSnapshot(Body as AsyncIterable<Uint8Array>, {})).meta.records > 0);
    const second = started(t, folder);
    await unseal(second);
    // It took the place of the one before.
    await second.line(/took a scheduled snapshot/);
    const [next, ...others] = await listed();
    assert.deepEqual([others, next?.Key === left?.Key], [[], false]);
  },
);
