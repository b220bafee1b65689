/** What two servers answer differently to the same requests, and which of that is known. */
import assert from 'node:assert/strict';
import { differences, type Difference } from './compare.ts';
import type { KnownDifference } from './known-differences.ts';
import { normalised, sorted } from './normalise.ts';
import { replay, type Replayed } from './replay.ts';
import { isFields, type Reply, type Step } from './step.ts';
import { worlds, type World } from './worlds.ts';

export interface Findings {
  /** One text a place. */
  readonly unknown: readonly string[];
  /** What was not come upon. */
  readonly unused: readonly KnownDifference[];
}

const compared = ({ answers, kept }: Replayed): readonly Reply[] =>
  answers.map(({ step, reply: { status, body } }) => ({
    status,
    body: sorted(normalised(body, kept), step.unordered ?? []),
  }));

const asked = ({ method, path }: Step): string => `${method} ${path.replace(/\?.*/, '')}`;

const words = (reply: Reply | undefined): string =>
  isFields(reply?.body) && Array.isArray(reply.body['errors']) ? ` ${JSON.stringify(reply.body['errors'])}` : '';

const told = (step: Step, { at, theirs, ours }: Difference): string =>
  `${asked(step)} ${JSON.stringify(step.body) ?? ''}${step.token === undefined ? '' : ` as "${step.token}"`}${step.wrong === undefined ? '' : ` (${step.wrong})`}: ${at}\n  OpenBao:  ${theirs}\n  Lockstep: ${ours}`;

function isOf({ request, at, wrong }: KnownDifference, step: Step, difference: Difference): boolean {
  if (wrong !== undefined && !wrong.test(step.wrong ?? '')) return false;
  return request.test(asked(step)) && at.test(difference.at);
}

/** Starts both, and gives them the steps. */
export async function findings(
  steps: readonly Step[],
  known: readonly KnownDifference[],
  world: World = worlds.dev,
): Promise<Findings> {
  await using bao = await world.theirs();
  await using own = await world.ours();
  const [theirs, ours] = await Promise.all([replay(bao.address, steps), replay(own.address, steps)]);
  const [left, right] = [compared(theirs), compared(ours)];
  const used = new Set<KnownDifference>();
  const unknown = new Map<string, string>();
  /** Whether the last one that changes something was refused by one alone. */
  let apart = false;
  steps.forEach((step, at) => {
    const [one, other] = [left[at], right[at]];
    assert.ok(one !== undefined && other !== undefined);
    if (step.follows === true && apart) return;
    if (step.follows !== true) apart = one.status >= 400 !== other.status >= 400;
    for (const difference of differences(one, other)) {
      const reason = known.find((each) => isOf(each, step, difference));
      const place = `${asked(step)} ${difference.at} ${step.wrong ?? ''}`;
      // The first one: what comes later often follows from it.
      if (reason !== undefined) used.add(reason);
      else if (!unknown.has(place)) {
        const said = `${words(theirs.answers[at]?.reply)} /${words(ours.answers[at]?.reply)}`;
        unknown.set(place, told(step, difference) + (difference.at.startsWith('status') ? said : ''));
      }
    }
  });
  return { unknown: [...unknown.values()], unused: known.filter((each) => !used.has(each)) };
}
