import assert from 'node:assert/strict';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { createGzip } from 'node:zlib';
import { freePort } from '../../src/cli/up/free-port.ts';
import { testHub, testRegion, type TestRegion } from '../support/cluster.ts';
import { ask } from '../support/node.ts';

test('a region is not led by a restored hub whose history nothing proves: it keeps its copy, and joins anew', async () => {
  const hub = await testHub(await freePort());
  const { node, root: token } = hub;
  await using _hub = node;
  const write = (value: string) => ask(node, 'POST', 'secret/data/eu/db', { token, body: { data: { value } } });
  const wait = () => ask(node, 'POST', 'sys/wait', { token, body: { latest: true, timeout: 20 } });
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
  const eu = await testRegion(hub, 'eu', ['secret/eu/']);
  await using _eu = eu.node;
  const read = async (region: TestRegion): Promise<unknown> => {
    const { reply } = await ask(region.node, 'GET', 'secret/data/eu/db', { token: region.root });
    return (reply?.data?.['data'] as { value?: unknown } | undefined)?.value;
  };
  await write('then');
  assert.equal((await wait()).reply?.data?.['state'], 'done');
  const { path } = await node.snapshots.take(new AbortController().signal);
  const archive = `${path}.gz`;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(archive));
  await write('since');
  assert.equal((await wait()).reply?.data?.['state'], 'done');
  assert.equal(await read(eu), 'since');

  await node.snapshots.restore(archive, { force: false, keepCredentials: true });
  const waited = await ask(node, 'POST', 'sys/wait', { token, body: { latest: true, timeout: 1 } });
  assert.equal(waited.reply?.data?.['state'], 'missing');
  assert.equal(await read(eu), 'since');
  const anew = await testRegion(hub, 'eu', ['secret/eu/']);
  await using _anew = anew.node;
  assert.equal((await wait()).reply?.data?.['state'], 'done');
  assert.equal(await read(anew), 'then');
  await write('afterwards');
  assert.equal((await wait()).reply?.data?.['state'], 'done');
  assert.equal(await read(anew), 'afterwards');
  await Promise.all([path, archive].map((file) => rm(file, { force: true })));
});
