/**
 * Seeded histories of a hub and three regions. `LOCKSTEP_SIMULATOR_HISTORIES=300` plays fewer; to replay one that
 * failed: `node test/simulator/histories.test.ts --seed N`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { coverage, playMany } from './history.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, histories: { type: 'string' } },
  strict: false,
});
const count = Number(values.histories ?? process.env['LOCKSTEP_SIMULATOR_HISTORIES'] ?? 10_000);
const replayed = values.seed === undefined ? undefined : Number(values.seed);
const first = replayed ?? Math.floor(Math.random() * 2 ** 31);

/** What a run must have come by, or it proves little. */
const REACHED = [
  'hub sends batch',
  'hub sends skip',
  'hub sends viewChange',
  'hub sends narrow',
  'hub sends snapshot of everything',
  'hub sends snapshot of entering',
  'hub sends welcome resume',
  'hub sends welcome compacted',
  'hub sends welcome viewChanged',
  'hub sends welcome ahead',
  'hub sends welcome fork',
  'hub sends welcome otherEpoch',
  'hub sends refuse silent',
  'hub sends mark',
  'region quarantine',
  'region historyUnproven',
  'region outOfOrder',
  'region recover',
  'region stageDrop',
  'region stageCommit',
];

test(`histories from seed ${first}`, (context) => {
  context.diagnostic(`seed ${first}, ${replayed === undefined ? count : 1} histories`);
  assert.equal(playMany(first, replayed === undefined ? count : 1), undefined);
  if (replayed !== undefined || count < 3_000) return;
  for (const what of REACHED) assert.ok((coverage().get(what) ?? 0) > 0, `no history came by: ${what}`);
});
