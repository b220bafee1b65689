/** What Linux tells of a running process, all of its threads together. */
import { readFileSync } from 'node:fs';

/** `USER_HZ`: what /proc counts in, 100 on every Linux that Node runs on, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Microseconds of CPU, in user and in system mode; in steps of 10,000. */
export interface CpuTime {
  readonly own: number;
  /** Of those of its children that have ended and were waited for. */
  readonly children: number;
}

export function cpuTime(pid: number): CpuTime {
  return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** Source: proc_pid_stat(5), fields 14 to 17. */
export function parseStat(stat: string): CpuTime {
  const [utime, stime, cutime, cstime] = numbersOf(stat, 14, 17);
  return { own: microseconds([utime, stime]), children: microseconds([cutime, cstime]) };
}

/** How often it touched a page that it had not mapped yet, such as one of its data file. Fields 10 and 12. */
export function pageFaults(pid: number): number {
  const [minor = Number.NaN, , major = Number.NaN] = numbersOf(readFileSync(`/proc/${pid}/stat`, 'utf8'), 10, 12);
  return minor + major;
}

/** Fields as proc_pid_stat(5) counts them, from the third one on. */
function numbersOf(stat: string, first: number, last: number): readonly number[] {
  // The name, which is the second field, may hold blanks and parentheses.
  const behind = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return behind.slice(first - 3, last - 2).map(Number);
}

/** Microseconds of CPU that all programs of the machine have used, and that its host has taken from it. */
export function machineCpuTime(): number {
  // Source: proc_stat(5): user nice system idle iowait irq softirq steal.
  const [user, nice, system, , , irq, softirq, steal] =
    /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').map(Number) ?? [];
  return microseconds([user, nice, system, irq, softirq, steal]);
}

function microseconds(ticks: readonly (number | undefined)[]): number {
  return (ticks.reduce<number>((sum, count = Number.NaN) => sum + count, 0) * 1e6) / TICKS_PER_SECOND;
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
