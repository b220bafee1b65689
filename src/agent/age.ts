/** Ages that hold over restarts, whatever is done to the wall clock. */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** A moment, comparable with later ones of the same machine. */
export interface Stamp {
  /** Which start of the machine; empty where that cannot be known. */
  readonly boot: string;
  /** Seconds since then, suspended time included. */
  readonly up: number;
  /** Wall clock, seconds since 1970. */
  readonly wall: number;
}

export type StampSource = () => Stamp;

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

export function systemStamps(): StampSource {
  const boot = bootId();
  return () => ({ boot, up: uptime(), wall: Date.now() / 1000 });
}

/**
 * Seconds from `earlier` to `later`. Within one start of the machine the wall clock is not asked. Across starts it is
 * all there is; one that went backwards gives undefined: the age is unknown.
 */
export function elapsed(earlier: Stamp, later: Stamp): number | undefined {
  if (earlier.boot !== '' && earlier.boot === later.boot) return Math.max(0, later.up - earlier.up);
  const byWall = later.wall - earlier.wall;
  return byWall < 0 ? undefined : byWall;
}

export function isStamp(value: unknown): value is Stamp {
  if (typeof value !== 'object' || value === null) return false;
  const { boot, up, wall } = value as Partial<Record<keyof Stamp, unknown>>;
  return typeof boot === 'string' && Number.isFinite(up) && Number.isFinite(wall);
}
