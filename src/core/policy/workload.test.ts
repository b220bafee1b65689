import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isLockstepError } from '../../errors.ts';
import { compile, parsePolicy, type Acl } from './index.ts';
import { STRICT, type Subject, type TemplateOptions } from './template.ts';
import { checkWorkloadPath, type Workload } from './workload.ts';

const [C, N, S] = ['${kubernetes_cluster}', '${kubernetes_namespace}', '${kubernetes_service_account}'];

const subjectOf = (workload: Workload | undefined): Subject => ({
  entity: { id: 'e-1', name: 'e', metadata: { team: 'red' }, aliases: [] },
  groups: [],
  ...(workload === undefined ? {} : { workload }),
});

const rule = (path: string, capability = 'read'): string =>
  `path ${JSON.stringify(path)} { capabilities = ["${capability}"] }`;

const aclOf = (text: string, workload: Workload | undefined, templates: TemplateOptions = STRICT): Acl =>
  compile([{ name: 'p', namespace: '', rules: parsePolicy(text), subject: subjectOf(workload), templates }], 0);

const reads = (acl: Acl, path: string): boolean => acl.allows('read', path).allowed;
const SHOP: Workload = { cluster: 'prod-eu', namespace: 'shop', serviceAccount: 'web' };

describe('what may be written', () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    [`kv/data/${N}/*`, /needs \$\{kubernetes_cluster\} before it/],
    [`kv/data/${N}/${C}/*`, /needs \$\{kubernetes_cluster\} before it/],
    [`kv/data/${C}/${S}/*`, /needs \$\{kubernetes_namespace\} before it/],
    [`kv/data/${S}/*`, /needs \$\{kubernetes_namespace\} before it/],
    [`kv/data/${C}/${C}/${N}`, /stands twice/],
    [`kv/data/${C}/${N}/${N}`, /stands twice/],
    [`kv/data/${C}/${N}*`, /stands alone between slashes/],
    [`kv/data/${C}-${N}/*`, /stands alone between slashes/],
    [`kv/data/${C}${N}/*`, /stands alone between slashes/],
    [`kv/data/x${C}/*`, /stands alone between slashes/],
    [`kv/data/{{identity.entity.name}}${C}/*`, /stands alone between slashes/],
    ['kv/data/${kubernetes_clusters}/*', /there is no \$\{kubernetes_clusters\}: there are \$\{kubernetes_cluster\}, /],
    ['kv/data/${constructor}/*', /there is no/],
    ['kv/data/${}/*', /there is no/],
    ['kv/data/${kubernetes_cluster/*', /stands alone/],
    [`kv/*/${C}/x`, /\* stands only at the end/],
  ];
  for (const [path, why] of refusals) {
    test(`not ${path}`, () => {
      assert.throws(
        () => {
          checkWorkloadPath(path);
        },
        (error) => isLockstepError(error, 'badRequest') && why.test(error.message),
      );
    });
  }
  for (const path of [
    `kv/data/${C}/${N}/*`,
    `kv/${C}/x/${N}/y/${S}`,
    `+/${C}/*`,
    `{{identity.entity.name}}/${C}`,
    'kv/$x/{y}',
  ]) {
    test(path, () => {
      checkWorkloadPath(path);
    });
  }
});

test('a name that there is not reaches nothing, should it be stored all the same', () => {
  for (const path of ['kv/${kubernetes_clusters}/*', 'kv/${constructor}/*', 'kv/${}/*']) {
    const acl = aclOf(rule(path), SHOP);
    for (const asked of [path, 'kv/prod-eu/a', 'kv//a', 'kv/undefined/a'])
      assert.equal(reads(acl, asked), false, asked);
  }
});

test('a workload reaches its own place alone', () => {
  const acl = aclOf(rule(`kv/data/${C}/${N}/*`) + rule(`own/${C}/${N}/${S}`), SHOP);
  for (const [path, expected] of [
    ['kv/data/prod-eu/shop/db', true],
    ['kv/data/prod-eu/shop/a/b', true],
    ['own/prod-eu/shop/web', true],
    ['own/prod-eu/shop/api', false],
    ['kv/data/prod-us/shop/db', false],
    ['kv/data/prod-eu/shop-2/db', false],
    ['kv/data/prod-eu/shop', false],
    ['kv/data/shop/db', false],
    [`kv/data/${C}/${N}/db`, false],
  ] as const) {
    assert.equal(reads(acl, path), expected, path);
  }
});

test('who is no workload reaches nothing by it, and a deny holds for all then', () => {
  for (const workload of [undefined, { ...SHOP, namespace: '' }]) {
    const acl = aclOf(rule(`kv/data/${C}/${N}/*`) + rule(`kv/data/${C}//*`), workload);
    for (const path of [
      'kv/data/prod-eu/shop/db',
      'kv/data/prod-eu//db',
      'kv/data///db',
      'kv/data/undefined/undefined/db',
    ]) {
      assert.equal(reads(acl, path), false, path);
    }
    const closed = aclOf(rule('*') + rule(`kv/data/${C}/${N}/secret`, 'deny'), workload);
    assert.deepEqual([reads(closed, 'kv/data/a/b/secret'), reads(closed, 'kv/data/a/b/open')], [false, true]);
  }
});

test('what a policy allows in values is not allowed in these', () => {
  const templates = { wildcards: true, slashes: true };
  for (const namespace of ['+', '*', 'a/b', 'a*']) {
    const acl = aclOf(rule(`kv/${C}/${N}/x`) + rule(`kv/${C}/${N}`), { ...SHOP, namespace }, templates);
    for (const path of ['kv/prod-eu/a/x', 'kv/prod-eu/a/b/x', 'kv/prod-eu/a/b', 'kv/prod-eu/ab']) {
      assert.equal(reads(acl, path), false, path);
    }
  }
});

const name = fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 1, maxLength: 3 });
/** What somebody could be called who wants more than is theirs. */
const hostile = fc.oneof(
  name,
  fc.string({ unit: fc.constantFrom('a', 'b', '/', '+', '*', '.', '{', '}', '$', '%', '\u0000'), maxLength: 5 }),
  fc.constantFrom('*', '+', '..', '.', '', '+/+', '../b', C, N, '{{identity.entity.name}}', 'a/../b', 'constructor'),
);
const workloads = fc.record({ cluster: hostile, namespace: hostile, serviceAccount: hostile });
const plain = fc.constantFrom('kv', 'data', 'a', 'b', '+');
/** As `checkWorkloadPath` lets them be written. */
const templates = fc
  .tuple(
    fc.constantFrom(1, 2, 3),
    fc.array(fc.array(plain, { maxLength: 2 }), { minLength: 4, maxLength: 4 }),
    fc.boolean(),
  )
  .map(([count, between, glob]) => {
    const segments = [C, N, S].slice(0, count).flatMap((each, at) => [...(between[at] ?? []), each]);
    return { segments: [...segments, ...(between[3] ?? [])], glob };
  });
const pathOf = ({ segments, glob }: { readonly segments: readonly string[]; readonly glob: boolean }): string =>
  segments.join('/') + (glob ? '/*' : '');

const valuesOf = (workload: Workload): Readonly<Record<string, string>> => ({
  [C]: workload.cluster,
  [N]: workload.namespace,
  [S]: workload.serviceAccount,
});

/** The reference: segment by segment, and a value is only ever itself. It knows nothing of how paths are compiled. */
function reference(
  { segments, glob }: { readonly segments: readonly string[]; readonly glob: boolean },
  workload: Workload,
  path: string,
): boolean {
  const values = valuesOf(workload);
  const asked = path.split('/');
  if (glob ? asked.length <= segments.length : asked.length !== segments.length) return false;
  return segments.every((own, at) => {
    const value = values[own];
    if (value === undefined) return own === '+' || own === asked[at];
    return /^[^\p{C}/*+]+$/u.test(value) && value !== '.' && value !== '..' && value === asked[at];
  });
}

test('whatever a workload is called, it reaches what the reference says, and nothing else', () => {
  fc.assert(
    fc.property(
      templates,
      workloads,
      fc.array(hostile, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      (template, workload, parts, pick) => {
        checkWorkloadPath(pathOf(template));
        const acl = aclOf(rule(pathOf(template)), workload);
        const values = valuesOf(workload);
        const near = template.segments.map((own, at) => (own === '+' ? (parts[at] ?? 'x') : (values[own] ?? own)));
        const asked = [parts, near, [...near, 'z'], [...near.slice(0, pick % 8), ...parts]];
        for (const path of asked.map((each) => each.join('/')).filter((each) => !each.endsWith('/'))) {
          assert.equal(
            reads(acl, path),
            reference(template, workload, path),
            JSON.stringify([template, workload, path]),
          );
        }
      },
    ),
    { numRuns: 5_000 },
  );
});

test('no path is two tenants’, however they are called', () => {
  fc.assert(
    fc.property(workloads, workloads, fc.array(hostile, { minLength: 1, maxLength: 3 }), (one, other, below) => {
      fc.pre(one.cluster !== other.cluster || one.namespace !== other.namespace);
      const policy = rule(`kv/data/${C}/${N}/*`) + rule(`kv/metadata/${C}/x/${N}/${S}/*`);
      const paths = [one, other].flatMap(({ cluster, namespace, serviceAccount }) => [
        ['kv/data', cluster, namespace, ...below].join('/'),
        ['kv/metadata', cluster, 'x', namespace, serviceAccount, ...below].join('/'),
      ]);
      const [acl, others] = [aclOf(policy, one), aclOf(policy, other)];
      for (const path of paths)
        assert.ok(!(reads(acl, path) && reads(others, path)), JSON.stringify([one, other, path]));
    }),
    { numRuns: 5_000 },
  );
});
