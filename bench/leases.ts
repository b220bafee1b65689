/**
 * What a node costs that holds many leases: `npm run bench:leases [-- options]`. Fills a data directory (kept outside of the
 * checkout for the next time), opens it in a new process and measures: the unseal, memory, a tick with nothing due, single
 * leases, and the end of many. Their engine does nothing, so all of it is the framework's. Asserts nothing.
 */
import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fillLeases, measureLeases, type LeaseFigures, type LeasePlace } from './growth/leases.ts';
import { keep } from './program/figures.ts';
import { readOptions } from './program/options.ts';

const HELP = `Usage: npm run bench:leases [-- options]

  --leases=1000000  leases in the directory, a second apart
  --due=10000       of them are then over at once
  --folder=         where filled directories lie, by default ~/.cache/lockstep-test/leases; a million take 2 GB
  --step=all        fill or measure alone
  --seconds=3600    how long a fill takes at most; the next one goes on with it`;

const options = readOptions(HELP, {
  leases: 1_000_000,
  due: 10_000,
  folder: join(homedir(), '.cache/lockstep-test/leases'),
  step: 'all',
  seconds: 3_600,
});
const { leases, due, folder, step } = options;
const place: LeasePlace = { folder: join(folder, String(leases)), leases, due };

/** In a process of its own: what was filled must not show in its memory. */
function inChild(which: 'fill' | 'measure'): string {
  const args = [import.meta.filename, `--leases=${String(leases)}`, `--due=${String(due)}`, `--folder=${folder}`];
  return execFileSync(process.execPath, [...args, `--step=${which}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

if (step === 'fill') {
  if (!(await fillLeases(place, options.seconds))) console.error('not all of them yet: run it again');
} else if (step === 'measure') console.log(JSON.stringify(await measureLeases(place)));
else {
  inChild('fill');
  const lines = inChild('measure').trim().split('\n');
  const figures = JSON.parse(lines.at(-1) ?? '{}') as LeaseFigures;
  for (const [name, value] of Object.entries(figures))
    console.log(`${name.padEnd(60)}${value.toLocaleString('en').padStart(14)}`);
  keep('leases', { options, figures });
}
