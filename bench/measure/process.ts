/** What Linux tells of a running process, all of its threads together. */
import { readFileSync } from 'node:fs';

/** `USER_HZ`: what /proc counts in, 100 on every Linux that Node runs on, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Where fields of `stat` stand after the command's name, from 0 on. Source: proc_pid_stat(5). */
const field = { utime: 11, stime: 12, cutime: 13, cstime: 14 } as const;

/** Microseconds of CPU, in user and in system mode, since the process began; in steps of 10,000. */
export function cpuMicroseconds(pid: number): number {
  return microseconds(pid, 'utime', 'stime');
}

/** The same of the children of this process that have ended. */
export function endedChildrenCpuMicroseconds(): number {
  return microseconds(process.pid, 'cutime', 'cstime');
}

function microseconds(pid: number, ...names: readonly (keyof typeof field)[]): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name is the only field that may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = names.reduce((sum, name) => sum + Number(fields[field[name]]), 0);
  return (ticks * 1e6) / TICKS_PER_SECOND;
}

/** Bytes. */
export interface Memory {
  /** Anonymous memory: what the process holds for itself. */
  readonly anonymous: number;
  /** Mapped files, such as the program and what LMDB has read of its store: the kernel takes it back when it is short. */
  readonly file: number;
  /** Both, and what is shared. */
  readonly resident: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { anonymous: bytes('RssAnon'), file: bytes('RssFile'), resident: bytes('VmRSS') };
}

export function megabytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0);
}
