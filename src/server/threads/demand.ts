/** When reads need another thread: it costs memory, which a node that is little read does not have to pay. */
import { performance, type EventLoopUtilization } from 'node:perf_hooks';

/** What the first thread has done since its start. */
export interface Load {
  readonly requests: number;
  /** Those that changed nothing: they can be served elsewhere. */
  readonly reads: number;
  /** Of TLS: they take longer than a request, and can come elsewhere. Plain connections cost little. */
  readonly handshakes: number;
}

/** Of a while. */
export interface Stretch extends Load {
  /** The part of the time, 0 to 1, in which the thread did not wait for something to do. */
  readonly busy: number;
}

const BUSY = 0.75;
/** What a thread that is new takes over is seen in the next ones. */
const LOOK_MS = 500;
/** Looks in a row that must find the same: many clients that come at once are no load yet. */
const LOOKS = 2;

/** A thread that is busy, mostly with what another one can do. Where most of it are writes, another one would only hand them over. */
export function needsAnother({ busy, requests, reads, handshakes }: Stretch): boolean {
  return busy >= BUSY && (reads + handshakes) * 2 > requests;
}

const between = (before: Load, now: Load): Load => ({
  requests: now.requests - before.requests,
  reads: now.reads - before.reads,
  handshakes: now.handshakes - before.handshakes,
});

/** Calls `grow` whenever another thread is needed, until it says that there can be no more. One call at a time. */
export function watchDemand(load: () => Load, grow: () => Promise<boolean>): Disposable {
  let before: Load & { readonly loop: EventLoopUtilization };
  const look = (): typeof before => ({ ...load(), loop: performance.eventLoopUtilization() });
  before = look();
  let found = 0;
  let isGrowing = false;
  const growOnce = async (): Promise<void> => {
    isGrowing = true;
    const more = await grow();
    found = 0;
    before = look();
    isGrowing = false;
    if (!more) clearInterval(timer);
  };
  const timer = setInterval(() => {
    if (isGrowing) return;
    const now = look();
    const { utilization: busy } = performance.eventLoopUtilization(now.loop, before.loop);
    const done = between(before, now);
    before = now;
    found = needsAnother({ ...done, busy }) ? found + 1 : 0;
    if (found === LOOKS) void growOnce();
  }, LOOK_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}
