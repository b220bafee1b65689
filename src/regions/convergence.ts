/**
 * What "it has arrived everywhere" means: pure, over what regions and consumers acknowledged. Times are milliseconds of
 * the hub's store time.
 */

import type { Position } from '../storage/store.ts';
import { samePosition } from './protocol.ts';

/** Who must acknowledge: every region, and every consumer that is registered durably. */
export interface Member {
  readonly kind: 'region' | 'consumer';
  /** Unique within its kind. */
  readonly name: string;
  /** For a consumer, the region that vouches for it. */
  readonly region: string | undefined;
  /** For a consumer that said how long it may be away: after this moment it no longer counts, if it is offline. */
  readonly expires: number | undefined;
}

/** What is known of a member since this hub process started; nothing of a member that was not heard yet. */
export interface Standing {
  readonly acknowledged: Position | undefined;
  readonly connected: boolean;
  /** When it was last heard. */
  readonly heardAt: number;
}

export type Standings = ReadonlyMap<string, Standing>;

export type StandingEvent =
  /** A stream was opened: what was acknowledged before counts only once it is shown again. */
  | { readonly type: 'opened' }
  | { readonly type: 'acknowledged'; readonly position: Position }
  | { readonly type: 'heard' }
  | { readonly type: 'offline' };

export function memberKey(member: Pick<Member, 'kind' | 'name'>): string {
  return `${member.kind}:${member.name}`;
}

/** The standing after an event. */
export function standingAfter(before: Standing | undefined, event: StandingEvent, now: number): Standing {
  const acknowledged =
    event.type === 'acknowledged' ? event.position : event.type === 'opened' ? undefined : before?.acknowledged;
  const heardAt = event.type === 'offline' ? (before?.heardAt ?? now) : now;
  return { acknowledged, connected: event.type !== 'offline', heardAt };
}

/** The standings after an event. */
export function stand(standings: Standings, key: string, event: StandingEvent, now: number): Standings {
  return new Map(standings).set(key, standingAfter(standings.get(key), event, now));
}

/** Its index and its members are fixed when it starts. */
export interface Wait {
  readonly index: Position;
  readonly members: readonly Member[];
}

export type Lack =
  | { readonly why: 'behind'; readonly at: Position }
  | { readonly why: 'otherEpoch'; readonly at: Position }
  | { readonly why: 'offline'; readonly since: number; readonly at: Position | undefined }
  | { readonly why: 'neverAcknowledged' };

export interface Missing {
  readonly member: Member;
  readonly lack: Lack;
}

export interface Released {
  readonly member: Member;
  readonly why: 'deregistered' | 'expired';
}

/** `nobody`: no one was asked, or everyone that was asked is gone. That is no success. */
export interface Answer {
  readonly state: 'done' | 'missing' | 'nobody';
  readonly acknowledged: readonly Member[];
  readonly missing: readonly Missing[];
  /** Whom the answer no longer counts, and why; always reported. */
  readonly released: readonly Released[];
}

export function startWait(index: Position, roster: readonly Member[]): Wait {
  return { index, members: [...roster] };
}

/** The same wait for more members, who were not known when it started. */
export function widen(wait: Wait, members: readonly Member[]): Wait {
  return { index: wait.index, members: wait.members.concat(members) };
}

function lackOf(index: Position, standing: Standing | undefined): Lack | undefined {
  const at = standing?.acknowledged;
  if (at !== undefined && at.epoch === index.epoch && at.sequence >= index.sequence) return undefined;
  if (standing === undefined) return { why: 'neverAcknowledged' };
  if (!standing.connected) return { why: 'offline', since: standing.heardAt, at };
  if (at === undefined) return { why: 'neverAcknowledged' };
  return { why: at.epoch === index.epoch ? 'behind' : 'otherEpoch', at };
}

function releaseOf(member: Member, standing: Standing | undefined, roster: ReadonlySet<string>, now: number) {
  if (!roster.has(memberKey(member))) return 'deregistered';
  const over = member.kind === 'consumer' && member.expires !== undefined && now >= member.expires;
  return over && standing?.connected !== true ? 'expired' : undefined;
}

/** Where a wait stands. `roster` is today's: who is no longer in it was deregistered. Ask again after each event. */
export function answer(wait: Wait, standings: Standings, roster: readonly Member[], now: number): Answer {
  const registered = new Set(roster.map(memberKey));
  const acknowledged: Member[] = [];
  const missing: Missing[] = [];
  const released: Released[] = [];
  for (const member of wait.members) {
    const standing = standings.get(memberKey(member));
    const lack = lackOf(wait.index, standing);
    const why = releaseOf(member, standing, registered, now);
    if (why === 'deregistered' || (why === 'expired' && lack !== undefined)) released.push({ member, why });
    else if (lack === undefined) acknowledged.push(member);
    else missing.push({ member, lack });
  }
  const state = missing.length > 0 ? 'missing' : acknowledged.length > 0 ? 'done' : 'nobody';
  return { state, acknowledged, missing, released };
}

/** What was sent on one consumer's stream, and how far it acknowledged. */
export interface SentOn {
  readonly nonce: string;
  /** Positions that were sent and not yet acknowledged, in order. */
  readonly pending: readonly Position[];
  readonly acknowledged: Position | undefined;
}

export type AckProblem = 'nonce' | 'neverSent' | 'backwards';

/** Notes a sent position; undefined when `most` are pending: the subscriber is too slow and is cut off. */
export function sent(stream: SentOn, position: Position, most: number): SentOn | undefined {
  if (stream.pending.length >= most) return undefined;
  return { ...stream, pending: [...stream.pending, position] };
}

/** Takes an acknowledgement, which covers what was sent before it; or names why it is refused, for the audit log. */
export function acknowledgeOn(
  stream: SentOn,
  ack: { readonly nonce: string; readonly position: Position },
): SentOn | AckProblem {
  if (ack.nonce !== stream.nonce) return 'nonce';
  if (stream.acknowledged !== undefined && samePosition(stream.acknowledged, ack.position)) return stream;
  const place = stream.pending.findIndex((position) => samePosition(position, ack.position));
  if (place !== -1) return { ...stream, pending: stream.pending.slice(place + 1), acknowledged: ack.position };
  const last = stream.acknowledged;
  const before = last?.epoch === ack.position.epoch && ack.position.sequence < last.sequence;
  return before ? 'backwards' : 'neverSent';
}
