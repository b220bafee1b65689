/**
 * The hub's walk along its log for one region: filter, frame, and load what enters the view. `pump` runs after every
 * input and goes on as long as the region has credit; it holds at most one read's worth of batches.
 */

import type { Batch } from '../storage/store.ts';
import { hasCredit, record } from './hub-ledger.ts';
import { close } from './hub-state.ts';
import type { HubOutput, HubStream, Load, PageResult, Point, Result, Streaming } from './hub-state.ts';
import { samePosition } from './protocol.ts';
import type { NumberedFrame, Purge, Step } from './protocol.ts';
import { enters, openView, versionOf, visible, walk, withholds, withToday } from './view.ts';
import type { Entering, RuleAt, View, Walked } from './view.ts';

const WHOLE = ['s/'];

type Unnumbered<F> = F extends unknown ? Omit<F, 'n'> : never;

/** Sends a numbered frame. `point` is where it leaves the region's cursor, undefined when it does not move it. */
function send(state: HubStream, body: Unnumbered<NumberedFrame>, point?: Point): Result {
  const frame = { ...body, n: state.ledger.n + 1 } as NumberedFrame;
  return [{ ...state, ledger: record(state.ledger, frame, point) }, [{ type: 'send', frame }]];
}

function then(result: Result, next: (state: HubStream) => Result): Result {
  const [state, outputs] = next(result[0]);
  return [state, [...result[1], ...outputs]];
}

/** A snapshot of everything, from now: what was read or loaded before is given up. */
export function beginSnapshot(state: HubStream, stage: Streaming): Result {
  const id = state.loads + 1;
  const load: Load = { id, scope: 'everything', entering: undefined, ranges: WHOLE, after: undefined, until: 0 };
  const fresh = { ...stage, load, view: undefined, fetched: [], skip: undefined };
  return [{ ...state, loads: id, reading: false, stage: fresh }, []];
}

export function logGone(state: HubStream, read: number): Result {
  if (state.stage.phase !== 'streaming' || !state.reading || read !== state.read) return [state, []];
  return beginSnapshot(state, state.stage);
}

function merged(earlier: Purge | undefined, later: Purge): Purge {
  if (earlier === undefined) return later;
  return { prefixes: [...earlier.prefixes, ...later.prefixes], filter: later.filter ?? earlier.filter };
}

/** The newest rule. What it forbids leaves the region before anything else is sent. */
export function toldToday(state: HubStream, today: RuleAt): Result {
  const { stage } = state;
  if (stage.phase !== 'streaming') return [{ ...state, today }, []];
  if (stage.view === undefined) {
    const narrow = merged(stage.narrow, { prefixes: [], filter: today.filter });
    return [{ ...state, today, stage: { ...stage, narrow } }, []];
  }
  const { view, narrow } = withToday(stage.view, today);
  const pending = narrow === undefined ? stage.narrow : merged(stage.narrow, narrow);
  const told: Streaming = { ...stage, view, narrow: pending };
  // Until all pages are sent, the region lacks mount records to judge what it has staged by: it starts anew.
  const unread = stage.load !== undefined && stage.load.ranges.length > 0 && narrow !== undefined;
  // A load that withholds something would end with a hole.
  const holed = stage.load !== undefined && withholds(view);
  if (unread || holed) return beginSnapshot({ ...state, today }, told);
  return [{ ...state, today, stage: told }, []];
}

export function pageRead(state: HubStream, page: PageResult): Result {
  const { stage } = state;
  if (stage.phase !== 'streaming' || stage.load === undefined || !state.reading || page.read !== state.read) {
    return [state, []];
  }
  return then(flushNarrow({ ...state, reading: false }, stage), (idle) =>
    idle.stage.phase === 'streaming' ? takePage(idle, idle.stage, page) : [idle, []],
  );
}

/** What must leave goes ahead of everything else that is sent. */
function flushNarrow(state: HubStream, stage: Streaming): Result {
  if (stage.narrow === undefined) return [state, []];
  return send({ ...state, stage: { ...stage, narrow: undefined } }, { type: 'narrow', purge: stage.narrow });
}

function takePage(idle: HubStream, stage: Streaming, page: PageResult): Result {
  const { load } = stage;
  if (load === undefined) return [idle, []];
  if (stage.view !== undefined) return pageInto(idle, stage, stage.view, page);
  const view = openView(page.rule, idle.today);
  if (withholds(view)) return beginSnapshot(idle, stage);
  const at = { position: page.position, hash: page.hash };
  const started: Streaming = { ...stage, view, at, sent: at.position };
  const start = { type: 'snapshotStart', load: load.id, scope: 'everything', ...at, ...ruleOf(view) } as const;
  return then(send({ ...idle, stage: started }, start), (next) => pageInto(next, started, view, page));
}

function ruleOf(view: View) {
  return { filter: view.held, version: versionOf(view) };
}

function pageInto(state: HubStream, stage: Streaming, view: View, page: PageResult): Result {
  const { load } = stage;
  if (load === undefined) return [state, []];
  const { layout } = state.config;
  const { entering } = load;
  const writes = page.records.filter((write) =>
    entering === undefined ? visible(view, write.key, layout) : enters(view, entering, write.key, layout),
  );
  const until = Math.max(load.until, page.position.sequence);
  const ranges = page.more ? load.ranges : load.ranges.slice(1);
  const after = page.more ? page.records.at(-1)?.key : undefined;
  const next = { ...state, stage: { ...stage, load: { ...load, until, ranges, after } } };
  if (writes.length === 0) return [next, []];
  return send(next, { type: 'snapshotPage', load: load.id, position: page.position, writes });
}

function flushSkip(state: HubStream, stage: Streaming): Result {
  if (stage.skip === undefined) return [state, []];
  const { at } = stage;
  const sent: Streaming = { ...stage, skip: undefined, sent: at.position };
  const step = { previous: stage.sent, ...at, time: stage.skip.time };
  return send({ ...state, stage: sent }, { type: 'skip', ...step }, stage.load === undefined ? at : undefined);
}

/** One batch of the log: skipped, sent as far as it is in view, or the start of a load when something enters there. */
function walkBatch(state: HubStream, stage: Streaming, view: View): Result {
  const [batch, ...fetched] = stage.fetched;
  if (batch === undefined) return [state, []];
  if (!samePosition(batch.previous, stage.at.position)) return beginSnapshot(state, stage);
  const walked = walk(view, batch.writes, state.config.region, state.config.layout);
  if (walked.removed) return close(state, 'removed', `the region "${state.config.region}" was removed`);
  if (walked.narrow !== undefined) {
    return [{ ...state, stage: { ...stage, view: walked.view, narrow: merged(stage.narrow, walked.narrow) } }, []];
  }
  if (walked.change?.entering !== undefined && stage.load !== undefined) return beginSnapshot(state, stage);
  const at = { position: batch.position, hash: batch.hash };
  const moved = { ...stage, fetched, view: walked.view };
  if (walked.change === undefined && walked.writes.length === 0) {
    return [{ ...state, stage: { ...moved, at, skip: { time: batch.time } } }, []];
  }
  // The skipped run ends before this batch.
  return then(flushSkip({ ...state, stage: moved }, moved), (next) =>
    next.stage.phase === 'streaming' ? sendBatch(next, next.stage, batch, walked) : [next, []],
  );
}

/** `stage` stands at the predecessor, which is sent. */
function sendBatch(state: HubStream, stage: Streaming, batch: Batch, walked: Walked): Result {
  const { position, hash, time } = batch;
  const { writes, change } = walked;
  const at = { position, hash };
  const step: Omit<Step, 'n'> = { previous: stage.sent, ...at, time };
  const next: HubStream = { ...state, stage: { ...stage, at, sent: position } };
  const point = stage.load === undefined ? at : undefined;
  if (change === undefined) return send(next, { type: 'batch', ...step, writes }, point);
  const frame = { type: 'viewChange', ...step, ...ruleOf(walked.view), purge: change.purge, writes } as const;
  if (change.entering === undefined) return send(next, frame, point);
  return then(beginEntering(next, stage, position.sequence, change.entering), (loading) => send(loading, frame));
}

/** A load that is laid over the copy: it stands where the copy stands, and the entry itself is its first step. */
function beginEntering(state: HubStream, before: Streaming, until: number, entering: Entering): Result {
  if (state.stage.phase !== 'streaming' || before.view === undefined) return [state, []];
  const id = state.loads + 1;
  const load: Load = { id, scope: 'entering', entering, ranges: entering.ranges, after: undefined, until };
  const start = { type: 'snapshotStart', load: id, scope: 'entering', ...before.at, ...ruleOf(before.view) } as const;
  return send({ ...state, loads: id, stage: { ...state.stage, load } }, start);
}

function endLoad(state: HubStream, stage: Streaming, load: Load): Result {
  return then(flushSkip(state, stage), (flushed) => {
    if (flushed.stage.phase !== 'streaming') return [flushed, []];
    const done: HubStream = { ...flushed, stage: { ...flushed.stage, load: undefined } };
    return send(done, { type: 'snapshotEnd', load: load.id, ...stage.at }, stage.at);
  });
}

function read(state: HubStream, output: (id: number) => HubOutput): Result | undefined {
  if (state.reading) return undefined;
  const id = state.read + 1;
  return [{ ...state, read: id, reading: true }, [output(id)]];
}

/** A load's next step: its pages, then its end once the log is far enough; undefined when the log comes first. */
function advanceLoad(state: HubStream, stage: Streaming, load: Load): Result | 'waits' | undefined {
  const [prefix] = load.ranges;
  if (prefix !== undefined) {
    return read(state, (id) => ({ type: 'readPage', read: id, prefix, after: load.after })) ?? 'waits';
  }
  return stage.at.position.sequence >= load.until ? endLoad(state, stage, load) : undefined;
}

/** The log's next step: what was fetched, then what there is more of. */
function advanceLog(state: HubStream, stage: Streaming, view: View): Result | undefined {
  if (stage.fetched.length > 0) return walkBatch(state, stage, view);
  const { position } = stage.at;
  if (position.sequence < Math.max(state.tip.sequence, stage.load?.until ?? 0)) {
    return read(state, (id) => ({ type: 'readLog', read: id, from: position }));
  }
  return stage.skip === undefined ? undefined : flushSkip(state, stage);
}

/** The one next thing to do; undefined when it waits for an input. */
function advance(state: HubStream): Result | undefined {
  const { stage } = state;
  if (stage.phase !== 'streaming' || state.blocked || !hasCredit(state.ledger)) return undefined;
  if (stage.narrow !== undefined) return flushNarrow(state, stage);
  const { load, markAt, view } = stage;
  const loading = load === undefined ? undefined : advanceLoad(state, stage, load);
  if (loading !== undefined) return loading === 'waits' ? undefined : loading;
  if (view === undefined) return undefined;
  const marks = load === undefined && markAt !== undefined && stage.at.position.sequence >= markAt.sequence;
  return marks ? mark(state, stage) : advanceLog(state, stage, view);
}

/** The stream has reached what was the tip at the last tick: the region then lacked nothing. */
function mark(state: HubStream, stage: Streaming): Result {
  const { at, markAt } = stage;
  return then(flushSkip(state, stage), (flushed) => {
    if (flushed.stage.phase !== 'streaming' || markAt === undefined) return [flushed, []];
    const frame = { type: 'mark', position: at.position, time: markAt.wall } as const;
    return [{ ...flushed, stage: { ...flushed.stage, markAt: undefined } }, [{ type: 'send', frame }]];
  });
}

/** Goes on as long as there is something to do and credit for it. */
export function pump(state: HubStream): Result {
  let current = state;
  const outputs: HubOutput[] = [];
  for (let next = advance(current); next !== undefined; next = advance(current)) {
    current = next[0];
    outputs.push(...next[1]);
  }
  return [current, outputs];
}
