/** Who has what, as it is acknowledged, and who waits for it: the shell of `convergence.ts`. */
import type { JsonObject } from '../framework/field.ts';
import type { ConsumerReports, WaitRequest } from '../core/cluster.ts';
import type { Position } from '../storage/store.ts';
import { answer, memberKey, standingAfter, startWait, widen } from './convergence.ts';
import { MAX_CONSUMERS, type Roster, type RosterEntry } from './protocol.ts';
import type { Answer, Lack, Member, Standing, StandingEvent, Wait } from './convergence.ts';

export interface ConvergenceOptions {
  readonly regions: () => readonly string[];
  readonly now: () => number;
}

/** The latest moment that has a date (ECMAScript 21.4.1.1); a region may say any number. */
const LAST_TIME = 8.64e15;
/** Names are shown to operators, on terminals too. */
const UNPRINTABLE = /^$|\p{C}/u;

const WHY: Readonly<Record<Lack['why'], string>> = {
  behind: 'behind',
  otherEpoch: 'follows another history',
  offline: 'offline',
  neverAcknowledged: 'never acknowledged',
};

/** Where the hub's own consumers are; no region has this name. */
const OWN = 'hub';

export class Convergence {
  readonly #options: ConvergenceOptions;
  readonly #consumers = new Map<string, Map<string, Member>>();
  /** A roster that is being told. */
  readonly #telling = new Map<string, RosterEntry[]>();
  /** Regions that have told their roster on the stream that is open, and acknowledgements of those that have not. */
  readonly #rostered = new Set<string>();
  readonly #early = new Map<string, Position>();
  readonly #waiting = new Set<() => void>();
  readonly #standings = new Map<string, Standing>();
  #waking = false;

  constructor(options: ConvergenceOptions) {
    this.#options = options;
  }

  regionOpened(name: string): void {
    this.#rostered.delete(name);
    this.#early.delete(name);
    this.#telling.delete(name);
    this.#note('region', name, { type: 'opened' });
  }

  regionAcknowledged(name: string, position: Position): void {
    // Its consumers come first: with the region alone a wait would end without them.
    if (this.#rostered.has(name)) this.#note('region', name, { type: 'acknowledged', position });
    else this.#early.set(name, position);
  }

  regionOffline(name: string): void {
    this.#note('region', name, { type: 'offline' });
    for (const consumer of this.#consumers.get(name)?.values() ?? []) {
      this.#note('consumer', consumer.name, { type: 'offline' });
    }
  }

  /** A region vouches for its consumers; of one that is not registered there nothing is noted. */
  consumerAcknowledged(region: string, consumer: string, position: Position): void {
    const member = this.#consumers.get(region)?.get(consumer);
    if (member !== undefined) this.#note('consumer', member.name, { type: 'acknowledged', position });
  }

  /** The region was removed: nobody waits for it any more, nor for what it vouched for. */
  regionRemoved(region: string): void {
    for (const member of this.#membersOf(region)) this.#standings.delete(memberKey(member));
    this.#standings.delete(memberKey({ kind: 'region', name: region }));
    this.#consumers.delete(region);
    this.#telling.delete(region);
    this.#rostered.delete(region);
    this.#early.delete(region);
    this.#wake();
  }

  /** What a region says of its consumers. False: there are too many, or a name that nobody should be shown. */
  roster(region: string, part: Roster['part'], entries: readonly RosterEntry[]): boolean {
    if (entries.some(({ consumer }) => UNPRINTABLE.test(consumer))) return false;
    if (part === 'change') return entries.every((entry) => this.#register(region, entry));
    const told = part === 'begin' ? [] : (this.#telling.get(region) ?? []);
    if (told.length + entries.length > MAX_CONSUMERS) return false;
    told.push(...entries);
    this.#telling.set(region, told);
    if (part !== 'end') return true;
    this.#telling.delete(region);
    const before = this.#membersOf(region);
    this.#consumers.delete(region);
    for (const entry of told) this.#register(region, entry);
    for (const member of before) if (!this.#has(member)) this.#standings.delete(memberKey(member));
    this.#rostered.add(region);
    const early = this.#early.get(region);
    if (early !== undefined) this.#note('region', region, { type: 'acknowledged', position: early });
    return true;
  }

  #register(region: string, { consumer, gone, expires }: RosterEntry): boolean {
    const own = this.#consumers.get(region) ?? new Map<string, Member>();
    this.#consumers.set(region, own);
    // Two regions may have consumers of one name.
    const name = `${region}/${consumer}`;
    if (gone) {
      own.delete(consumer);
      this.#standings.delete(memberKey({ kind: 'consumer', name }));
      this.#wake();
      return true;
    }
    if (own.size >= MAX_CONSUMERS && !own.has(consumer)) return false;
    const until = expires === undefined ? undefined : Math.min(expires, LAST_TIME);
    own.set(consumer, { kind: 'consumer', name, region, expires: until });
    this.#note('consumer', name, { type: expires === undefined ? 'opened' : 'offline' });
    return true;
  }

  /** For the hub's own consumers. */
  readonly own: ConsumerReports = {
    registered: (consumer, expires) => {
      this.#register(OWN, { consumer, gone: false, expires });
    },
    deregistered: (consumer) => {
      this.#register(OWN, { consumer, gone: true, expires: undefined });
    },
    acknowledged: (consumer, position) => {
      this.consumerAcknowledged(OWN, consumer, position);
    },
  };

  /** How the consumers of a region stand. */
  consumersOf(region: string): readonly JsonObject[] {
    return [...(this.#consumers.get(region)?.values() ?? [])].map((member) => {
      const standing = this.#standings.get(memberKey(member));
      return {
        name: shownName(member),
        connected: standing?.connected ?? false,
        index: standing?.acknowledged?.sequence ?? null,
        expires: member.expires === undefined ? null : new Date(member.expires).toISOString(),
      };
    });
  }

  standingOf(region: string): Standing | undefined {
    return this.#standings.get(memberKey({ kind: 'region', name: region }));
  }

  #note(kind: Member['kind'], name: string, event: StandingEvent): void {
    const key = memberKey({ kind, name });
    this.#standings.set(key, standingAfter(this.#standings.get(key), event, this.#options.now()));
    this.#wake();
  }

  /** Once for all that comes at once: a wait looks at every member. */
  #wake(): void {
    if (this.#waking || this.#waiting.size === 0) return;
    this.#waking = true;
    setImmediate(() => {
      this.#waking = false;
      for (const wake of [...this.#waiting]) wake();
    });
  }

  #roster(): readonly Member[] {
    const regions = this.#options.regions().map((name): Member => ({
      ...{ kind: 'region', name, region: undefined, expires: undefined },
    }));
    const consumers = [OWN, ...regions.map(({ name }) => name)].flatMap((region) => this.#membersOf(region));
    return [...regions, ...consumers];
  }

  #has({ name, region = '' }: Member): boolean {
    return this.#consumers.get(region)?.has(name.slice(region.length + 1)) === true;
  }

  #membersOf(region: string): readonly Member[] {
    return [...(this.#consumers.get(region)?.values() ?? [])];
  }

  /** Answers when everyone has it, or when the time is over, with who has not. */
  async wait(index: Position, { timeoutMs, signal, shows }: Omit<WaitRequest, 'position'>): Promise<JsonObject> {
    let wait = startWait(index, this.#roster());
    // Of a region that has not told its roster since this hub started, the consumers are in the set once it does.
    const untold = new Set(this.#options.regions().filter((name) => !this.#consumers.has(name)));
    const over = AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]);
    for (;;) {
      for (const region of [...untold].filter((name) => this.#rostered.has(name))) {
        untold.delete(region);
        wait = widen(wait, this.#membersOf(region));
      }
      const now = this.#ask(wait);
      if (now.state !== 'missing' || over.aborted) return shown(wait, now, shows);
      await this.#next(over);
    }
  }

  #ask(wait: Wait): Answer {
    return answer(wait, this.#standings, this.#roster(), this.#options.now());
  }

  #next(over: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        over.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      over.addEventListener('abort', wake);
    });
  }
}

/** Consumers that the caller may not know are there without their names. */
function shown(wait: Wait, answered: Answer, shows: (consumer: string) => boolean): JsonObject {
  const { state, acknowledged, missing, released } = answered;
  const named = (member: Member): JsonObject => {
    const { kind, region } = member;
    const name = shownName(member);
    if (region === undefined) return { kind, name };
    return { kind, name: shows(name) ? name : '', region };
  };
  return {
    state,
    index: wait.index.sequence,
    acknowledged: acknowledged.map(named),
    missing: missing.map(({ member, lack }) => ({ ...named(member), why: WHY[lack.why], ...detailOf(lack) })),
    released: released.map(({ member, why }) => ({ ...named(member), why })),
  };
}

/** Without the region, which makes it unique here. */
const shownName = ({ name, region }: Member): string => (region === undefined ? name : name.slice(region.length + 1));

function detailOf(lack: Lack): JsonObject {
  const at = 'at' in lack ? lack.at?.sequence : undefined;
  const since = lack.why === 'offline' ? { since: new Date(lack.since).toISOString() } : {};
  return { ...since, ...(at === undefined ? {} : { at }) };
}
