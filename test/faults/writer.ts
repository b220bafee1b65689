/** Writers of secrets that go on while servers are killed, and know for each change whether it was made. */
import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Draw } from '../../src/lib/draw.testing.ts';
import type { Answer, Caller } from './caller.ts';
import { until } from './fleet.ts';
import type { History } from './history.ts';
import { shownBy, type Change, type TrackedSecret } from './tracked-secret.ts';

export interface WriterOptions {
  readonly name: string;
  /** Where it writes: at the hub, or at a region, which forwards. */
  readonly caller: Caller;
  readonly atRegion: boolean;
  readonly secrets: readonly TrackedSecret[];
  readonly draw: Draw;
  readonly history: History;
  /** No change is begun after it aborts; one that is open is brought to its end. */
  readonly stop: AbortSignal;
  /** The run has failed: nothing is brought to its end any more. */
  readonly failed: AbortSignal;
}

const METHODS = { put: 'POST', patch: 'PATCH', delete: 'DELETE', undelete: 'POST' } as const;

export class Writer {
  readonly secrets: readonly TrackedSecret[];
  readonly #options: WriterOptions;
  #count = 0;
  unknown = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.secrets = options.secrets;
  }

  get acknowledged(): number {
    return this.secrets.reduce((sum, each) => sum + each.acknowledged, 0);
  }

  get server(): string {
    return this.#options.caller.name;
  }

  get name(): string {
    return this.#options.name;
  }

  async run(): Promise<void> {
    const { stop, draw, name, history } = this.#options;
    while (!stop.aborted) {
      const secret = draw.of(this.secrets);
      const change = this.#draw(secret);
      secret.pending = change;
      await this.#make(secret, change);
      if (draw.next() < 0.4) await this.#readBack(secret);
      history.add(`${name}: ${change.kind} ${change.id} of ${secret.path} done, version ${String(secret.version)}`);
    }
  }

  /** Who was answered reads what it wrote, where it wrote it. */
  async #readBack(secret: TrackedSecret): Promise<void> {
    const { caller } = this.#options;
    const path = `secret/data/${secret.path}`;
    const answer = await caller.tried('GET', path, undefined, { index: secret.index });
    if (answer === undefined || answer.status === 503 || answer.status === 412) return;
    secret.judgeExactly(caller.name, shownBy(answer, secret.path));
  }

  #draw(secret: TrackedSecret): Change {
    const { draw, name } = this.#options;
    this.#count += 1;
    const id = `${name}-${String(this.#count)}`;
    const kind = draw.next();
    if (secret.version > 0 && kind < 0.12) return { kind: 'delete', id };
    if (secret.deleted && kind < 0.5) return { kind: 'undelete', id };
    const cas = draw.next() < 0.3 ? secret.version : undefined;
    if (secret.version > 0 && kind < 0.35) return { kind: 'patch', id, data: { patched: id }, cas };
    const size = draw.next() < 0.05 ? 60_000 : draw.below(600);
    return { kind: 'put', id, data: { id, filler: `${id};`.repeat(1 + size / 8) }, cas };
  }

  #send(secret: TrackedSecret, change: Change): Promise<Answer | undefined> {
    const area = change.kind === 'undelete' ? 'undelete' : 'data';
    return this.#options.caller.tried(METHODS[change.kind], `secret/${area}/${secret.path}`, bodyOf(secret, change), {
      idempotencyKey: change.id,
    });
  }

  /** Asks until it is known whether the change was made. */
  async #make(secret: TrackedSecret, change: Change): Promise<void> {
    const { atRegion, failed } = this.#options;
    let lost = false;
    await until(
      `the outcome of ${change.id}`,
      async () => {
        failed.throwIfAborted();
        // At a region the idempotency key makes it safe to ask again, whatever came of the first try.
        if (lost && !atRegion) return this.#find(secret);
        const answer = await this.#send(secret, change);
        if (answer !== undefined && answer.status !== 503) {
          this.#settle(secret, change, answer);
          return true;
        }
        lost ||= answer === undefined;
        this.unknown += answer === undefined ? 1 : 0;
        return undefined;
      },
      300_000,
    );
  }

  #settle(secret: TrackedSecret, change: Change, answer: Answer): void {
    const expected = secret.after(change);
    const about = `${change.kind} ${change.id} of ${secret.path}: ${String(answer.status)} ${JSON.stringify(answer.bare)}`;
    if (change.kind === 'patch' && secret.current === undefined) {
      assert.equal(answer.status, 404, about);
    } else if (change.kind === 'put' || change.kind === 'patch') {
      assert.equal(answer.status, 200, about);
      assert.equal(answer.data['version'], expected.version, `not made exactly once: ${about}`);
    } else {
      assert.equal(answer.status, 204, about);
    }
    secret.settle(answer.index);
  }

  /** The hub died before it answered: what it holds now tells whether the change was made. */
  async #find(secret: TrackedSecret): Promise<true | undefined> {
    const { caller } = this.#options;
    const answer = await caller.tried('GET', `secret/data/${secret.path}`);
    if (answer === undefined || answer.status === 503 || secret.pending === undefined) return undefined;
    const shown = shownBy(answer, secret.path);
    secret.judge(caller.name, shown, secret.version);
    const made = secret.after(secret.pending);
    const now = { version: shown?.version ?? 0, deleted: shown?.deleted ?? false };
    if (now.version === made.version && now.deleted === made.deleted) secret.settle(answer.index);
    else secret.drop();
    return true;
  }
}

function bodyOf(secret: TrackedSecret, change: Change): JsonObject | undefined {
  if (change.kind === 'delete') return undefined;
  if (!('data' in change)) return { versions: [secret.version] };
  return { data: change.data, ...(change.cas === undefined ? {} : { options: { cas: change.cas } }) };
}
