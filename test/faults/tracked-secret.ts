/**
 * What one writer knows of the secret that it alone writes: every version that was acknowledged, and the one change
 * whose outcome is open. What any server shows of it is judged by that.
 */
import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/framework/field.ts';
import { mergePatch } from '../../src/lib/merge-patch.ts';
import type { Answer } from './caller.ts';

export type Change =
  | { readonly kind: 'put' | 'patch'; readonly id: string; readonly data: JsonObject; readonly cas: number | undefined }
  | { readonly kind: 'delete' | 'undelete'; readonly id: string };

/** As KV version 2 shows it. */
export interface Shown {
  readonly version: number;
  readonly deleted: boolean;
  /** Undefined when the version is deleted. */
  readonly data: JsonObject | undefined;
}

const VERSIONS_KEPT = 10;

/** What an answer to `GET secret/data/…` shows; undefined when there is no such secret. Fails for half of one. */
export function shownBy(answer: Answer, path: string): Shown | undefined {
  if (answer.status === 404 && answer.bare['data'] === undefined) return undefined;
  assert.ok(
    answer.status === 200 || answer.status === 404,
    `${path}: ${String(answer.status)} ${answer.errors.join()}`,
  );
  const metadata = (answer.data['metadata'] ?? {}) as { version?: number; deletion_time?: string };
  const data = (answer.data['data'] ?? undefined) as JsonObject | undefined;
  const deleted = metadata.deletion_time !== '';
  assert.equal(data === undefined, deleted, `${path} is half applied: ${JSON.stringify(answer.bare)}`);
  return { version: metadata.version ?? 0, deleted, data };
}

export class TrackedSecret {
  readonly path: string;
  /** Contents by version, of all that were acknowledged. */
  readonly contents = new Map<number, JsonObject>();
  version = 0;
  deleted = false;
  /** Acknowledged changes. */
  acknowledged = 0;
  /** The newest acknowledgement's index. */
  index = '';
  pending: Change | undefined;

  constructor(path: string) {
    this.path = path;
  }

  get current(): JsonObject | undefined {
    return this.deleted ? undefined : this.contents.get(this.version);
  }

  /** What the secret is once `change` is made. */
  after(change: Change): Shown {
    if (change.kind === 'delete') return { version: this.version, deleted: this.version > 0, data: undefined };
    if (!('data' in change)) {
      return { version: this.version, deleted: false, data: this.contents.get(this.version) };
    }
    const next = { version: this.version + 1, deleted: false };
    if (change.kind === 'put') return { ...next, data: change.data };
    const { version, deleted, current } = this;
    if (current === undefined) return { version, deleted, data: undefined };
    return { ...next, data: mergePatch(current, change.data) };
  }

  /** The pending change was made. */
  settle(index: string): void {
    const { pending } = this;
    if (pending === undefined) return;
    const { version, deleted, data } = this.after(pending);
    if (version > this.version && data !== undefined) this.contents.set(version, data);
    this.version = version;
    this.deleted = deleted;
    this.contents.delete(version - VERSIONS_KEPT);
    this.pending = undefined;
    this.acknowledged += 1;
    if (index !== '') this.index = index;
  }

  /** The pending change was certainly not made. */
  drop(): void {
    this.pending = undefined;
  }

  /** Judges what a server that may lag showed: never older than `floor`, never what nobody wrote. */
  judge(server: string, shown: Shown | undefined, floor: number): void {
    const version = shown?.version ?? 0;
    const about = `${this.path} at ${server}`;
    assert.ok(version >= floor, `${about}: version ${String(floor)} was there, now ${String(version)} is`);
    const open = this.pending === undefined ? undefined : this.after(this.pending);
    const highest = Math.max(this.version, open?.version ?? 0);
    assert.ok(version <= highest, `${about}: version ${String(version)} was never written (${String(highest)} was)`);
    if (shown?.data === undefined) return;
    const expected = version > this.version ? open?.data : this.contents.get(version);
    if (expected !== undefined) assert.deepEqual(shown.data, expected, `${about}, version ${String(version)}`);
  }

  /** Judges what a server showed that lacks nothing, while no change is pending. */
  judgeExactly(server: string, shown: Shown | undefined): void {
    const { version, deleted } = shown ?? { version: 0, deleted: false };
    const about = `${this.path} at ${server}`;
    assert.deepEqual({ version, deleted }, { version: this.version, deleted: this.deleted }, about);
    assert.deepEqual(shown?.data, this.current, about);
  }
}
