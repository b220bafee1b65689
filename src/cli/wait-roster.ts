/** Who counts in one wait. Pure. */
import { isObject } from '../client/json.ts';
import { toText } from './go-format.ts';
import type { Data } from './pairs.ts';

/** `kind`, `name`, for a consumer its `region`; with `why` where it is missing or released. */
export type Member = Data;

export interface WaitAnswer {
  /** `nobody`: none was asked, or all that were asked are gone. */
  readonly state: 'done' | 'missing' | 'nobody';
  readonly index: unknown;
  readonly acknowledged: readonly Member[];
  readonly missing: readonly Member[];
  /** Whom the wait no longer counts. */
  readonly released: readonly Member[];
}

/**
 * A wait that asks several times counts those that the first answer named: who comes later does not hold it up, and who is
 * gone in a later answer was deregistered, which is reported and is no acknowledgement.
 */
export class Roster {
  #members: ReadonlyMap<string, Member> | undefined;
  readonly #released = new Map<string, Member>();

  judge(data: Data): WaitAnswer {
    const named = {
      acknowledged: membersOf(data['acknowledged']),
      missing: membersOf(data['missing']),
      released: membersOf(data['released']),
    };
    const counted = (this.#members ??= byKey([...named.acknowledged, ...named.missing, ...named.released]));
    for (const one of named.released) this.#release(one);
    const today = byKey([...named.acknowledged, ...named.missing]);
    for (const [key, member] of counted) {
      if (!today.has(key)) this.#release(goneMember(member));
    }
    const counts = (member: Member): boolean => counted.has(keyOf(member)) && !this.#released.has(keyOf(member));
    const have = named.acknowledged.filter(counts);
    const lack = named.missing.filter(counts);
    const state = lack.length > 0 ? 'missing' : have.length > 0 ? 'done' : 'nobody';
    const gone = [...this.#released.values()];
    return { state, index: data['index'] ?? null, acknowledged: have, missing: lack, released: gone };
  }

  #release(member: Member): void {
    const key = keyOf(member);
    if (!this.#released.has(key)) this.#released.set(key, member);
  }
}

function goneMember({ kind, name, region }: Member): Member {
  return { kind, name, ...(region === undefined ? {} : { region }), why: 'deregistered' };
}

function membersOf(value: unknown): readonly Member[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function byKey(members: readonly Member[]): ReadonlyMap<string, Member> {
  return new Map(members.map((member) => [keyOf(member), member]));
}

function keyOf({ kind, name, region }: Member): string {
  return JSON.stringify([kind, name, region ?? null]);
}

/** `consumer web in eu`. */
export function memberText({ kind, name, region }: Member): string {
  const place = region === undefined ? '' : ` in ${toText(region)}`;
  return `${toText(kind)} ${toText(name)}${place}`;
}

/** `region eu: offline, since 2026-11-23T13:00:00Z, at index 41`. */
export function lackText(member: Member): string {
  const { why, since, at } = member;
  const details = [
    ...(why === undefined ? [] : [toText(why)]),
    ...(since === undefined ? [] : [`since ${toText(since)}`]),
    ...(at === undefined ? [] : [`at index ${toText(at)}`]),
  ];
  return details.length === 0 ? memberText(member) : `${memberText(member)}: ${details.join(', ')}`;
}
