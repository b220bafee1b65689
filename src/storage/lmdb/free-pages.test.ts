import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareDirectory } from './data-directory.ts';
import { freshReader, openEnvironment, type Environment } from './environment.ts';
import { directory } from './fixture.ts';
import { logKey } from './view.ts';

/** Numbers from 0 to 1, the same for the same seed. */
function drawn(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/** Writes of some records of one page or less, and others of several pages, as a group's before `lockstep-lmdb/3`. Gives the next sequence. */
async function write({ root, data, log }: Environment, random: () => number, first: number): Promise<number> {
  let sequence = first;
  await root.batch(() => {
    for (let count = 1 + Math.floor(random() * 20); count > 0; count -= 1) {
      const key = `k/${Math.floor(random() * 3000)}`;
      if (random() < 0.2) void data.remove(key);
      else void data.put(key, Buffer.alloc(50 + Math.floor(random() * 900)));
      const size = random() < 0.3 ? 2000 + random() * 30_000 : 100 + random() * 1500;
      void log.put(logKey(sequence), Buffer.alloc(Math.floor(size)));
      sequence += 1;
    }
  });
  return sequence;
}

/** Commits beside a reader of the state that was so many of them ago at most. */
async function commitBesideReader(environment: Environment, commits: number, work: () => Promise<void>): Promise<void> {
  let held = freshReader(environment.root);
  for (let commit = 0; commit < commits; commit += 1) {
    await work();
    if (commit % HELD_COMMITS !== 0) continue;
    const next = freshReader(environment.root);
    held.done();
    held = next;
  }
  held.done();
}

const HELD_COMMITS = 64;

// With lmdb-js's own `maxFreeSpaceToRetain` each of these seeds ends the process, soon after the start.
for (const seed of [1, 4]) {
  test(`commits go on while an older state is read, after a start too (seed ${seed})`, async (t) => {
    const path = directory(t);
    prepareDirectory(path);
    const random = drawn(seed);
    let sequence = 1;
    for (const commits of [233, 300]) {
      const environment = openEnvironment(path, { betweenCheckpoints: true });
      await commitBesideReader(environment, commits, async () => {
        sequence = await write(environment, random, sequence);
      });
      await environment.root.close();
    }
    const environment = openEnvironment(path, { betweenCheckpoints: true });
    assert.equal([...environment.log.getKeys({ start: Buffer.alloc(1) })].length, sequence - 1);
    await environment.root.close();
  });
}
