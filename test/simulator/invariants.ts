/** What must hold after each step of a history. A breach throws `Broken`, which names the rule that was broken. */

import { contains, overlaps } from '../../src/regions/filter.ts';
import type { HubFrame, NumberedFrame, Purge } from '../../src/regions/protocol.ts';
import { layout, mayHold } from './hub-model.ts';
import type { HubModel, Moment } from './hub-model.ts';
import type { RegionStore } from './region-store.ts';

export class Broken extends Error {
  readonly rule: string;
  constructor(rule: string, detail: string) {
    super(`${rule}: ${detail}`);
    this.name = 'Broken';
    this.rule = rule;
  }
}

export function must(holds: boolean, rule: string, detail: () => string): void {
  if (!holds) throw new Broken(rule, detail());
}

function equal(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/**
 * A region's copy is the hub's state at its cursor, as far as the rule there allows. A record may be missing only when a
 * later filter forbade its path, then or now (the stricter rule counts), or its mount moved to where not all of it is in
 * view: then only until the log has caught up.
 */
export function checkCopy(hub: HubModel, region: string, store: RegionStore): void {
  must(store.local.get('l/root/tokens/own') === 'kept', 'local keys are left alone', () => region);
  const { cursor } = store.copy;
  if (cursor === undefined) {
    must(store.shared.size === 0, 'no copy before the first snapshot is complete', () => region);
    return;
  }
  const place = hub.placeOf(cursor.hash);
  const then = hub.momentAt(cursor.hash);
  must(then?.position.sequence === cursor.position.sequence, 'the cursor names a place of the log', () => region);
  if (then === undefined) return;
  for (const [key, value] of store.shared) {
    must(mayHold(then, region, key), 'nothing outside the view is held', () => `${region} holds ${key} at ${place}`);
    must(equal(value, then.state.get(key)), 'state at the cursor', () => `${region}: ${key} differs at ${place}`);
  }
  for (const key of then.state.keys()) {
    if (store.shared.has(key) || !mayHold(then, region, key)) continue;
    const later = hub.archive.slice(place);
    const forbidden = later.some(
      (moment) =>
        !mayHold(moment, region, key) ||
        !mayHold({ ...moment, mounts: then.mounts }, region, key) ||
        movedInPart(then, moment, region, key),
    );
    must(forbidden, 'state at the cursor', () => `${region} lacks ${key} at ${place}`);
  }
}

function movedInPart(then: Moment, later: Moment, region: string, key: string): boolean {
  const id = layout.mountRecord(key) ?? layout.mountOf(key);
  const [before, after] = id === undefined ? [] : [then.mounts.get(id)?.path, later.mounts.get(id)?.path];
  return after !== before && !contains(later.rules.get(region)?.filter ?? [], [after ?? '?']);
}

/** After the faults: exactly the hub's filtered state, at the hub's position. */
export function checkConverged(hub: HubModel, region: string, store: RegionStore): void {
  checkCopy(hub, region, store);
  const { cursor } = store.copy;
  const same = cursor?.position.sequence === hub.position.sequence && cursor.position.epoch === hub.position.epoch;
  must(
    same,
    'everything converges',
    () => `${region} at ${cursor?.position.sequence}, hub at ${hub.position.sequence}`,
  );
  for (const key of hub.now.state.keys()) {
    must(
      !mayHold(hub.now, region, key) || store.shared.has(key),
      'everything converges',
      () => `${region} lacks ${key}`,
    );
  }
  const rule = hub.now.rules.get(region);
  must(store.copy.version === rule?.version, 'everything converges', () => `${region} has rule ${store.copy.version}`);
  must(store.staged.layer.size === 0, 'nothing stays staged', () => region);
}

function checkPurge(hub: HubModel, region: string, purge: Purge): void {
  for (const prefix of purge.prefixes) {
    const id = /^s\/root\/(?:mounts|data)\/(\w+)/u.exec(prefix)?.[1] ?? '';
    const known = hub.archive.some((moment) =>
      overlaps(moment.rules.get(region)?.filter ?? [], moment.mounts.get(id)?.path ?? '?'),
    );
    must(known, 'no foreign name on the wire', () => `${region} is told of ${prefix}`);
  }
}

/** Checked as the hub hands a frame to the connection, against the rule that the hub has at that moment. */
export function checkWire(hub: HubModel, region: string, frame: HubFrame): void {
  const numbered = frame as NumberedFrame;
  if ('writes' in numbered) {
    for (const { key } of numbered.writes) {
      must(mayHold(hub.now, region, key), 'no foreign name on the wire', () => `${region} is sent ${key}`);
    }
  }
  if ('filter' in numbered) {
    const allowed = hub.now.rules.get(region)?.filter ?? [];
    must(contains(allowed, numbered.filter), 'no wider rule on the wire', () => `${region}: ${numbered.filter.join()}`);
  }
  if ('purge' in numbered) checkPurge(hub, region, numbered.purge);
}
