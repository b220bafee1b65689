import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { areMet, type Approver, type Factor, type Person } from './factors.ts';

const lower = (text: string): string => text.toLowerCase();

/** Everybody that a factor names, from the groups' side: who is in them, first in tables, then struck out. */
function reference(factors: readonly Factor[], approvers: readonly Approver[], requester: Person | undefined): boolean {
  const verdicts = factors.map((factor) => {
    const table = new Map<string, boolean>();
    for (const { namespace, entity, groups } of approvers) {
      const person = `${namespace} ${entity}`;
      const byName = groups.some(({ name }) => factor.groupNames.map(lower).includes(lower(name)));
      const byId = groups.some((group) => factor.groupIds.includes(group.id));
      table.set(person, table.get(person) === true || (namespace === factor.namespace && (byName || byId)));
    }
    // Who is no entity may be any of them.
    if (!factor.selfAllowed && requester === undefined) table.clear();
    if (!factor.selfAllowed && requester !== undefined) table.delete(`${requester.namespace} ${requester.entity}`);
    const yes = [...table.values()].filter(Boolean).length;
    return yes > 0 && yes >= factor.approvals;
  });
  return verdicts.length > 0 && !verdicts.includes(false);
}

const namespace = fc.constantFrom('root', 'eu');
const entity = fc.constantFrom('alice', 'bob', 'carol', 'dan');
const name = fc.constantFrom('ops', 'Ops', 'leads', 'security');
const id = fc.constantFrom('1', '2', '3');
const factor: fc.Arbitrary<Factor> = fc.record({
  name: fc.constant('f'),
  namespace,
  groupNames: fc.array(name, { maxLength: 2 }),
  groupIds: fc.array(id, { maxLength: 2 }),
  approvals: fc.integer({ min: 0, max: 3 }),
  selfAllowed: fc.boolean(),
});
const approver: fc.Arbitrary<Approver> = fc.record({
  namespace,
  entity,
  groups: fc.array(fc.record({ id, name }), { maxLength: 3 }),
});

test('approvals are counted as the documentation says', () => {
  const seen = { met: 0, missing: 0 };
  fc.assert(
    fc.property(
      fc.array(factor, { maxLength: 3 }),
      fc.array(approver, { maxLength: 6 }),
      fc.option(fc.record({ namespace, entity }), { nil: undefined }),
      (factors, approvers, requester) => {
        const met = areMet(factors, approvers, requester);
        seen[met ? 'met' : 'missing'] += 1;
        assert.equal(met, reference(factors, approvers, requester));
      },
    ),
    { numRuns: 5_000 },
  );
  assert.ok(seen.met > 200 && seen.missing > 200, JSON.stringify(seen));
});

test('nothing is approved by nobody', () => {
  const open: Factor = {
    name: 'f',
    namespace: 'root',
    groupNames: ['ops'],
    groupIds: [],
    approvals: 0,
    selfAllowed: true,
  };
  assert.equal(areMet([open], [], undefined), false);
  assert.equal(areMet([], [], undefined), false);
});

test('another approval never takes one away, and another factor never adds one', () => {
  fc.assert(
    fc.property(fc.array(factor), fc.array(approver), factor, approver, (factors, approvers, more, other) => {
      const met = areMet(factors, approvers, undefined);
      if (met) assert.ok(areMet(factors, [...approvers, other], undefined));
      if (!met && factors.length > 0) assert.ok(!areMet([...factors, more], approvers, undefined));
    }),
    { numRuns: 2_000 },
  );
});
