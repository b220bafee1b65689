import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isLockstepError } from '../errors.ts';
import { isMemoryBacked, place, prepareDirectory, removeFile, removeLeftovers } from './place.ts';

function directory(t: TestContext): string {
  const path = fs.mkdtempSync(join(tmpdir(), 'lockstep-place-'));
  t.after(() => fs.rmSync(path, { recursive: true, force: true }));
  return path;
}

const modeOf = (path: string): number => fs.statSync(path).mode & 0o7777;

test('writes the bytes with exactly the mode that was asked for, and leaves nothing beside them', async (t) => {
  const folder = directory(t);
  const path = join(folder, 'secret');
  for (const mode of [0o400, 0o440, 0o644, 0o600]) {
    assert.equal(await place(Buffer.from(`m${mode}`), { path, mode }), 'written');
    assert.equal(modeOf(path), mode);
    assert.equal(fs.readFileSync(path, 'utf8'), `m${mode}`);
  }
  assert.deepEqual(fs.readdirSync(folder), ['secret']);
});

test('leaves a file alone that is right already, and mends mode or content that is not', async (t) => {
  const path = join(directory(t), 'secret');
  const put = (): Promise<string> => place(Buffer.from('value'), { path, mode: 0o400 });
  await put();
  const { ino } = fs.statSync(path);
  assert.equal(await put(), 'unchanged');
  assert.equal(fs.statSync(path).ino, ino);
  fs.chmodSync(path, 0o444);
  assert.equal(await put(), 'written');
  assert.equal(modeOf(path), 0o400);
  fs.chmodSync(path, 0o600);
  fs.writeFileSync(path, 'vAlue');
  fs.chmodSync(path, 0o400);
  assert.equal(await put(), 'written');
  assert.equal(fs.readFileSync(path, 'utf8'), 'value');
});

test(
  'gives the file to its owner',
  { skip: process.getuid?.() === 0 ? false : 'only root can give files away' },
  async (t) => {
    const path = join(directory(t), 'secret');
    await place(Buffer.from('x'), { path, mode: 0o400, user: 4711, group: 4712 });
    assert.deepEqual([fs.statSync(path).uid, fs.statSync(path).gid], [4711, 4712]);
    assert.equal(await place(Buffer.from('x'), { path, mode: 0o400, user: 4711, group: 4712 }), 'unchanged');
    // Somebody else's file of the same content is replaced by ours.
    assert.equal(await place(Buffer.from('x'), { path, mode: 0o400 }), 'written');
    assert.equal(fs.statSync(path).uid, 0);
    await assert.rejects(place(Buffer.from('x'), { path, mode: 0o400, user: 'nobody-of-this-name' }), /no user/);
  },
);

test('replaces a link by the file, and what the link names stays as it was', async (t) => {
  const folder = directory(t);
  const [path, victim] = [join(folder, 'secret'), join(folder, 'victim')];
  fs.writeFileSync(victim, 'value');
  fs.chmodSync(victim, 0o400);
  fs.symlinkSync(victim, path);
  assert.equal(await place(Buffer.from('value'), { path, mode: 0o400 }), 'written');
  assert.ok(fs.lstatSync(path).isFile());
  assert.equal(fs.readFileSync(victim, 'utf8'), 'value');
});

test('does not wait for a pipe in its place, nor fail on it', async (t) => {
  const path = join(directory(t), 'secret');
  execFileSync('mkfifo', [path]);
  assert.equal(await place(Buffer.from(''), { path, mode: fs.statSync(path).mode & 0o777 }), 'written');
  assert.ok(fs.lstatSync(path).isFile());
});

test('refuses a folder that others could swap, and those above it; a sticky one is safe', async (t) => {
  const folder = directory(t);
  const open = join(folder, 'open');
  fs.mkdirSync(join(open, 'inner'), { recursive: true });
  fs.chmodSync(open, 0o777);
  for (const path of [join(open, 'secret'), join(open, 'inner', 'secret')]) {
    await assert.rejects(place(Buffer.from('x'), { path, mode: 0o400 }), (error) =>
      isLockstepError(error, 'unsafeDirectory'),
    );
  }
  assert.deepEqual(fs.readdirSync(open), ['inner']);
  fs.chmodSync(open, 0o1777);
  assert.equal(await place(Buffer.from('x'), { path: join(open, 'secret'), mode: 0o400 }), 'written');
});

test('makes a missing folder that shows no names to others', async (t) => {
  const folder = join(directory(t), 'a', 'b');
  await prepareDirectory(folder);
  assert.equal(modeOf(folder) & 0o066, 0);
});

test('leaves nothing behind when it fails', async (t) => {
  const folder = directory(t);
  fs.mkdirSync(join(folder, 'secret'));
  await assert.rejects(place(Buffer.from('x'), { path: join(folder, 'secret'), mode: 0o400 }), { code: 'EISDIR' });
  assert.deepEqual(fs.readdirSync(folder), ['secret']);
});

test('many at once: each reader sees one whole content, with its mode', async (t) => {
  const path = join(directory(t), 'secret');
  const content = (n: number): Buffer => Buffer.alloc(20_000, `${n % 10}`);
  await place(content(0), { path, mode: 0o400 });
  let reads = 0;
  const over = new AbortController();
  const read = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const file = await fs.promises.open(path, 'r');
      const bytes = await file.readFile();
      assert.equal((await file.stat()).mode & 0o777, 0o400);
      await file.close();
      assert.ok(bytes.length === 20_000 && bytes.every((byte) => byte === bytes[0]));
      reads += 1;
    }
  };
  const reader = read();
  await Promise.all(Array.from({ length: 60 }, (_, n) => place(content(n), { path, mode: 0o400 })));
  over.abort();
  await reader;
  assert.ok(reads > 0);
});

test('removes files, and what a killed process left beside them, and nothing else', async (t) => {
  const folder = directory(t);
  const path = join(folder, 'secret');
  const names = ['.secret.0123456789abcdef.lockstep', '.secret2.0123456789abcdef.lockstep', '.secret.tmp', 'secret'];
  for (const name of names) fs.writeFileSync(join(folder, name), '');
  assert.equal(await removeLeftovers(path), 1);
  assert.deepEqual(fs.readdirSync(folder).sort(), names.slice(1).sort());
  assert.equal(await removeFile(path), true);
  assert.equal(await removeFile(path), false);
});

test(
  'knows which folders lie in memory',
  { skip: process.platform === 'linux' ? false : 'statfs differs' },
  async () => {
    assert.equal(await isMemoryBacked('/dev/shm'), true);
    assert.equal(await isMemoryBacked('/'), false);
  },
);
