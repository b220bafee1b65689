/** The hub's durable state, and the archive of every state that it ever had: what regions are compared with. */

import { parseFilter, inView } from '../../src/regions/filter.ts';
import type { Filter } from '../../src/regions/filter.ts';
import type { Write } from '../../src/regions/protocol.ts';
import type { Layout, Mount, Mounts, Rule, RuleAt } from '../../src/regions/view.ts';
import type { Batch, Position } from '../../src/storage/store.ts';

export const REGIONS = ['eu', 'us', 'ap'] as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytesOf(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function parsed(write: Write): Record<string, unknown> {
  return write.value === undefined ? {} : (JSON.parse(decoder.decode(write.value)) as Record<string, unknown>);
}

function rest(key: string, prefix: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

function dataOf(key: string): { readonly id: string; readonly path: string } | undefined {
  const below = rest(key, 's/root/data/');
  const slash = below?.indexOf('/') ?? -1;
  return below === undefined || slash < 0 ? undefined : { id: below.slice(0, slash), path: below.slice(slash + 1) };
}

export const layout: Layout = {
  pathOf: (key, mounts) => {
    const mount = rest(key, 's/root/mounts/');
    if (mount !== undefined) {
      const path = mounts.get(mount)?.path;
      return path === undefined ? undefined : { kind: 'mount', path };
    }
    const policy = rest(key, 's/root/policies/');
    if (policy !== undefined) return { kind: 'record', path: `sys/policies/acl/${policy}` };
    const data = dataOf(key);
    const at = data && mounts.get(data.id);
    return data === undefined || at === undefined ? undefined : { kind: 'record', path: `${at.path}${data.path}` };
  },
  mountRecord: (key) => rest(key, 's/root/mounts/'),
  mountOf: (key) => dataOf(key)?.id,
  readMount: (write) => {
    const id = rest(write.key, 's/root/mounts/');
    const path = parsed(write)['path'];
    return id === undefined || typeof path !== 'string' ? undefined : mountAt(id, path);
  },
  regionRecord: (key) => rest(key, 'h/root/regions/'),
  readRule: (write) => {
    const { filter, version } = parsed(write);
    return Array.isArray(filter) && typeof version === 'number' ? { filter: parseFilter(filter), version } : undefined;
  },
};

function mountAt(id: string, path: string): Mount {
  return { id, path, record: `s/root/mounts/${id}`, data: `s/root/data/${id}/` };
}

/** The hub right after one batch. */
export interface Moment {
  readonly position: Position;
  readonly state: ReadonlyMap<string, Uint8Array>;
  readonly mounts: Mounts;
  readonly rules: ReadonlyMap<string, Rule>;
}

export function mayHold(moment: Moment, region: string, key: string): boolean {
  if (!key.startsWith('s/')) return false;
  const path = layout.pathOf(key, moment.mounts);
  return path !== undefined && inView(moment.rules.get(region)?.filter ?? [], path);
}

interface Backup {
  readonly log: readonly Batch[];
  readonly moment: Moment;
  readonly hash: Uint8Array;
  readonly oldest: Position;
}

/** A hash that is unique to each batch and leads to its place in the archive. */
function hashFor(place: number): Uint8Array {
  const hash = new Uint8Array(32).fill(0xa5);
  new DataView(hash.buffer).setUint32(0, place);
  return hash;
}

export class HubModel {
  readonly log = 'hub-log';
  /** Every moment of every branch, in the order in which they happened; a hash leads to its place. */
  readonly archive: Moment[] = [];
  batches: Batch[] = [];
  now: Moment;
  hash: Uint8Array;
  oldest: Position;
  backup: Backup | undefined;
  epochs = 1;

  constructor() {
    const position = { epoch: '1.a', sequence: 0 };
    this.now = { position, state: new Map(), mounts: new Map(), rules: new Map() };
    this.archive.push(this.now);
    this.hash = hashFor(0);
    this.oldest = position;
  }

  get position(): Position {
    return this.now.position;
  }

  momentAt(hash: Uint8Array): Moment | undefined {
    return this.archive[new DataView(hash.buffer, hash.byteOffset).getUint32(0)];
  }

  placeOf(hash: Uint8Array): number {
    return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
  }

  hashAt(position: Position): Uint8Array | undefined {
    if (position.sequence === this.position.sequence) return this.hash;
    const next = this.batches.find((batch) => batch.previous.sequence === position.sequence);
    const at = this.batches.find((batch) => batch.position.sequence === position.sequence);
    return at?.hash ?? (next === undefined ? undefined : this.#hashBefore.get(next));
  }
  readonly #hashBefore = new Map<Batch, Uint8Array>();

  commit(writes: readonly Write[], time: number): Batch {
    const previous = this.position;
    const position = { epoch: previous.epoch, sequence: previous.sequence + 1 };
    const state = new Map(this.now.state);
    const mounts = new Map(this.now.mounts);
    const rules = new Map(this.now.rules);
    for (const write of writes) applyTo({ state, mounts, rules }, write);
    this.now = { position, state, mounts, rules };
    const hash = hashFor(this.archive.push(this.now) - 1);
    const batch = { position, previous, hash, time, writes };
    this.#hashBefore.set(batch, this.hash);
    this.batches.push(batch);
    this.hash = hash;
    return batch;
  }

  compact(sequence: number): void {
    const upTo = Math.min(sequence, this.position.sequence);
    if (upTo <= this.oldest.sequence) return;
    this.oldest = { ...this.position, sequence: upTo };
    this.batches = this.batches.filter((batch) => batch.position.sequence > upTo);
  }

  save(): void {
    this.backup = { log: [...this.batches], moment: this.now, hash: this.hash, oldest: this.oldest };
  }

  /** Puts the backup back: with a new epoch as a restore does, or silently as a copied data directory does. */
  restore(newEpoch: boolean): boolean {
    const { backup } = this;
    if (backup === undefined || backup.moment === this.now) return false;
    this.hash = backup.hash;
    this.batches = [...backup.log];
    this.oldest = backup.oldest;
    this.now = backup.moment;
    // Its rules count again from here on.
    this.archive.push(this.now);
    if (newEpoch) {
      this.epochs += 1;
      const position = { epoch: `${this.epochs}.b`, sequence: backup.moment.position.sequence };
      this.now = { ...backup.moment, position };
      this.hash = hashFor(this.archive.push(this.now) - 1);
      this.batches = [];
      this.oldest = position;
    }
    this.backup = undefined;
    return true;
  }

  after(from: Position, most: number): readonly Batch[] | undefined {
    if (from.sequence < this.oldest.sequence || from.epoch !== this.position.epoch) return undefined;
    const start = this.batches.findIndex((batch) => batch.previous.sequence === from.sequence);
    return start < 0 ? [] : this.batches.slice(start, start + most);
  }

  ruleAt(region: string): RuleAt {
    return { ...(this.now.rules.get(region) ?? { filter: [], version: 0 }), mounts: this.now.mounts };
  }

  mountRecord(id: string, path: string, note: number): Write {
    return { key: `s/root/mounts/${id}`, value: bytesOf({ path, note }) };
  }

  regionRecord(region: string, filter: Filter): Write {
    const version = (this.now.rules.get(region)?.version ?? 0) + 1;
    return { key: `h/root/regions/${region}`, value: bytesOf({ filter, version }) };
  }
}

function applyTo(
  to: { state: Map<string, Uint8Array>; mounts: Map<string, Mount>; rules: Map<string, Rule> },
  write: Write,
): void {
  if (write.value === undefined) to.state.delete(write.key);
  else to.state.set(write.key, write.value);
  const mount = layout.mountRecord(write.key);
  if (mount !== undefined) set(to.mounts, mount, write.value && layout.readMount(write));
  const region = layout.regionRecord(write.key);
  if (region !== undefined) set(to.rules, region, write.value && layout.readRule(write));
}

function set<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
