/** What is to be done with one secret of KV version 2. Pure: it sees both sides' metadata, and asks for values by name. */
import type { Progressed } from './state.ts';
import { equal } from './fingerprint.ts';
import { standingOf, type Metadata } from './kv-metadata.ts';

export interface Known {
  readonly source: Metadata;
  readonly target: Metadata | undefined;
  readonly record: Progressed | undefined;
  /** Digests of today's metadata, as the record holds those of then. */
  readonly digests: { readonly source: string; readonly target: string | undefined };
}

export type Plan =
  /** Nothing has changed on either side since it was copied. */
  | { readonly step: 'none' }
  /** What stands at the target is ours, up to here: write the versions above, then set how each stands. */
  | { readonly step: 'write'; readonly after: number }
  /** It is ours, but its versions cannot be made the source's: delete it and write it anew. */
  | { readonly step: 'anew' }
  /** Only the values tell whether what stands at the target came from the source. */
  | { readonly step: 'compare' };

export function planOf({ source, target, record, digests }: Known): Plan {
  if (target === undefined) return { step: 'write', after: 0 };
  if (record === undefined || record.phase === 'begun') return { step: 'compare' };
  if (record.target !== digests.target) return { step: 'compare' };
  if (record.source === digests.source) return { step: 'none' };
  if (record.created !== source.created || !continues(source, target)) return { step: 'anew' };
  return { step: 'write', after: target.current };
}

/** What comes of a comparison, once it is known whether the values that both sides show are the same. */
export type Verdict = 'same' | 'continue' | 'anew' | 'conflict';

export function verdictOf({ source, target, record }: Known, valuesAgree: boolean): Verdict {
  if (target === undefined) return 'continue';
  if (valuesAgree && sameStanding(source, target)) return 'same';
  // Whatever of it is there we began to write; but others may have gone on with it.
  if (record?.phase !== 'begun' || !valuesAgree || target.current > source.current) return 'conflict';
  return continues(source, target) ? 'continue' : 'anew';
}

/** A version that the source shows and the target has no more (or holds a place for) cannot be written again. */
function continues(source: Metadata, target: Metadata): boolean {
  if (target.current > source.current) return false;
  for (let version = 1; version <= target.current; version += 1) {
    if (standingOf(source, version) === 'live' && standingOf(target, version) !== 'live') return false;
  }
  return true;
}

/** The versions whose values both sides show. */
export function shared(source: Metadata, target: Metadata): readonly number[] {
  return [...source.versions.keys()].filter(
    (version) => standingOf(source, version) === 'live' && standingOf(target, version) === 'live',
  );
}

/** Milliseconds by which a planned deletion may have moved: it is written as a time from now on. */
const DRIFT_MS = 60_000;

/** Whether two secrets stand alike, save for their values and for when things were done. */
export function sameStanding(source: Metadata, target: Metadata): boolean {
  if (source.current !== target.current || !equal(source.settings, target.settings)) return false;
  for (let version = 1; version <= source.current; version += 1) {
    if (standingOf(source, version) !== standingOf(target, version)) return false;
    const [one, other] = [source, target].map(({ versions }) => versions.get(version)?.deletedAt);
    if ((one === undefined) !== (other === undefined)) return false;
    if (Math.abs((one ?? 0) - (other ?? 0)) > DRIFT_MS) return false;
  }
  return true;
}

/**
 * How many versions the target must keep while they are written, so that it drops those that the source has dropped, and
 * none besides.
 */
export const limitOf = ({ current, oldest }: Metadata): number => (oldest === 0 ? current + 1 : current - oldest + 1);

export interface Standings {
  readonly deleted: readonly number[];
  readonly undeleted: readonly number[];
  readonly destroyed: readonly number[];
}

/** What is still to be done to the target's versions, all of them being there. */
export function corrections(source: Metadata, target: Metadata): Standings {
  const told = [...target.versions.entries()];
  const where = (wanted: (number: number, now: string, planned: boolean) => boolean): readonly number[] =>
    told
      .filter(([number, { standing, deletedAt }]) => wanted(number, standing, deletedAt !== undefined))
      .map(([number]) => number);
  return {
    destroyed: where((number, now) => standingOf(source, number) === 'destroyed' && now !== 'destroyed'),
    deleted: where((number, now) => standingOf(source, number) === 'deleted' && now === 'live'),
    // The mount's own settings may have planned a deletion that the source has not.
    undeleted: where(
      (number, now, planned) =>
        standingOf(source, number) === 'live' &&
        (now === 'deleted' || (planned && source.versions.get(number)?.deletedAt === undefined)),
    ),
  };
}
