import { fail } from '../errors.ts';

/** Hits that are left until the process is killed, by the failpoint's name. Undefined in production: one comparison. */
let armed: Map<string, number> | undefined;

/** A named moment at which a test can end the process, as a power cut would. Does nothing unless armed. */
export function failpoint(name: string): void {
  if (armed !== undefined) hit(armed, name);
}

function hit(points: Map<string, number>, name: string): void {
  const left = points.get(name);
  if (left === undefined) return;
  points.set(name, left - 1);
  if (left > 1) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal arrives at once or within microseconds: nothing may run until then.
  for (;;);
}

/**
 * Arms failpoints for the rest of the process: `<name>=kill` or `<name>=kill@<n>` (at the n-th hit), separated by commas;
 * an empty text disarms all. Only for tests: `main` calls it when the configuration names failpoints. Throws
 * `invalidConfig` for anything else.
 */
export function armFailpoints(spec: string): void {
  const points = new Map<string, number>();
  for (const part of spec.split(',').filter((text) => text.trim() !== '')) {
    const match = /^([a-z][a-z.-]*)=kill(?:@([1-9]\d{0,8}))?$/.exec(part.trim());
    const name = match?.[1];
    if (name === undefined)
      throw fail('invalidConfig', `the failpoint "${part.trim()}" is not of the form <name>=kill@<n>`);
    points.set(name, Number(match?.[2] ?? '1'));
  }
  armed = points.size === 0 ? undefined : points;
}
