/**
 * The region's side of the stream, without I/O (docs/adr/0005-region-stream.md).
 *
 * The shell feeds `start` with what the store holds, then does what the outputs say:
 *
 * - `connect`: open a stream to the hub; feed `connected` with the number it was asked under, `frame` for each decoded
 *   frame (or `badFrame`), and `ended` when it is gone or never came to be. Inputs of an older number are ignored.
 * - `send`, `disconnect`: on that connection; one that is gone already is no error.
 * - `store`: run the command in one transaction of the region's own store (values encrypted under its own barrier),
 *   the copy's state with it; feed `stored` when it is durable. If that cannot be known, feed `storeFailed`.
 * - `recover`: read the copy's state from the store again, feed `start`.
 * - `shows`: the copy's readers see this position; wake who waits for it, and let consumers acknowledge.
 * - `quarantine`: before the reload replaces it, keep the old shared part aside for review; may come twice for a cursor.
 * - `alarm`: log and count. `persistAge`: store the age; at the next start add the time that has passed since.
 *
 * One storage command runs at a time, so the copy is always at a position of the hub's log, whole: data and cursor
 * change in one transaction, and an acknowledgement follows only its result.
 */

import type { Machine } from '../lib/machine.ts';
import type { Position } from '../storage/store.ts';
import { takeFrames, wrong } from './follower-frames.ts';
import { ageOf, hangUp, run } from './follower-state.ts';
import type {
  Copy,
  Follower,
  FollowerConfig,
  FollowerEvent,
  FollowerInput,
  FollowerOutput,
  FollowerProblem,
  Link,
  Received,
  Result,
} from './follower-state.ts';
import { bytesOf } from './hub-ledger.ts';
import { PROTOCOL } from './protocol.ts';
import type { HubFrame, Refuse, Welcome } from './protocol.ts';

const SILENT_INTERVALS = 3;
const AGE_PERSISTED_EVERY = 10_000;
/** After a refusal that only a person can mend: as seldom as the back-off allows. */
const PATIENT = 20;

interface Moment {
  readonly state: Follower;
  readonly now: number;
  readonly random: number;
}

function start(state: Follower, copy: Copy, age: number, now: number): Result {
  const fresh = { copy, age, agedAt: now, persistedAt: now, staged: true, running: undefined, retryAt: now };
  return [{ ...state, ...fresh }, []];
}

function connected(state: Follower, link: Link, local: Position, now: number): Result {
  const { region, instance, window } = state.config;
  const { cursor, version } = state.copy ?? { cursor: undefined, version: 0 };
  const hello = { protocol: PROTOCOL, region, instance, cursor, filterVersion: version, local, window };
  const next: Link = { ...link, stage: 'greeting', heardAt: now, saidAt: now };
  return [
    { ...state, link: next },
    [{ type: 'send', connection: link.connection, frame: { type: 'hello', ...hello } }],
  ];
}

function isProven({ proven }: Follower, { log, epoch }: Welcome): boolean {
  return proven?.log === log && proven.epoch === epoch;
}

/** What is wrong with a welcome, given the copy that the hello told of; undefined when nothing is. */
function welcomeProblem(
  state: Follower,
  welcome: Welcome,
  same: boolean,
): readonly [FollowerProblem, string] | undefined {
  const { log, epoch, snapshot } = welcome;
  if (welcome.protocol !== PROTOCOL) return ['protocolVersion', `the hub speaks ${welcome.protocol}`];
  if (!same && !isProven(state, welcome)) return ['historyUnproven', `the hub follows epoch ${epoch} of log ${log}`];
  const first = state.copy?.cursor === undefined;
  const resumable = same || snapshot !== undefined;
  if (first === (snapshot === 'first') && resumable) return undefined;
  return ['unexpectedFrame', `welcome with snapshot ${snapshot ?? 'none'}`];
}

/** No frame raises an epoch: another history than the copy's must have been proven beforehand. */
function welcomed(moment: Moment, link: Link, welcome: Welcome): Result {
  const { state } = moment;
  const cursor = state.copy?.cursor;
  const { log, epoch, nonce, interval, snapshot } = welcome;
  const same = cursor === undefined || (cursor.log === log && cursor.position.epoch === epoch);
  const problem = welcomeProblem(state, welcome, same);
  if (problem !== undefined) return wrong(moment, ...problem);
  const reload = !same || snapshot === 'ahead' || snapshot === 'fork';
  const next: Link = { ...link, stage: 'following', nonce, log, epoch, interval, reload };
  if (!reload || cursor === undefined) return [{ ...state, link: next }, []];
  return [{ ...state, link: next }, [{ type: 'quarantine', cursor, reason: snapshot ?? 'none' }]];
}

function refused(moment: Moment, frame: Refuse): Result {
  const passing = frame.reason === 'shuttingDown' || frame.reason === 'silent';
  const [state, outputs] = wrong(moment, 'refused', `${frame.reason}: ${frame.text}`);
  return [passing ? state : { ...state, attempt: PATIENT }, outputs];
}

function received(moment: Moment, link: Link, frame: Received['frame']): Result {
  const { state, now } = moment;
  if (frame.type === 'mark') {
    // Of marks that wait together the newest says it all, so they can't pile up.
    const before = link.inbox.at(-1)?.frame.type === 'mark' ? link.inbox.slice(0, -1) : link.inbox;
    return [{ ...state, link: { ...link, inbox: [...before, { frame, at: now, bytes: 0 }] } }, []];
  }
  const { n } = frame;
  if (n !== link.n + 1) return wrong(moment, 'outOfOrder', `frame ${n} after ${link.n}`);
  // A hub finishes what it began (a skip and its batch), so it may go somewhat over; twice the window is no accident.
  if (link.inboxBytes >= 2 * state.config.window) return wrong(moment, 'flooded', `frame ${n}`);
  const bytes = bytesOf(frame);
  const inbox = [...link.inbox, { frame, at: now, bytes }];
  return [{ ...state, link: { ...link, n, inbox, inboxBytes: link.inboxBytes + bytes } }, []];
}

function heard(moment: Moment, before: Link, frame: HubFrame): Result {
  const link = { ...before, heardAt: moment.now };
  const here = { ...moment, state: { ...moment.state, link } };
  if (frame.type === 'refuse') return refused(here, frame);
  if (link.stage === 'greeting' && frame.type === 'welcome') return welcomed(here, link, frame);
  if (link.stage !== 'following' || frame.type === 'welcome') {
    return wrong(here, 'unexpectedFrame', `${frame.type} while ${link.stage}`);
  }
  return frame.type === 'heartbeat' ? [here.state, []] : received(here, link, frame);
}

function stored(state: Follower): Result {
  const { running, link } = state;
  if (running === undefined) return [state, []];
  const { copy, moved, through } = running;
  const next: Follower = { ...state, running: undefined, copy };
  const outputs: FollowerOutput[] = moved && copy.cursor ? [{ type: 'shows', cursor: copy.cursor }] : [];
  if (link?.connection !== running.connection) return [next, outputs];
  // A connection that brought the copy on is worth being asked for again at once.
  const attempt = moved ? 0 : state.attempt;
  return [{ ...next, attempt, link: { ...link, through, moved: link.moved || moved } }, outputs];
}

function tick(moment: Moment, wall: number): Result {
  const { state, now } = moment;
  const { link } = state;
  const outputs: FollowerOutput[] = [];
  let next = state;
  if (state.copy !== undefined && now - state.persistedAt >= AGE_PERSISTED_EVERY) {
    outputs.push({ type: 'persistAge', age: ageOf(state, now) });
    next = { ...next, persistedAt: now };
  }
  if (link === undefined) return [next, outputs];
  if (now - link.heardAt > SILENT_INTERVALS * link.interval) {
    const [gone, more] = hangUp(next, now, moment.random);
    return [gone, [...outputs, ...more]];
  }
  if (link.stage === 'following' && now - link.saidAt >= link.interval) {
    outputs.push({ type: 'send', connection: link.connection, frame: { type: 'heartbeat', time: wall } });
  }
  return [next, outputs];
}

/** Inputs of a connection that was given up are late: they say nothing any more. */
function onLink(
  state: Follower,
  input: FollowerInput & { readonly connection: number },
  act: (moment: Moment, link: Link) => Result,
): Result {
  const { link } = state;
  if (link?.connection !== input.connection) return [state, []];
  return act({ state, now: input.now, random: input.random }, link);
}

function storeFailed(state: Follower, input: FollowerInput & { readonly command: number }): Result {
  if (input.command !== state.running?.command) return [state, []];
  const [gone, outputs] = hangUp({ ...state, running: undefined }, input.now, input.random);
  return [{ ...gone, copy: undefined }, [...outputs, { type: 'recover' }]];
}

type Handlers = {
  readonly [T in FollowerEvent['type']]: (state: Follower, input: Extract<FollowerInput, { type: T }>) => Result;
};

const handlers: Handlers = {
  start: (state, input) => (state.stopped ? [state, []] : start(state, input.copy, input.age, input.now)),
  connected: (state, input) =>
    onLink(state, input, (moment, link) =>
      link.stage === 'connecting' ? connected(state, link, input.local, moment.now) : [state, []],
    ),
  frame: (state, input) => onLink(state, input, (moment, link) => heard(moment, link, input.frame)),
  badFrame: (state, input) => onLink(state, input, (moment) => wrong(moment, 'malformedFrame', input.problem)),
  ended: (state, input) => onLink(state, input, (moment) => hangUp(state, moment.now, moment.random)),
  stored: (state, input) => (input.command === state.running?.command ? stored(state) : [state, []]),
  storeFailed,
  historyProven: (state, { log, epoch, now }) => [{ ...state, proven: { log, epoch }, retryAt: now }, []],
  tick: (state, input) => tick({ state, now: input.now, random: input.random }, input.wall),
  stop: (state, input) => {
    const [gone, outputs] = hangUp(state, input.now, input.random);
    return [{ ...gone, stopped: true }, outputs];
  },
};

function handle(state: Follower, input: FollowerInput): Result {
  const handler = handlers[input.type] as (state: Follower, input: FollowerInput) => Result;
  return handler(state, input);
}

/** One acknowledgement for all that was processed since the last: credit, and the cursor where it moved. */
function acknowledge(state: Follower, now: number): Result {
  const { link, copy } = state;
  if (link === undefined || link.through === link.acknowledged) return [state, []];
  const cursor = link.moved && copy?.cursor ? { position: copy.cursor.position, hash: copy.cursor.hash } : undefined;
  const frame = { type: 'ack', nonce: link.nonce, through: link.through, cursor } as const;
  const next = { ...link, acknowledged: link.through, moved: false, saidAt: now };
  return [{ ...state, link: next }, [{ type: 'send', connection: link.connection, frame }]];
}

/** Without a link: first nothing may be running or staged, then the back-off must be over. */
function reconnect(state: Follower, now: number): Result {
  const { copy } = state;
  if (copy === undefined || state.link !== undefined || state.running !== undefined) return [state, []];
  if (state.staged) return run({ ...state, staged: false }, { do: 'stageDrop' }, { through: 0, copy, moved: false });
  if (state.stopped || now < state.retryAt) return [state, []];
  const connection = state.connections + 1;
  const link: Link = {
    connection,
    stage: 'connecting',
    nonce: '',
    log: '',
    epoch: '',
    reload: false,
    interval: state.config.interval,
    n: 0,
    through: 0,
    acknowledged: 0,
    moved: false,
    inbox: [],
    inboxBytes: 0,
    load: undefined,
    heardAt: now,
    saidAt: now,
  };
  return [{ ...state, connections: connection, link }, [{ type: 'connect', connection }]];
}

export function follower(config: FollowerConfig): Machine<Follower, FollowerInput, FollowerOutput> {
  const initial: Follower = {
    config,
    copy: undefined,
    link: undefined,
    running: undefined,
    staged: true,
    stopped: false,
    connections: 0,
    commands: 0,
    attempt: 0,
    retryAt: 0,
    age: 0,
    agedAt: 0,
    persistedAt: 0,
    proven: undefined,
  };
  const step = (state: Follower, input: FollowerInput) => {
    const [handled, first] = handle(state, input);
    if (input.type === 'frame' && input.more === true) return { state: handled, outputs: first };
    const [taken, second] = takeFrames(handled, input.now, input.random);
    const [answered, third] = acknowledge(taken, input.now);
    const [next, fourth] = reconnect(answered, input.now);
    return { state: next, outputs: [...first, ...second, ...third, ...fourth] };
  };
  return { initial, step };
}
