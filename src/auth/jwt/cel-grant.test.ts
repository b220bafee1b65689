import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import { celMethod } from './cel.testing.ts';

const OK = 'pb.Auth{policies: ["a"]}';

test('groups that a program names are all that the login is in', async () => {
  await using jwt = await celMethod();
  const { token, node } = jwt;
  const write = async (path: string, body: object) =>
    (await ask(node, 'POST', path, { token, body: { ...body } })).reply?.data;
  const mounts = (await ask(node, 'GET', 'sys/auth', { token })).reply?.data;
  const { accessor } = mounts?.['jwt/'] as { readonly accessor: string };
  const group = await write('identity/group', { name: 'ops', type: 'external', policies: ['ops'] });
  await write('identity/group-alias', { name: 'gh-ops', mount_accessor: accessor, canonical_id: group?.['id'] });
  const policies = async (groups: string): Promise<unknown> => {
    const { auth, errors } = await jwt.answer(`pb.Auth{alias: logical.Alias{name: claims.sub}${groups}}`, {
      g: ['gh-ops', 'x'],
    });
    assert.ok(auth !== undefined && auth !== null, String(errors));
    return auth['identity_policies'];
  };
  assert.deepEqual(await policies(', group_aliases: claims.g.map(g, logical.Alias{name: g})'), ['ops']);
  assert.notDeepEqual(await policies(''), ['ops'], 'as upstream: without groups there are none');
});

test('whatever else a program answers is no login, and the text of one is repeated', async () => {
  await using jwt = await celMethod();
  const why = async (expression: string, change: object = {}): Promise<string> => {
    const { status, errors, auth } = await jwt.answer(expression, change);
    assert.deepEqual([status, auth ?? undefined], [400, undefined], expression);
    return errors?.[0] ?? '';
  };
  const said = "error executing cel program: CEL role 'tried' ";
  assert.equal(await why('false'), `${said}blocked authorization with boolean false return`);
  assert.equal(
    await why('claims.sub == "job" ? "not you" : false'),
    `${said}blocked authorization with message: not you`,
  );
  for (const other of [
    'true',
    'null',
    '1',
    '1u',
    '1.5',
    'b"x"',
    '[1]',
    'claims',
    'now',
    'duration("1s")',
    '{"policies": ["a"]}',
    'logical.Alias{name: "a"}',
    'pb.LeaseOptions{}',
    'pb.Auth{}.policies',
  ]) {
    assert.match(
      await why(other),
      /^error executing cel program: CEL role 'tried' returned unexpected type: [\w.]+; only pb\.Auth/,
      other,
    );
  }
  assert.equal(
    await why('"a\\u0007\\n" + claims.x', { x: '\u001b[2J\u202e' }),
    `${said}blocked authorization with message: a\\u{7}\\u{a}\\u{1b}[2J\\u{202e}`,
  );
  const long = await why('claims.x', { x: 'x'.repeat(10_000) });
  assert.ok(long.length < 1_200 && long.endsWith('…'));
});

test('what a program may not give, it does not', async () => {
  await using jwt = await celMethod();
  const many = Array.from({ length: 10_000 }, (_, at) => `p${String(at)}`);
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ...['root', '  root', 'ROOT', 'Root\t'].map(
      (name) => ['pb.Auth{policies: [claims.p]}', { p: name }, /root|printed/] as const,
    ),
    ['pb.Auth{policies: ["root"], no_default_policy: true}', {}, /root/],
    ['pb.Auth{policies: claims.p}', { p: many.slice(0, 1_001) }, /1001 policies/],
    ['pb.Auth{policies: claims.p}', { p: ['a', 1] }, /could not be evaluated/],
    ['pb.Auth{policies: claims.p}', { p: ['a', null] }, /could not be evaluated/],
    ['pb.Auth{policies: claims.p}', { p: ['a', ['root']] }, /could not be evaluated/],
    ['pb.Auth{policies: claims.p}', { p: 'a' }, /could not be evaluated/],
    ['pb.Auth{policies: claims.p}', {}, /could not be evaluated/],
    ['pb.Auth{policies: [claims.p]}', { p: 'a\u0000b' }, /cannot be printed/],
    ['pb.Auth{policies: [claims.p]}', { p: 'x'.repeat(300) }, /longer than 256/],
    ['pb.Auth{policies: ["response-wrapping"]}', {}, /cannot assign policy/],
    ['pb.Auth{period: -1000000000}', {}, /negative period/],
    ['pb.Auth{period: 60}', {}, /nanoseconds/],
    ['pb.Auth{explicit_max_ttl: -1}', {}, /negative explicit_max_ttl/],
    ['pb.Auth{lease_options: pb.LeaseOptions{TTL: -1}}', {}, /negative TTL/],
    ['pb.Auth{lease_options: pb.LeaseOptions{MaxTTL: -1}}', {}, /negative MaxTTL/],
    ['pb.Auth{num_uses: -1}', {}, /negative num_uses/],
    ['pb.Auth{num_uses: 9223372036854775807}', {}, /too large/],
    ['pb.Auth{token_type: 5u}', {}, /unknown token_type/],
    ['pb.Auth{token_type: 2u, num_uses: 3}', {}, /batch/],
    ['pb.Auth{bound_cidrs: [claims.p]}', { p: 'x/99' }, /no address or block/],
    ['pb.Auth{display_name: claims.p}', { p: 'a\nb' }, /cannot be printed/],
    ['pb.Auth{display_name: claims.p}', { p: 'x'.repeat(3_000) }, /longer/],
    ['pb.Auth{metadata: {"k": claims.p}}', { p: 'a\u001bb' }, /cannot be printed/],
    ['pb.Auth{metadata: {"k": claims.p}}', { p: 'x'.repeat(3_000) }, /longer/],
    ['pb.Auth{metadata: {"": "x"}}', {}, /empty key/],
    [
      'pb.Auth{metadata: claims.p}',
      { p: Object.fromEntries(many.slice(0, 100).map((each) => [each, each])) },
      /100 keys/,
    ],
    ['pb.Auth{alias: logical.Alias{name: claims.p}}', { p: '' }, /without a name/],
    ['pb.Auth{alias: logical.Alias{}}', {}, /without a name/],
    ['pb.Auth{alias: logical.Alias{name: claims.p}}', { p: 'x'.repeat(3_000) }, /longer/],
    ['pb.Auth{alias: logical.Alias{name: claims.p}}', { p: 'a\u0000' }, /cannot be printed/],
    ['pb.Auth{alias: logical.Alias{name: "a"}, group_aliases: [logical.Alias{}]}', {}, /group alias without a name/],
    [
      'pb.Auth{alias: logical.Alias{name: "a"}, group_aliases: claims.p.map(g, logical.Alias{name: g})}',
      { p: many.slice(0, 1_001) },
      /1001 group_aliases/,
    ],
    ['pb.Auth{group_aliases: [logical.Alias{name: "g"}]}', {}, /without an alias/],
  ];
  for (const [expression, change, pattern] of cases) {
    const { status, errors, auth } = await jwt.answer(expression, change);
    assert.deepEqual([status, auth ?? undefined], [400, undefined], expression);
    assert.match(errors?.[0] ?? '', pattern, expression);
  }
});

test('members that are the core’s to set cannot be named by a program', async () => {
  await using jwt = await celMethod();
  const cases = [
    ...[
      'client_token: "hvs.x"',
      'accessor: "x"',
      'entity_id: "x"',
      'internal_data: "{}"',
      'token_policies: ["a"]',
      'identity_policies: ["a"]',
    ],
    ...[
      'mount_accessor: "x"',
      'mount_type: "token"',
      'ID: "x"',
      'namespace_id: "x"',
      'local: true',
      'custom_metadata: {"a": "b"}',
    ].map((member) => `alias: logical.Alias{name: "a", ${member}}`),
    'lease_options: pb.LeaseOptions{increment: 1}',
  ];
  for (const member of cases) {
    const { status, errors } = await jwt.write('r', { cel_program: { expression: `pb.Auth{${member}}` } });
    assert.equal(status, 400, member);
    assert.match(errors?.[0] ?? '', /cel_program: 1:\d+: .*has no field/, member);
  }
});

test('an alias is of this mount, whatever it is called', async () => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  await ask(node, 'POST', 'sys/auth/userpass', { token, body: { type: 'userpass' } });
  await ask(node, 'POST', 'auth/userpass/users/ann', { token, body: { password: 'right-pass' } });
  const ann = await ask(node, 'POST', 'auth/userpass/login/ann', { body: { password: 'right-pass' } });
  const { auth } = await jwt.answer('pb.Auth{alias: logical.Alias{name: "ann"}}');
  assert.ok(
    typeof auth?.['entity_id'] === 'string' &&
      auth['entity_id'] !== '' &&
      auth?.['entity_id'] !== ann.auth?.['entity_id'],
  );
});

test('a program that does too much ends, and its claims are told nowhere', async () => {
  await using jwt = await celMethod();
  const range = `[${Array.from({ length: 60 }, (_, at) => String(at)).join(',')}]`;
  const nested = [0, 1, 2, 3].reduce((inner, at) => `${range}.all(x${String(at)}, ${inner})`, 'true');
  const outcomes = [
    await jwt.answer(`${nested} ? ${OK} : false`, { secret: 'do-not-tell' }),
    await jwt.answer('claims.list.all(a, claims.list.all(b, a != b + "x")) ? "x" : "y"', {
      list: Array.from({ length: 500 }, (_, at) => `do-not-tell-${String(at)}`),
    }),
    await jwt.answer('claims[claims.secret] == 1', { secret: 'do-not-tell' }),
    await jwt.answer('int(claims.secret) == 1', { secret: 'do-not-tell' }),
    await jwt.answer('timestamp(claims.secret) < now', { secret: 'do-not-tell' }),
    await jwt.answer('{"a": 1}[claims.secret] == 1', { secret: 'do-not-tell' }),
    await jwt.answer('"x".matches(claims.secret)', { secret: 'do-not-tell(' }),
  ];
  for (const [at, outcome] of outcomes.entries()) {
    assert.equal(outcome.status, 400, String(at));
    const told = JSON.stringify([outcome.errors, outcome.refusal]);
    assert.ok(told.includes("'tried'") && !told.includes('do-not-tell'), told);
    assert.match(told, at < 2 ? /budget/ : /could not be evaluated/, String(at));
  }
});
