import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compile, parsePolicy, type Acl } from './index.ts';
import { STRICT, type Subject, type TemplateOptions } from './template.ts';

const NOW = Date.parse('2030-01-01T00:00:00.500Z');

function subjectOf(values: Readonly<Record<string, string>> = {}): Subject {
  return {
    entity: {
      ...{ id: 'e-1', name: 'alice', metadata: { team: 'red', 'a.b': 'dotted', ...values } },
      aliases: [
        { id: 'a-1', name: 'alias', accessor: 'acc', metadata: { role: 'r' }, customMetadata: { cost: '7' } },
        { id: 'a-2', name: 'other', accessor: 'acc2', metadata: null, customMetadata: null },
      ],
    },
    groups: [
      { id: 'g-1', name: 'dev', metadata: { floor: '3' } },
      { id: 'g-2', name: 'dev.ops', metadata: { floor: '4' } },
    ],
  };
}

const aclOf = (text: string, subject?: Subject, templates: TemplateOptions = STRICT): Acl =>
  compile([{ name: 'p', namespace: '', rules: parsePolicy(text), subject, templates }], NOW);

const reading = (path: string): string => `path "${path}" { capabilities = ["read"] }`;
const denying = (path: string): string => `path "${path}" { capabilities = ["deny"] }`;
const reads = (acl: Acl, path: string): boolean => acl.allows('read', path).allowed;

describe('what a selector stands for', () => {
  const known: readonly (readonly [string, string])[] = [
    ['identity.entity.id', 'e-1'],
    [' identity.entity.name ', 'alice'],
    ['identity.entity.metadata.team', 'red'],
    ['identity.entity.metadata.a.b', 'dotted'],
    ['identity.entity.aliases.acc.id', 'a-1'],
    ['identity.entity.aliases.acc.name', 'alias'],
    ['identity.entity.aliases.acc2.name', 'other'],
    ['identity.entity.aliases.acc.metadata.role', 'r'],
    ['identity.entity.aliases.acc.custom_metadata.cost', '7'],
    ['identity.groups.ids.g-1.name', 'dev'],
    ['identity.groups.names.dev.id', 'g-1'],
    ['identity.groups.names.dev.metadata.floor', '3'],
    ['identity.groups.names.dev.ops.metadata.floor', '4'],
    ['time.now', '1893456000'],
    ['time.now.plus.1h', '1893459600'],
    ['time.now.minus.60s', '1893455940'],
  ];
  for (const [selector, value] of known) {
    test(selector, () => {
      const acl = aclOf(reading(`x/{{${selector}}}/y`), subjectOf());
      assert.equal(reads(acl, `x/${value}/y`), true);
      assert.equal(reads(acl, `x/${value}z/y`), false);
      assert.equal(reads(acl, `x/{{${selector}}}/y`), false);
    });
  }

  const unknown = [
    ...['identity.entity', 'identity.entity.none', 'identity.entity.metadata', 'identity.entity.metadata.none'],
    ...['identity.entity.name.x', 'identity.entity.aliases.none.id', 'identity.entity.aliases.acc2.metadata.role'],
    ...['identity.entity.metadata.constructor', 'identity.entity.metadata.__proto__', 'identity.groups.names.none.id'],
    ...['identity.groups.dev.id', 'identity.groups.ids.dev.name', 'foo.bar', '', 'time.now.plus', 'time.now.times.2'],
    ...['time.now.plus.x', 'identity.groups.names.dev.metadata.none', 'identity.entity.groups.names'],
  ];
  for (const selector of unknown) {
    test(`nothing: "${selector}"`, () => {
      const acl = aclOf(reading(`x/{{${selector}}}/*`) + reading(`y/{{${selector}}}*`), subjectOf());
      for (const path of ['x//a', 'x/a/a', 'x/undefined/a', 'x/null/a', 'x/*/a', 'y/', 'y/a', 'y/undefined']) {
        assert.equal(reads(acl, path), false, path);
      }
    });
  }

  test('without an identity, only the time is known', () => {
    assert.equal(reads(aclOf(reading('x/{{identity.entity.id}}')), 'x/e-1'), false);
    assert.equal(reads(aclOf(reading('x/{{time.now}}')), 'x/1893456000'), true);
  });

  test('a path that names the time holds until the next second', () => {
    assert.equal(aclOf(reading('x/{{time.now}}')).validUntil, Date.parse('2030-01-01T00:00:01Z'));
    assert.equal(aclOf(reading('x/{{identity.entity.id}}'), subjectOf()).validUntil, Number.POSITIVE_INFINITY);
  });
});

describe('values that are not taken', () => {
  const hostile = ['', '*', 'a*', '+', 'a+b', '/', 'a/b', '..', '.', '../b', 'a\u0000', 'a\nb', 'a\u2028', '\ud800'];
  for (const value of hostile) {
    test(JSON.stringify(value), () => {
      const subject = subjectOf({ team: value });
      const path = 'x/{{identity.entity.metadata.team}}';
      const acl = aclOf(reading(`${path}/*`) + reading(path), subject);
      for (const each of ['x/a/b', 'x/red/b', 'x/a', 'x/a/b/c', 'x/b', `x/${value}/b`]) {
        assert.equal(reads(acl, each), false, each);
      }
      const closed = aclOf(reading('x/*') + denying(`${path}/secret`), subject);
      assert.deepEqual([reads(closed, 'x/red/secret'), reads(closed, 'x/red/open')], [false, true]);
    });
  }

  test('what a policy allows in them is put in', () => {
    const path = 'x/{{identity.entity.metadata.team}}/y';
    const slashes = { wildcards: false, slashes: true };
    assert.equal(reads(aclOf(reading(path), subjectOf({ team: 'a/b' }), slashes), 'x/a/b/y'), true);
    assert.equal(reads(aclOf(reading(path), subjectOf({ team: '../b' }), slashes), 'x/../b/y'), false);
    assert.equal(reads(aclOf(reading(path), subjectOf({ team: '+' }), slashes), 'x/a/y'), false);
    const wildcards = { wildcards: true, slashes: false };
    assert.equal(reads(aclOf(reading(path), subjectOf({ team: '+' }), wildcards), 'x/a/y'), true);
    assert.equal(reads(aclOf(reading(path), subjectOf({ team: 'a/b' }), wildcards), 'x/a/b/y'), false);
    // It would mean something else than it says.
    assert.equal(reads(aclOf(reading(path), subjectOf({ team: 'a*' }), wildcards), 'x/ab/y'), false);
  });
});

const SELECTOR = '{{identity.entity.metadata.team}}';
const letters = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', 'é'), minLength: 1, maxLength: 3 });
/** Anything that somebody could be called who wants more than is theirs. */
const hostileValue = fc.oneof(
  letters,
  fc.string({ unit: fc.constantFrom('a', 'b', '/', '+', '*', '.', '{', '}', ',', '%', ' ', '\u0000'), maxLength: 5 }),
  fc.constantFrom('*', '+', '..', '.', '', '+/+', '*/', SELECTOR, '{{time.now}}', 'a/../b', 'b/*', 'constructor'),
);
const segment = fc.oneof(
  { weight: 3, arbitrary: letters.filter((text) => text !== '.' && text !== '..') },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom('', 'a'), fc.constantFrom('', 'b')).map((ends) => ends.join(SELECTOR)),
  },
  { weight: 1, arbitrary: fc.constant('+') },
);
const template = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([segments, glob]) => ({ segments, glob, path: segments.join('/') + (glob ? '/*' : '') }));
const request = fc.array(fc.oneof(letters, hostileValue), { minLength: 1, maxLength: 5 });

/**
 * The reference: segment by segment, and a value is only ever itself. It knows nothing of how paths are compiled, put
 * together or ranked.
 */
function reference(
  rule: { readonly segments: readonly string[]; readonly glob: boolean },
  value: string,
  path: string,
): boolean {
  const names = rule.segments.some((own) => own.includes(SELECTOR));
  if (names && (!/^[^\p{C}/*+]+$/u.test(value) || value === '.' || value === '..')) return false;
  const asked = path.split('/');
  if (rule.glob ? asked.length <= rule.segments.length : asked.length !== rule.segments.length) return false;
  return rule.segments.every((own, at) => {
    if (own === '+') return true;
    const text = own.replace(SELECTOR, () => value);
    return text !== '.' && text !== '..' && text === asked[at];
  });
}

test('whatever a value holds, a templated rule reaches what the reference says, and nothing else', () => {
  fc.assert(
    fc.property(template, hostileValue, request, fc.nat(), (rule, value, parts, pick) => {
      const acl = aclOf(`path ${JSON.stringify(rule.path)} { capabilities = ["read"] }`, subjectOf({ team: value }));
      const near = rule.segments.map((own, at) =>
        own === '+' ? (parts[at] ?? 'x') : own.replace(SELECTOR, () => value),
      );
      const paths = [
        parts.join('/'),
        near.join('/'),
        [...near, 'z'].join('/'),
        [...near.slice(0, pick % 4), ...parts].join('/'),
      ];
      for (const path of paths.filter((each) => !each.endsWith('/'))) {
        assert.equal(reads(acl, path), reference(rule, value, path), JSON.stringify([rule.path, value, path]));
      }
    }),
    { numRuns: 5_000 },
  );
});

test('a rule that denies holds for whatever it could be filled with, while it cannot be filled', () => {
  const plain = letters.filter((text) => text !== '.' && text !== '..');
  fc.assert(
    fc.property(template, plain, fc.constantFrom(undefined, '*', ''), (rule, value, own) => {
      fc.pre(rule.path.includes(SELECTOR));
      const subject = own === undefined ? undefined : subjectOf({ team: own });
      const acl = aclOf(`${reading('*')} path ${JSON.stringify(rule.path)} { capabilities = ["deny"] }`, subject);
      const filled = rule.segments.map((each) => (each === '+' ? 'x' : each.replace(SELECTOR, () => value))).join('/');
      const path = rule.glob ? `${filled}/z` : filled;
      assert.equal(reads(acl, path), false, JSON.stringify([rule.path, value, path]));
      assert.deepEqual(acl.capabilities(path), ['deny']);
    }),
    { numRuns: 2_000 },
  );
});

test('among other rules, a filled one counts as if it were written out, and one that cannot be filled as if it were not there', () => {
  const others = fc.array(fc.constantFrom('a/*', 'a/+/b', '+/a', '*', 'a', 'b/a/*', 'a/a/b'), { maxLength: 4 });
  fc.assert(
    fc.property(template, hostileValue, others, request, (rule, value, rest, parts) => {
      const named = (path: string, capability: string) =>
        `path ${JSON.stringify(path)} { capabilities = ["${capability}"] }`;
      const written = rest.map((path) => named(path, 'list')).join('\n');
      const acl = aclOf(named(rule.path, 'read') + written, subjectOf({ team: value }));
      const filled = rule.path.replaceAll(SELECTOR, () => value);
      // Written out, a value that looks like a template would be one.
      fc.pre(!filled.includes('{{'));
      const usable = reference({ ...rule, glob: false }, value, filled.replace(/\/\*$/, ''));
      const plain = aclOf((usable || !rule.path.includes(SELECTOR) ? named(filled, 'read') : '') + written);
      const path = parts.join('/');
      assert.deepEqual(acl.capabilities(path), plain.capabilities(path), JSON.stringify([rule.path, value, path]));
    }),
    { numRuns: 2_000 },
  );
});
