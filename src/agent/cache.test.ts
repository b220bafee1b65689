import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { takeKey } from '../lib/crypto/hash.ts';
import { Secret } from '../lib/secret.ts';
import { elapsed, type Stamp } from './age.ts';
import { cacheKey } from './cache-key.ts';
import { Cache, type CacheOptions } from './cache.ts';

const key = (fill: number) => takeKey(new Uint8Array(32).fill(fill));
const canary = 'canary-4f1c2e';

function setUp(t: TestContext) {
  const directory = join(fs.mkdtempSync(join(tmpdir(), 'lockstep-cache-')), 'cache');
  t.after(() => fs.rmSync(join(directory, '..'), { recursive: true, force: true }));
  const stamp = { boot: 'one', up: 100, wall: 1_000_000 };
  const open = (changes: Partial<CacheOptions> = {}): Promise<Cache> =>
    Cache.open({
      directory,
      key: key(1),
      identity: 'approle  auth/approle x',
      stamps: () => ({ ...stamp }),
      ...changes,
    });
  return { directory, stamp, open };
}

test('gives back what was put, after a restart too, with its age', async (t) => {
  const { open, stamp, directory } = setUp(t);
  const cache = await open();
  await cache.put('secret/data/a', { data: { password: canary }, version: 3 });
  await cache.put('kv/b', { data: {}, version: undefined });
  stamp.up += 60;
  const again = await open();
  assert.deepEqual(await again.get('secret/data/a'), { data: { password: canary }, version: 3, age: 60 });
  assert.deepEqual(await again.get('kv/b'), { data: {}, version: undefined, age: 60 });
  assert.equal(await again.get('secret/data/other'), undefined);
  assert.equal(fs.statSync(directory).mode & 0o777, 0o700);
  for (const name of fs.readdirSync(directory)) {
    const file = join(directory, name);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    const bytes = fs.readFileSync(file);
    for (const word of [canary, 'password', 'secret/data']) assert.ok(!bytes.includes(word), `${word} in ${name}`);
    assert.doesNotMatch(name, /secret|data/);
  }
});

test('an entry serves only under its key, for its identity and its path, and unchanged', async (t) => {
  const { open, directory } = setUp(t);
  const cache = await open();
  await cache.put('a', { data: { v: '1' }, version: 1 });
  const [nameOfA = ''] = fs.readdirSync(directory);
  await cache.put('b', { data: { v: '2' }, version: 1 });
  const nameOfB = fs.readdirSync(directory).find((name) => name !== nameOfA) ?? '';
  assert.equal(await (await open({ key: key(2) })).get('a'), undefined);
  assert.equal(await (await open({ identity: 'approle  auth/approle y' })).get('a'), undefined);
  const ofA = fs.readFileSync(join(directory, nameOfA));
  fs.writeFileSync(join(directory, nameOfA), fs.readFileSync(join(directory, nameOfB)));
  assert.equal(await (await open()).get('a'), undefined, "another path's entry in its place");
  for (let at = 1; at < ofA.length; at += 7) {
    const torn = Buffer.from(ofA);
    torn[at] = (torn[at] ?? 0) ^ 1;
    fs.writeFileSync(join(directory, nameOfA), torn);
    assert.equal(await (await open()).get('a'), undefined, `byte ${at}`);
  }
  for (const length of [1, 12, 29, ofA.length - 1]) {
    fs.writeFileSync(join(directory, nameOfA), ofA.subarray(0, length));
    assert.equal(await (await open()).get('a'), undefined, `${length} bytes`);
  }
  fs.writeFileSync(join(directory, nameOfA), Buffer.concat([Buffer.from([9]), ofA.subarray(1)]));
  await assert.rejects(async () => (await open()).get('a'), /another format/);
});

test('a confirmation makes entries young, but not those that were put back from earlier', async (t) => {
  const { open, stamp, directory } = setUp(t);
  const cache = await open();
  await cache.put('a', { data: { v: '1' }, version: 1 });
  const [name = ''] = fs.readdirSync(directory);
  const old = fs.readFileSync(join(directory, name));
  stamp.up += 1_000;
  await cache.put('a', { data: { v: '2' }, version: 2 });
  stamp.up += 1_000;
  await cache.confirm(['a']);
  stamp.up += 10;
  assert.equal((await (await open()).get('a'))?.age, 10);
  fs.writeFileSync(join(directory, name), old);
  assert.equal((await (await open()).get('a'))?.age, 2_010);
});

test('ages hold whatever the wall clock does; after a reboot only a clock that went on counts', () => {
  const stamp = (boot: string, up: number, wall: number): Stamp => ({ boot, up, wall });
  assert.equal(elapsed(stamp('a', 10, 5_000), stamp('a', 70, 0)), 60);
  assert.equal(elapsed(stamp('a', 10, 5_000), stamp('a', 70, 999_999)), 60);
  assert.equal(elapsed(stamp('a', 10, 5_000), stamp('b', 1, 5_100)), 100);
  assert.equal(elapsed(stamp('a', 10, 5_000), stamp('b', 1, 4_000)), undefined);
  assert.equal(elapsed(stamp('', 10, 5_000), stamp('', 70, 5_005)), 5);
});

test('what is erased is gone, what belongs to nobody is pruned, what was left half written goes', async (t) => {
  const { open, directory } = setUp(t);
  const cache = await open();
  for (const path of ['a', 'b', 'c']) await cache.put(path, { data: {}, version: 1 });
  await cache.erase('a');
  await cache.erase('a');
  assert.equal(await cache.get('a'), undefined);
  assert.equal(await cache.prune(['b']), 1);
  assert.deepEqual([(await cache.get('b'))?.version, await cache.get('c')], [1, undefined]);
  const [entry = ''] = fs.readdirSync(directory);
  fs.writeFileSync(join(directory, `.${entry}.0123456789abcdef.lockstep`), 'half');
  fs.writeFileSync(join(directory, 'stranger'), '');
  await open();
  assert.deepEqual(fs.readdirSync(directory).sort(), [entry, 'stranger'].sort());
});

test('puts of one path keep their order', async (t) => {
  const { open } = setUp(t);
  const cache = await open();
  await Promise.all(Array.from({ length: 20 }, (_, n) => cache.put('a', { data: {}, version: n })));
  assert.equal((await cache.get('a'))?.version, 19);
});

const config = { stale_max: 1, exit_on_err: false };

test('takes a key from memory only, not readable by everybody, long enough, away from the cache', async (t) => {
  const memory = fs.mkdtempSync('/dev/shm/lockstep-key-');
  t.after(() => fs.rmSync(memory, { recursive: true, force: true }));
  const disk = fs.mkdtempSync(join(tmpdir(), 'lockstep-key-'));
  t.after(() => fs.rmSync(disk, { recursive: true, force: true }));
  const make = (folder: string, bytes = 32, mode = 0o400): string => {
    const path = join(folder, `key-${bytes}-${mode}`);
    fs.writeFileSync(path, Buffer.alloc(bytes, 7), { mode });
    fs.chmodSync(path, mode);
    return path;
  };
  const from = (key_file: string, path = disk) => cacheKey({ ...config, path, key_file, derive_key: false }, undefined);
  const good = await from(make(memory));
  assert.ok(good.equals(await from(make(memory, 32, 0o440))));
  await assert.rejects(from(make(disk, 32), '/elsewhere'), /lies on a disk/);
  await assert.rejects(from(make(memory, 31)), /must hold 32/);
  await assert.rejects(from(make(memory, 5_000)), /must hold 32/);
  await assert.rejects(from(make(memory, 32, 0o444)), /everybody can read/);
  await assert.rejects(from(make(memory), memory), /beside the cache/);
  const link = join(disk, 'link');
  fs.symlinkSync(make(disk, 40), link);
  await assert.rejects(from(link, '/elsewhere'), /lies on a disk/);
});

test('derives a key from a login secret that cannot be guessed', async () => {
  const derive = (text: string) =>
    cacheKey({ ...config, path: '/c', key_file: undefined, derive_key: true }, new Secret(text));
  const secretId = '7b0a3c1e-5f0e-4b7d-9f53-0a4a6d2f1c11';
  assert.ok((await derive(secretId)).equals(await derive(secretId)));
  assert.ok(!(await derive(secretId)).equals(await derive(secretId.replace('7b', '7c'))));
  await assert.rejects(derive('short'), /fewer than 32 characters/);
});
