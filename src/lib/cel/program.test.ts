import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AUTH_MESSAGES } from '../../auth/jwt/cel-messages.ts';
import { CelFailed, CelRefused, compileCel, type CelEnvironment, type CelSource } from './program.ts';

const environment: CelEnvironment = { variables: ['claims', 'now', 'operation'], messages: AUTH_MESSAGES };
const claims = { sub: 'job', groups: ['a', 'ops'], n: 7, none: null, deep: { x: { y: true } } };
const values = { claims, now: new Date('2026-01-02T03:04:05Z'), operation: 'update' };
const run = (source: string | CelSource) => compileCel(source, environment).evaluate(values);

describe('what a program answers', () => {
  it('tells the types apart', () => {
    const answers = [
      ['true', 'bool', true],
      ['"a" + claims.sub', 'string', 'ajob'],
      ['claims.n', 'double', 7],
      ['1', 'int', 1n],
      ['1u', 'uint', 1n],
      ['null', 'null', null],
      ['claims.none', 'null', null],
      ['now', 'timestamp', values.now],
      ['duration("1.5s")', 'duration', 1_500_000_000n],
      ['type(claims.n)', 'type', 'double'],
    ] as const;
    for (const [source, type, value] of answers) {
      const answer = run(source);
      assert.deepEqual([answer.type, answer.value], [type, value], source);
    }
    assert.deepEqual(run('claims.groups').value, ['a', 'ops']);
    assert.deepEqual(run('{"a": [1]}').value, new Map([['a', [1n]]]));
  });

  it('builds messages, with every field', () => {
    const answer = run(
      `pb.Auth{policies: claims.groups, display_name: claims.sub, metadata: {"k": "v"}, num_uses: 3, token_type: 2u,
        alias: logical.Alias{name: claims.sub, custom_metadata: {"c": "d"}},
        lease_options: pb.LeaseOptions{TTL: 60000000000, renewable: true, issue_time: now}}`,
    );
    assert(answer.type === 'message');
    assert.equal(answer.name, 'pb.Auth');
    const {
      policies,
      metadata,
      num_uses: uses,
      token_type: type,
      alias,
      lease_options: lease,
      group_aliases,
    } = answer.value;
    assert.deepEqual([policies, uses, type, group_aliases], [['a', 'ops'], 3n, 2n, []]);
    assert.deepEqual(metadata, new Map([['k', 'v']]));
    assert.partialDeepStrictEqual(alias, { name: 'job', custom_metadata: new Map([['c', 'd']]), local: false });
    assert.partialDeepStrictEqual(lease, { TTL: 60_000_000_000n, renewable: true, issue_time: values.now });
    const bare = run('pb.Auth{}');
    assert(bare.type === 'message');
    assert.equal(bare.value['alias'], undefined);
  });

  it('evaluates the variables in their order, each with those before it', () => {
    const variables = [
      { name: 'ok', expression: 'claims.n == 7.0' },
      { name: 'text', expression: 'ok ? "yes" : "no"' },
    ];
    assert.equal(run({ variables, expression: 'text + "!"' }).value, 'yes!');
    assert.throws(
      () => run({ variables: [{ name: 'unused', expression: 'claims.nope' }], expression: '1' }),
      CelFailed,
    );
  });

  it('refuses what does not parse, with the place', () => {
    assert.throws(() => run('1 +\n '), { name: 'CelRefused', line: 1, column: 3 });
    assert.throws(
      () => run({ variables: [{ name: 'v', expression: ')' }], expression: '1' }),
      (error: unknown) => error instanceof CelRefused && error.variable === 'v',
    );
  });
});
