/** What is explained is what is decided, over random policies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compile } from './acl.ts';
import { explain, WANTED } from './explain.ts';
import { parsePolicy } from './parse.ts';

const CONTROL = (capability: string): string =>
  `control_group = { factor "f" { ${capability} identity { group_names = ["g"] approvals = 1 } } }`;

const rule = fc
  .record({
    path: fc.constantFrom('a', 'a/', 'a/b', 'a/b/', 'a/*', 'a/+', '+/b', '*', 'a/{{identity.entity.name}}', '+/b/*'),
    capabilities: fc.oneof(
      { weight: 8, arbitrary: fc.subarray(WANTED.slice(), { minLength: 1 }) },
      { weight: 1, arbitrary: fc.constant(['deny']) },
    ),
    more: fc.subarray([
      'allowed_parameters = { "x" = [] }',
      'denied_parameters = { "y" = ["1"] }',
      'required_parameters = ["x"]',
      'min_wrapping_ttl = "10s"',
      'max_wrapping_ttl = "60s"',
      'pagination_limit = 5',
      'subscribe_event_types = ["kv*"]',
    ]),
    control: fc.constantFrom('', '', 'all', 'first'),
  })
  .map(({ path, capabilities, more, control }) => {
    const [first = ''] = capabilities;
    const controls = control !== '' && first !== 'deny';
    const only = control === 'first' ? `controlled_capabilities = ["${first}"]` : '';
    const lines = [...(first === 'deny' ? [] : more), ...(controls ? [CONTROL(only)] : [])];
    return `path "${path}" {\n capabilities = ${JSON.stringify(capabilities)}\n ${lines.join('\n ')}\n}`;
  });
const document = fc.uniqueArray(rule, { maxLength: 4, selector: (text) => text.split('"')[1] });
const body = fc.dictionary(fc.constantFrom('x', 'y', 'limit'), fc.constantFrom('1', '2', 'max'));

test('an explanation never disagrees with the decision, nor about whether it has to wait', () => {
  const seen = { allowed: 0, refused: 0, controlled: 0 };
  fc.assert(
    fc.property(
      fc.array(document, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('a', 'a/', 'a/b', 'a/b/', 'a/c/', 'c/b', 'a/b/c'),
      fc.record({ body, wrapTtl: fc.constantFrom(0, 5, 30, 90), sudo: fc.boolean() }),
      (documents, path, details) => {
        const policies = documents.map((rules, at) => ({
          ...{ name: `p${String(at)}`, namespace: '', subject: undefined },
          rules: parsePolicy(rules.join('\n')),
        }));
        const acl = compile(policies, 0);
        const asked = { ...details, eventType: 'kv/data-write' };
        for (const wanted of WANTED) {
          if (wanted === 'sudo') continue;
          const told = explain(acl, wanted, path, asked);
          const { allowed, control } = acl.allows(wanted, path, asked);
          assert.equal(told.allowed, allowed, `${wanted} ${path}: ${told.reason}`);
          assert.equal(told.controlled, control !== undefined, `${wanted} ${path}: ${told.reason}`);
          assert.equal(told.rules.some(({ effect }) => effect === 'grants') || !allowed, true);
          seen[control !== undefined ? 'controlled' : allowed ? 'allowed' : 'refused'] += 1;
        }
      },
    ),
    { numRuns: 2_000 },
  );
  assert.ok(Math.min(...Object.values(seen)) > 200, JSON.stringify(seen));
});
