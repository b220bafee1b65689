import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Handler } from '../framework/request.ts';
import { Gate, get, outcomeOf, RawClient, serveOn } from './server.testing.ts';

test('who is connected comes anew behind the next reply, who connects then stays', async () => {
  const serving = await serveOn({}, new Gate());
  const before = await RawClient.to(serving);
  await before.send(get('a'));
  assert.equal((await before.reply())?.headers['connection'], 'keep-alive');
  serving.renew();
  const behind = await RawClient.to(serving);
  for (const client of [before, behind]) await client.send(get('b'));
  const last = await before.reply();
  assert.deepEqual([last?.status, last?.headers['connection']], [200, 'close']);
  await before.closed();
  for (const path of ['b', 'c']) {
    assert.equal((await behind.reply())?.headers['connection'], 'keep-alive', path);
    await behind.send(get('c'));
  }
  await serving.close();
});

test('no request is lost that a client sent before it knew', async () => {
  const gate = new Gate();
  const serving = await serveOn({}, gate);
  const client = await RawClient.to(serving);
  await client.send(get('held'), get('a'));
  await gate.holds(1);
  serving.renew();
  gate.letGo();
  assert.equal((await client.reply())?.headers['connection'], 'keep-alive');
  assert.equal((await client.reply())?.headers['connection'], 'close');
  await client.closed();
  await serving.close();
});

test('clients of a Unix socket, where no other thread listens, stay', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-renewal-'));
  const serving = await serveOn({ kind: 'unix', path: join(folder, 'socket') });
  const client = await RawClient.at(join(folder, 'socket'));
  for (const path of ['a', 'b']) {
    await client.send(get(path));
    assert.equal((await client.reply())?.headers['connection'], 'keep-alive');
    serving.renew();
  }
  await serving.close();
  rmSync(folder, { recursive: true });
});

test('a client whose requests another thread serves is to come anew after a hundred in a row', async () => {
  const handler: Handler = {
    handle: (request) => outcomeOf(request, request.path === 'elsewhere' ? { elsewhere: true } : {}),
  };
  const serving = await serveOn({}, handler);
  const client = await RawClient.to(serving);
  const ask = async (path: string): Promise<string | undefined> => {
    await client.send(get(path));
    return (await client.reply())?.headers['connection'];
  };
  for (let at = 1; at <= 99; at++) assert.equal(await ask('elsewhere'), 'keep-alive');
  assert.equal(await ask('here'), 'keep-alive');
  for (let at = 1; at <= 99; at++) assert.equal(await ask('elsewhere'), 'keep-alive');
  assert.equal(await ask('elsewhere'), 'close');
  await client.closed();
  await serving.close();
});
