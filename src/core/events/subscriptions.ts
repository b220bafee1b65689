/**
 * Who is told of changes. One reader follows the log for all subscribers; each is checked against today's policies before
 * each event, and ended with its token in the batch that ends that.
 */
import { fail } from '../../errors.ts';
import { sha256 } from '../../lib/crypto/hash.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import type { Logger } from '../../lib/log.ts';
import type { Batch, Position, Store } from '../../storage/store.ts';
import { decodeIndex } from '../freshness.ts';
import { keys, namespaceOfKey } from '../keys.ts';
import type { MountTable } from '../mounts/mount-table.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import type { PolicyStore } from '../policy/policy-store.ts';
import { namespaceOfToken, type Token } from '../tokens/token.ts';
import type { TokenStore } from '../tokens/token-store.ts';
import { ConsumerStream, type Acknowledged, type AckRefusal } from './consumer-stream.ts';
import { shownIndex, type Entry } from './entry.ts';
import { frames, parseClientFrame, type ClosingReason } from './frames.ts';
import { History } from './history.ts';
import { DEFAULT_LIMITS, type SubscriptionLimits } from './limits.ts';
import { covers, meets } from './patterns.ts';
import { Rights } from './rights.ts';
import { framesOf, MountPaths, newestOf, toldBy } from './told.ts';
import { Roster } from './roster.ts';
import { Subscription, type Carrier, type Reached, type Told, type Wants } from './subscription.ts';

export interface SubscriptionsOptions {
  readonly store: Store;
  readonly namespaces: NamespaceTable;
  readonly mounts: MountTable;
  readonly policies: PolicyStore;
  readonly tokens: TokenStore;
  readonly log: Logger;
  readonly now: () => number;
  readonly limits?: Partial<SubscriptionLimits>;
}

/** What becomes of a consumer's stream. */
export interface ConsumerEvents {
  readonly acknowledged: (acknowledged: Acknowledged, digest: Uint8Array) => void;
  readonly refused: (why: AckRefusal) => void;
  readonly ended: () => void;
}

export interface Opening {
  readonly wants: Wants;
  readonly token: Token;
  /** To resume after. */
  readonly index: string | undefined;
  readonly consumer: ConsumerEvents | undefined;
}

/** What the server tells of a connection. */
export interface Opened {
  readonly received: (text: string) => void;
  /** Something that is no text frame within the bounds. */
  readonly invalid: () => void;
  readonly closed: () => void;
  readonly end: (reason: ClosingReason) => void;
}

/** Changes that are told in one stretch of history. */
const SLICE = 256;

export class Subscriptions implements Disposable {
  readonly #options: SubscriptionsOptions;
  readonly #limits: SubscriptionLimits;
  readonly #history: History;
  readonly #rights: Rights;
  readonly #roster = new Roster();
  readonly #mountPaths: MountPaths;
  readonly #observation: Disposable;
  readonly #over = new AbortController();
  #queue: Batch[] = [];
  #scheduled: 'no' | 'soon' | 'now' = 'no';
  #recheck = false;
  #ticks: NodeJS.Timeout | undefined;
  #closing: ClosingReason = 'sealed';

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#rights = new Rights(options);
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { store, mounts } = options;
    const { kept: most, reach } = this.#limits;
    this.#history = new History({ store, mounts, most, reach, tip: shownIndex(store) });
    this.#mountPaths = new MountPaths(mounts);
    this.#observation = store.observe((batch) => {
      this.#observe(batch);
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.close(this.#closing);
    this.#over.abort();
    clearInterval(this.#ticks);
  }

  get size(): number {
    return this.#roster.size;
  }

  /** Ends all streams; what ends later ends for the same reason. */
  close(reason: ClosingReason): void {
    this.#closing = reason;
    for (const each of this.#roster.all()) this.#end(each, reason);
  }

  /** Throws `badRequest` for a batch token, `tooManyRequests`, or `permissionDenied` when a path that is named is not the token's to watch. */
  check(wants: Wants, token: Token): void {
    if (token.record.type === 'batch') {
      throw fail('badRequest', 'a stream ends with its token, which a batch token does not tell: use a service token');
    }
    const own = this.#roster.ofToken(token.key).length;
    if (this.#roster.size >= this.#limits.most || own >= this.#limits.perToken) {
      throw fail('tooManyRequests', 'too many subscriptions: close some, or subscribe to several paths at once');
    }
    if (!this.#rights.mayWatch(wants, token.key)) throw fail('permissionDenied');
  }

  /** `check` comes first. The subscriber is welcomed once its history is at hand. */
  open({ wants, token, index, consumer }: Opening, carrier: Carrier): Opened {
    const nonce = randomBytes(16).toString('hex');
    const subscription: Subscription = new Subscription({
      ...{ wants, carrier, tokenKey: token.key, now: this.#options.now },
      consumer: consumer === undefined ? undefined : this.#consumerStream(nonce, wants, token.key),
      permits: (told) => this.#rights.permitsEvent(token.key, told),
      tip: () => this.#history.tip,
      drained: () => {
        this.#advance(subscription);
      },
    });
    this.#add(subscription, consumer);
    this.#join(subscription, nonce, index).catch((error: unknown) => {
      const { log } = this.#options;
      log.error('a subscription failed', { error: error instanceof Error ? error.message : 'unknown' });
      this.#end(subscription, 'shutdown');
    });
    return {
      received: (text) => {
        this.#received(subscription, text);
      },
      invalid: () => {
        this.#end(subscription, 'invalid');
      },
      end: (reason) => {
        this.#end(subscription, reason);
      },
      closed: () => {
        this.#drop(subscription);
        subscription.lost();
      },
    };
  }

  #add(subscription: Subscription, consumer: ConsumerEvents | undefined): void {
    this.#roster.add(subscription, consumer);
    this.#ticks ??= setInterval(() => {
      this.#tick();
    }, this.#limits.markEvery).unref();
  }

  #drop(subscription: Subscription): void {
    const consumer = this.#roster.consumerOf(subscription);
    if (!this.#roster.delete(subscription)) return;
    if (this.#roster.size === 0) {
      clearInterval(this.#ticks);
      this.#ticks = undefined;
    }
    consumer?.ended();
  }

  #end(subscription: Subscription, reason: ClosingReason): void {
    subscription.end(reason);
    this.#drop(subscription);
  }

  #consumerStream(nonce: string, { patterns, namespace }: Wants, tokenKey: string): ConsumerStream {
    const full = (path: string): string => namespace.path + path;
    return new ConsumerStream({
      nonce,
      log: this.#options.store.log,
      covers: (path) => patterns.some((own) => covers(own, full(path))) && this.#rights.permits(tokenKey, full(path)),
      dataAt: (path, version) => this.#rights.dataAt(full(path), version),
    });
  }

  // ---- what happens

  /** Within the publication: nothing is read from the store here, which still shows what was before. */
  #observe(batch: Batch): void {
    if (batch.reread !== undefined) {
      this.#endSealed();
      return;
    }
    this.#queue.push(batch);
    for (const { key, value } of this.#roster.size === 0 ? [] : batch.writes) {
      if (mayNarrow(key)) this.#recheck = true;
      const namespace = value === undefined ? namespaceOfKey(key, 'l', 'tokens') : undefined;
      if (namespace === undefined) continue;
      for (const each of this.#roster.ofToken(key.slice(keys.tokens(namespace).length))) this.#end(each, 'revoked');
    }
    this.#schedule();
  }

  /** Of namespaces that are sealed nobody is told anything, nor are their tokens. */
  #endSealed(): void {
    const { namespaces } = this.#options;
    for (const each of this.#roster.all()) {
      const within = [each.wants.namespace.id, namespaceOfToken(each.tokenKey)];
      if (within.some((id) => namespaces.isSealed(id))) this.#end(each, 'sealed');
    }
  }

  /** What narrows rights is told before the reply to it; the rest when the loop turns, many batches at once. */
  #schedule(): void {
    const run = (): void => {
      if (this.#scheduled !== 'no') this.#pump();
    };
    if (this.#recheck && this.#scheduled !== 'now') {
      this.#scheduled = 'now';
      queueMicrotask(run);
    } else if (this.#scheduled === 'no') {
      this.#scheduled = 'soon';
      setImmediate(run);
    }
  }

  #pump(): void {
    this.#scheduled = 'no';
    if (this.#over.signal.aborted) return;
    const batches = this.#queue;
    this.#queue = [];
    if (this.#recheck) this.#reconsider();
    const touched = new Set<Subscription>();
    for (const batch of batches) {
      const before = this.#history.tip;
      const entry = this.#history.append(batch, this.#mountPaths, this.#roster.size > 0);
      this.#publish(entry, before, touched);
    }
    if (touched.size === 0) return;
    const text = frames.mark(this.#history.tip.index);
    for (const each of touched) {
      if (each.stage === 'live') each.mark(text);
      each.release();
    }
  }

  #reconsider(): void {
    this.#recheck = false;
    for (const each of this.#roster.all()) {
      if (!this.#rights.mayWatch(each.wants, each.tokenKey)) this.#end(each, 'revoked');
    }
  }

  #publish(entry: Entry, before: Reached, touched: Set<Subscription>): void {
    const found = new Map<Subscription, Told[]>();
    for (const told of toldBy(entry, this.#options.mounts)) {
      for (const who of this.#roster.wanting(told.path)) {
        if (who.stage !== 'live') continue;
        const known = found.get(who);
        if (known === undefined) found.set(who, [told]);
        else known.push(told);
      }
    }
    for (const [who, events] of found) {
      if (who.full) {
        who.fallBehind(before);
        continue;
      }
      touch(who, touched);
      if (!who.tell(events)) this.#end(who, 'slow');
    }
    const whole = entry.whole.flatMap((uuid) => this.#options.mounts.byUuid(uuid)?.fullPath ?? []);
    for (const path of [...this.#mountPaths.takeLeft(), ...whole]) this.#tellOfMount(path, entry, touched);
  }

  #tellOfMount(path: string, { index }: Entry, touched: Set<Subscription>): void {
    const frame = framesOf((base) => frames.mount(index, path.slice(base.length)));
    for (const who of this.#roster.all()) {
      const { dialect, patterns, namespace } = who.wants;
      if (who.stage !== 'live' || dialect === 'vault' || !path.startsWith(namespace.path)) continue;
      if (!patterns.some((pattern) => meets(pattern, path))) continue;
      if (!this.#rights.reaches(who.tokenKey, path)) continue;
      touch(who, touched);
      who.send(frame(namespace.path));
    }
  }

  // ---- from history to the present

  async #join(subscription: Subscription, nonce: string, asked: string | undefined): Promise<void> {
    const { store } = this.#options;
    const from = asked === undefined ? undefined : decodeIndex(asked)?.[store.log];
    const reached = from !== undefined && (await this.#history.reach(from, this.#over.signal));
    if (subscription.stage === 'over') return;
    // The token may have ended while history was read.
    if (!this.#rights.mayWatch(subscription.wants, subscription.tokenKey)) {
      this.#end(subscription, 'revoked');
      return;
    }
    const resumed = reached && this.#history.since(from, Infinity) !== undefined;
    const at = resumed ? { position: from, index: { [store.log]: from } } : this.#history.tip;
    if (subscription.wants.dialect === 'lockstep') {
      const { heartbeat } = this.#limits;
      subscription.consumer?.marked(at);
      subscription.send(frames.welcome({ nonce, heartbeat, resumed, index: at.index }));
    }
    subscription.tellFrom(at);
    this.#advance(subscription);
  }

  /** Tells the next stretch of history, until the socket is full or the present is reached. */
  #advance(subscription: Subscription): void {
    while (subscription.stage === 'behind') {
      const entries = this.#history.since(subscription.told.position, SLICE);
      const last = entries?.at(-1);
      if (entries !== undefined && last === undefined) {
        subscription.catchUp();
        subscription.mark();
        return;
      }
      const told = last !== undefined && subscription.tell(newestOf(entries ?? [], this.#options.mounts, subscription));
      if (!told) {
        this.#end(subscription, 'slow');
        return;
      }
      subscription.tellFrom(last);
      if (!subscription.full) continue;
      subscription.fallBehind(last);
      return;
    }
  }

  // ---- time

  #tick(): void {
    const now = this.#options.now();
    const { stall, heartbeat, markEvery } = this.#limits;
    // Marks to many subscribers are spread out: a mark costs a packet.
    const pause = Math.max(markEvery, this.#roster.size / 20);
    const { tip } = this.#history;
    const text = frames.mark(tip.index);
    for (const each of this.#roster.all()) {
      if (each.stage === 'behind' && now - (each.behindSince ?? now) > stall) this.#end(each, 'slow');
      if (each.stage !== 'live') continue;
      const since = now - each.sentAt;
      const moved = samePlace(each.marked, tip.position) ? since > heartbeat * 1000 : since >= pause;
      if (!moved) continue;
      if (each.full) each.fallBehind(tip);
      else each.mark(text);
    }
  }

  #received(subscription: Subscription, text: string): void {
    if (subscription.stage === 'over') return;
    const ack = parseClientFrame(text);
    const { consumer } = subscription;
    const events = this.#roster.consumerOf(subscription);
    if (ack === undefined || consumer === undefined || events === undefined) {
      this.#end(subscription, 'invalid');
      return;
    }
    const result = consumer.acknowledge(ack);
    if (typeof result === 'string') {
      events.refused(result);
      this.#end(subscription, 'badAck');
      return;
    }
    events.acknowledged(result, sha256(JSON.stringify([...ack.files])));
  }
}

/** Policies and mounts of any namespace, and the namespaces themselves: they may be locked, or gone. */
function mayNarrow(key: string): boolean {
  return (
    key.startsWith(keys.namespaces) ||
    namespaceOfKey(key, 's', 'policies') !== undefined ||
    namespaceOfKey(key, 's', 'mounts') !== undefined
  );
}

/** What it is told of the batches at hand, and the mark after them, leave together. */
function touch(who: Subscription, touched: Set<Subscription>): void {
  if (touched.has(who)) return;
  touched.add(who);
  who.hold();
}

function samePlace(a: Position | undefined, b: Position): boolean {
  return a !== undefined && a.sequence === b.sequence && a.epoch === b.epoch;
}
