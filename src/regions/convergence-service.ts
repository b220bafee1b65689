/** Who has what, as it is acknowledged, and who waits for it: the shell of `convergence.ts`. */
import type { JsonObject } from '../framework/field.ts';
import type { Position } from '../storage/store.ts';
import { answer, memberKey, stand, startWait } from './convergence.ts';
import type { Answer, Lack, Member, Standing, StandingEvent, Standings, Wait } from './convergence.ts';

export interface ConvergenceOptions {
  readonly regions: () => readonly string[];
  readonly now: () => number;
}

const WHY: Readonly<Record<Lack['why'], string>> = {
  behind: 'behind',
  otherEpoch: 'follows another history',
  offline: 'offline',
  neverAcknowledged: 'never acknowledged',
};

export class Convergence {
  readonly #options: ConvergenceOptions;
  readonly #consumers = new Map<string, Member>();
  readonly #waiting = new Set<() => void>();
  #standings: Standings = new Map();

  constructor(options: ConvergenceOptions) {
    this.#options = options;
  }

  regionOpened(name: string): void {
    this.#note('region', name, { type: 'opened' });
  }

  regionAcknowledged(name: string, position: Position): void {
    this.#note('region', name, { type: 'acknowledged', position });
  }

  regionOffline(name: string): void {
    this.#note('region', name, { type: 'offline' });
  }

  /** A region vouches for its consumers; two regions may have consumers of one name. */
  consumerAcknowledged(region: string, consumer: string, position: Position): void {
    const name = `${region}/${consumer}`;
    this.#consumers.set(name, { kind: 'consumer', name, region, expires: undefined });
    this.#note('consumer', name, { type: 'acknowledged', position });
  }

  standingOf(region: string): Standing | undefined {
    return this.#standings.get(memberKey({ kind: 'region', name: region }));
  }

  #note(kind: Member['kind'], name: string, event: StandingEvent): void {
    this.#standings = stand(this.#standings, memberKey({ kind, name }), event, this.#options.now());
    for (const wake of [...this.#waiting]) wake();
  }

  #roster(): readonly Member[] {
    const regions = this.#options.regions().map((name): Member => ({
      ...{ kind: 'region', name, region: undefined, expires: undefined },
    }));
    return [...regions, ...this.#consumers.values()];
  }

  /** Answers when everyone has it, or when the time is over, with who has not. */
  async wait(index: Position, timeoutMs: number, signal: AbortSignal): Promise<JsonObject> {
    const wait = startWait(index, this.#roster());
    const over = AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]);
    for (;;) {
      const now = this.#ask(wait);
      if (now.state !== 'missing' || over.aborted) return this.#shown(wait, now);
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

  #shown(wait: Wait, { state, acknowledged, missing, released }: Answer): JsonObject {
    const named = ({ kind, name, region }: Member): JsonObject => ({
      kind,
      name,
      ...(region === undefined ? {} : { region }),
    });
    return {
      state,
      index: wait.index.sequence,
      acknowledged: acknowledged.map(named),
      missing: missing.map(({ member, lack }) => ({ ...named(member), why: WHY[lack.why], ...detailOf(lack) })),
      released: released.map(({ member, why }) => ({ ...named(member), why })),
    };
  }
}

function detailOf(lack: Lack): JsonObject {
  const at = 'at' in lack ? lack.at?.sequence : undefined;
  const since = lack.why === 'offline' ? { since: new Date(lack.since).toISOString() } : {};
  return { ...since, ...(at === undefined ? {} : { at }) };
}
