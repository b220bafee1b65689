/**
 * A store whose machine is lost at any moment: all that it may leave on the disk opens, and holds what was acknowledged.
 * `node src/storage/lmdb/journal/lost-machine.test.ts --seed=<seed> --steps=<n>` for another run, or a longer one.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { Draw } from '../../../lib/draw.testing.ts';
import { nextTurn } from '../../../lib/next-turn.ts';
import { batchesSince } from '../../conformance/subject.ts';
import type { LocalStore } from '../../local/local-store.ts';
import type { Transaction } from '../../store.ts';
import { directory } from '../fixture.ts';
import { openLmdbStore } from '../open.ts';
import { RememberingDisk } from './lost-machine.fixture.ts';

const { values: flags } = parseArgs({
  options: { seed: { type: 'string' }, steps: { type: 'string' } },
  strict: false,
});
const seeds = flags.seed === undefined ? [1, 2, 3] : [Number(flags.seed)];
const steps = Number(flags.steps ?? 80);

/** By the sequence: what the store held there, and its hash. */
class Model {
  readonly states = new Map<number, { readonly content: Map<string, string>; readonly hash: string }>();
  acknowledged = 0;

  /** Begins where the store stands, and hears of each batch when it is durable. */
  follow(store: LocalStore): Disposable {
    using snapshot = store.snapshot();
    const content = new Map<string, string>();
    for (const key of snapshot.list('', { limit: 1_000 })) content.set(key, latin1(snapshot.get(key)));
    this.states.set(store.position.sequence, { content, hash: hex(store.hash) });
    this.acknowledged = store.position.sequence;
    return store.observe(({ position, writes, hash }) => {
      this.add(position.sequence, hex(hash), writes);
      this.acknowledged = position.sequence;
    });
  }

  add(sequence: number, hash: string, writes: readonly { key: string; value: Uint8Array | undefined }[]): void {
    const content = new Map(this.states.get(sequence - 1)?.content);
    for (const { key, value } of writes) {
      if (value === undefined) content.delete(key);
      else content.set(key, latin1(value));
    }
    this.states.set(sequence, { content, hash });
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const latin1 = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? '').toString('latin1');

/** Small values, values in parts, removals: one transaction. */
function change(tx: Transaction, draw: Draw): void {
  for (let left = 1 + draw.below(4); left > 0; left--) {
    const key = `k/${String(draw.below(30))}`;
    const kind = draw.below(10);
    if (kind < 2) tx.delete(key);
    else if (kind === 2) tx.put(key, Buffer.alloc(60_000 + draw.below(120_000), draw.below(256)));
    else tx.put(key, Buffer.alloc(draw.below(400), draw.below(256)));
  }
}

/** The image opens at what was acknowledged or later, and is exactly what the store was there. */
async function check(image: string, model: Model, acknowledged: number, name: string): Promise<void> {
  await using store = await openLmdbStore({ path: image });
  const { sequence } = store.position;
  assert.ok(sequence >= acknowledged, `${name}: ${acknowledged} was acknowledged, ${sequence} is there`);
  const batches = await batchesSince(store, store.oldest);
  // What was in the journal and not told yet, of which the model hears only now.
  for (const { position, hash, writes } of batches) {
    if (model.states.has(position.sequence - 1) && !model.states.has(position.sequence)) {
      model.add(position.sequence, hex(hash), writes);
    }
  }
  const state = model.states.get(sequence);
  assert.equal(hex(store.hash), state?.hash, `${name}: another history`);
  using snapshot = store.snapshot();
  const keys = snapshot.list('', { limit: 1_000 });
  assert.deepEqual(keys, [...(state?.content.keys() ?? [])].sort(), name);
  for (const key of keys) {
    assert.ok(latin1(snapshot.get(key)) === state?.content.get(key), `${name}: ${key}`);
  }
  for (const { position, hash } of batches) {
    const known = model.states.get(position.sequence);
    if (known !== undefined) assert.equal(hex(hash), known.hash, name);
  }
  // It goes on: what it holds is no dead end.
  await store.transact((tx) => tx.put('more', Buffer.from('x')));
}

/** One life of the store: it is written to, and at moments an image of its disk is kept. */
class Life {
  readonly images: { readonly path: string; readonly acknowledged: number }[] = [];
  readonly #root: string;
  readonly #draw: Draw;
  readonly #chance: Draw;
  readonly #model: Model;
  readonly #disk: RememberingDisk;
  readonly #path: string;

  /** `chance` decides what is lost, and when: apart, so that what is written follows from the seed alone. */
  constructor(root: string, path: string, { draw, chance }: { draw: Draw; chance: Draw }, model: Model) {
    mkdirSync(root);
    this.#root = root;
    this.#path = path;
    this.#draw = draw;
    this.#model = model;
    this.#chance = chance;
    this.#disk = new RememberingDisk(path, chance, () => {
      this.#moment();
    });
  }

  async run(): Promise<void> {
    const limits = {
      bytes: 200_000 + this.#draw.below(400_000),
      commits: 3 + this.#draw.below(40),
      milliseconds: 60_000,
    };
    const store = await openLmdbStore({ path: this.#path, disk: this.#disk, checkpoint: limits });
    const told = this.#model.follow(store);
    for (let step = 0; step < steps; step++) {
      await this.#step(store);
      if (this.#chance.below(3) === 0) this.#disk.remember();
      if (this.#chance.below(4) === 0) this.#moment();
    }
    told[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
    this.#image();
  }

  async #step(store: LocalStore): Promise<void> {
    const group = Array.from({ length: 1 + this.#draw.below(5) }, () => store.transact((tx) => change(tx, this.#draw)));
    if (this.#draw.below(2) === 0) await nextTurn();
    if (this.#draw.below(12) === 0) {
      const sequence = Math.max(store.oldest.sequence, store.position.sequence - this.#draw.below(30));
      await store.compact({ epoch: store.position.epoch, sequence });
    }
    await Promise.all(group);
  }

  #moment(): void {
    if (this.#chance.below(12) === 0) this.#image();
  }

  #image(): void {
    const path = join(this.#root, `image-${String(this.images.length)}`);
    this.#disk.image(path);
    this.images.push({ path, acknowledged: this.#model.acknowledged });
  }
}

for (const seed of seeds) {
  test(`whatever a lost machine leaves on the disk holds all that was acknowledged (seed ${String(seed)})`, async (t) => {
    const [draw, chance] = [new Draw(seed), new Draw(~seed)];
    const root = directory(t);
    let path = join(root, 'data');
    let images = 0;
    for (let life = 0; life < 3; life++) {
      const model = new Model();
      const lived = new Life(join(root, `life-${String(life)}`), path, { draw, chance }, model);
      await lived.run();
      rmSync(path, { recursive: true });
      // The next life goes on in an image of this one, as after a real loss.
      path = join(root, `data-${String(life)}`);
      cpSync(lived.images[chance.below(lived.images.length)]?.path ?? '', path, { recursive: true });
      for (const { path: image, acknowledged } of lived.images) {
        await check(image, model, acknowledged, `life ${String(life)}, ${basename(image)}`);
        rmSync(image, { recursive: true });
      }
      images += lived.images.length;
    }
    t.diagnostic(`${String(images)} images`);
    assert.ok(images > steps / 10);
  });
}
