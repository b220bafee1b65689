/** The region's side: what each numbered frame does to the copy, checked against where the copy stands. */

import type { Position } from '../storage/store.ts';
import { hangUp, run } from './follower-state.ts';
import type { Change, Copy, Follower, FollowerProblem, Link, Loading, Received, Result } from './follower-state.ts';
import { intersect } from './filter.ts';
import { samePosition } from './protocol.ts';
import type { Narrow, Purge, SnapshotEnd, SnapshotPage, SnapshotStart, StepFrame, Write } from './protocol.ts';

/** The most frames that one transaction applies. */
const MOST_TOGETHER = 128;

interface Turn {
  readonly state: Follower;
  readonly link: Link;
  readonly copy: Copy;
  readonly now: number;
  readonly random: number;
}

/** Ends the stream: a true hub does not send this. */
export function wrong(turn: Pick<Turn, 'state' | 'now' | 'random'>, problem: FollowerProblem, detail: string): Result {
  const [state, outputs] = hangUp(turn.state, turn.now, turn.random);
  return [state, [{ type: 'alarm', problem, detail }, ...outputs]];
}

function shared(writes: readonly Write[]): boolean {
  return writes.every((write) => write.key.startsWith('s/'));
}

function sharedOnly(frame: StepFrame | Narrow | SnapshotPage): boolean {
  const purge = 'purge' in frame ? frame.purge : undefined;
  return (
    shared('writes' in frame ? frame.writes : []) && (purge?.prefixes.every((each) => each.startsWith('s/')) ?? true)
  );
}

/** The step must start where the region stands, stay in the epoch, and go forward. */
function stepProblem(at: Position, step: StepFrame): FollowerProblem | undefined {
  if (!samePosition(step.previous, at)) return 'gap';
  if (step.position.epoch !== at.epoch) return 'epochChanged';
  return step.position.sequence > at.sequence ? undefined : 'backwards';
}

function changeOf(step: StepFrame): Change {
  return {
    purge: step.type === 'viewChange' ? step.purge : undefined,
    writes: step.type === 'skip' ? [] : step.writes,
  };
}

function processed(turn: Turn, count: number, link: Partial<Link>): Follower {
  const inbox = turn.link.inbox.slice(count);
  const inboxBytes = inbox.reduce((sum, each) => sum + each.bytes, 0);
  return { ...turn.state, link: { ...turn.link, inbox, inboxBytes, ...link } };
}

function isStep(frame: Received['frame']): frame is StepFrame {
  return frame.type === 'batch' || frame.type === 'skip' || frame.type === 'viewChange';
}

/** Steps outside of a load: as many as wait, in one transaction, so a slow disk does not slow the stream. */
function applySteps(turn: Turn): Result {
  const { copy, link } = turn;
  const { cursor } = copy;
  if (cursor === undefined) return wrong(turn, 'unexpectedFrame', 'a batch before the first snapshot');
  const changes: Change[] = [];
  let next: Copy = copy;
  let at = cursor.position;
  let through = link.through;
  for (const { frame } of link.inbox.slice(0, MOST_TOGETHER)) {
    if (!isStep(frame)) break;
    const problem = sharedOnly(frame) ? stepProblem(at, frame) : 'notShared';
    if (problem !== undefined) return wrong(turn, problem, `${frame.type} ${frame.n} at ${frame.position.sequence}`);
    changes.push(changeOf(frame));
    at = frame.position;
    through = frame.n;
    const { filter, version } = frame.type === 'viewChange' ? frame : next;
    next = { cursor: { log: cursor.log, position: at, hash: frame.hash }, filter, version };
  }
  const taken = processed(turn, changes.length, {});
  return run(taken, { do: 'apply', changes, copy: next }, { through, copy: next, moved: true });
}

function stageStep(turn: Turn, load: Loading, frame: StepFrame): Result {
  const problem = sharedOnly(frame) ? stepProblem(load.at, frame) : 'notShared';
  if (problem !== undefined) return wrong(turn, problem, `${frame.type} ${frame.n} at ${frame.position.sequence}`);
  const view = frame.type === 'viewChange' ? { filter: frame.filter, version: frame.version } : {};
  const moved = { ...load, ...view, at: frame.position };
  if (frame.type === 'skip') return [processed(turn, 1, { load: moved, through: frame.n }), []];
  return stage(turn, moved, frame.n, changeOf(frame));
}

function stage(turn: Turn, load: Loading, through: number, change: Change): Result {
  const taken = { ...processed(turn, 1, { load }), staged: true };
  return run(taken, { do: 'stage', change }, { through, copy: turn.copy, moved: false });
}

function narrowed<T extends Copy | Loading>(view: T, purge: Purge): T {
  return {
    ...view,
    filter: purge.filter === undefined ? view.filter : intersect(view.filter, purge.filter),
    version: 0,
  };
}

function narrow(turn: Turn, frame: Narrow): Result {
  if (!sharedOnly(frame)) return wrong(turn, 'notShared', `narrow ${frame.n}`);
  const copy = narrowed(turn.copy, frame.purge);
  const load = turn.link.load && narrowed(turn.link.load, frame.purge);
  const command = { do: 'narrow', purge: frame.purge, copy } as const;
  return run(processed(turn, 1, { load }), command, { through: frame.n, copy, moved: false });
}

function startProblem(turn: Turn, frame: SnapshotStart): FollowerProblem | undefined {
  const at = turn.copy.cursor?.position;
  if (frame.position.epoch !== turn.link.epoch) return 'epochChanged';
  if (frame.scope === 'entering') return at !== undefined && samePosition(at, frame.position) ? undefined : 'gap';
  const back = at !== undefined && !turn.link.reload && frame.position.sequence < at.sequence;
  return back ? 'backwards' : undefined;
}

function startLoad(turn: Turn, frame: SnapshotStart): Result {
  const problem = startProblem(turn, frame);
  if (problem !== undefined) return wrong(turn, problem, `snapshot from ${frame.position.sequence}`);
  const { load: id, scope, position: at, filter, version } = frame;
  const load: Loading = { id, scope, at, filter, version };
  if (!turn.state.staged) return [processed(turn, 1, { load, through: frame.n }), []];
  const taken = { ...processed(turn, 1, { load }), staged: false };
  return run(taken, { do: 'stageDrop' }, { through: frame.n, copy: turn.copy, moved: false });
}

function page(turn: Turn, frame: SnapshotPage): Result {
  const { load } = turn.link;
  if (load?.id !== frame.load) return wrong(turn, 'unexpectedFrame', `a page of load ${frame.load}`);
  if (!sharedOnly(frame)) return wrong(turn, 'notShared', `page ${frame.n}`);
  return stage(turn, load, frame.n, { purge: undefined, writes: frame.writes });
}

function endLoad(turn: Turn, frame: SnapshotEnd): Result {
  const { load, log } = turn.link;
  if (load?.id !== frame.load) return wrong(turn, 'unexpectedFrame', `the end of load ${frame.load}`);
  if (!samePosition(load.at, frame.position)) return wrong(turn, 'gap', `snapshot ends at ${frame.position.sequence}`);
  const { filter, version, scope } = load;
  const copy: Copy = { cursor: { log, position: frame.position, hash: frame.hash }, filter, version };
  const taken = { ...processed(turn, 1, { load: undefined, reload: false }), staged: false };
  return run(taken, { do: 'stageCommit', scope, copy }, { through: frame.n, copy, moved: true });
}

/** The hub's word counts from its arrival, and only for a copy that has applied all that came before it. */
function mark(turn: Turn, received: Received, position: Position): Result {
  const complete = turn.copy.cursor !== undefined && samePosition(turn.copy.cursor.position, position);
  const next = processed(turn, 1, {});
  return [complete ? { ...next, age: 0, agedAt: received.at, attempt: 0 } : next, []];
}

function takeOne(turn: Turn, received: Received): Result {
  const { frame } = received;
  const { load } = turn.link;
  if (isStep(frame)) return load === undefined ? applySteps(turn) : stageStep(turn, load, frame);
  if (frame.type === 'narrow') return narrow(turn, frame);
  if (frame.type === 'snapshotStart') return startLoad(turn, frame);
  if (frame.type === 'snapshotPage') return page(turn, frame);
  return frame.type === 'snapshotEnd' ? endLoad(turn, frame) : mark(turn, received, frame.position);
}

/** Takes frames from the inbox until one needs the store, or none is left. */
export function takeFrames(state: Follower, now: number, random: number): Result {
  let current = state;
  const outputs: Result[1][number][] = [];
  for (;;) {
    const { link, copy } = current;
    const received = link?.inbox[0];
    if (link === undefined || copy === undefined || received === undefined || current.running !== undefined) break;
    const [next, more] = takeOne({ state: current, link, copy, now, random }, received);
    current = next;
    outputs.push(...more);
  }
  return [current, outputs];
}
