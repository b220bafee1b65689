import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import { celMethod } from './cel.testing.ts';

const OK = 'pb.Auth{policies: ["a"]}';

test('a CEL role is shown as it was written, and as upstream where nothing was', async () => {
  await using jwt = await celMethod();
  const { status, reply, warnings } = await jwt.write('One', { cel_program: { expression: OK } });
  assert.equal(status, 200);
  assert.match(warnings?.join() ?? '', /bound_audiences is empty/);
  const bare = {
    ...{ bound_audiences: [], cel_program: { expression: OK }, message: '', name: 'one' },
    ...{ clock_skew_leeway: 60, expiration_leeway: 150, not_before_leeway: 150 },
  };
  assert.deepEqual(reply?.data, bare);
  const variables = [
    { name: 'team', expression: 'claims.team' },
    { name: 'fits', expression: 'team.startsWith("t-")' },
  ];
  const program = { variables, expression: 'fits ? pb.Auth{policies: [team]} : false' };
  const body = {
    ...{ cel_program: program, message: 'teams', bound_audiences: 'a,b' },
    ...{ clock_skew_leeway: 0, expiration_leeway: -1, not_before_leeway: '1m' },
  };
  const second = await jwt.write('two', body);
  assert.deepEqual(second.warnings ?? [], []);
  const shown = { ...body, name: 'two', bound_audiences: ['a', 'b'], not_before_leeway: 60 };
  assert.deepEqual((await jwt.at('GET', 'cel/role/TWO')).reply?.data, shown);
  // A second write is a whole role: nothing of the first is left.
  await jwt.write('two', { cel_program: { expression: OK } });
  assert.deepEqual((await jwt.at('GET', 'cel/role/two')).reply?.data, { ...bare, name: 'two' });
  assert.deepEqual((await jwt.at('LIST', 'cel/role')).reply?.data, { keys: ['one', 'two'] });
  assert.equal((await jwt.at('LIST', 'role')).status, 404, 'they are no plain roles');
  assert.equal((await jwt.at('DELETE', 'cel/role/One')).status, 204);
  assert.equal((await jwt.at('DELETE', 'cel/role/one')).status, 204, 'twice');
  assert.equal((await jwt.at('GET', 'cel/role/one')).status, 404);
  assert.deepEqual((await jwt.at('LIST', 'cel/role')).reply?.data, { keys: ['two'] });
});

test('a patch changes what it names, and null gives a default back', async () => {
  await using jwt = await celMethod();
  const variables = [{ name: 'a', expression: '"x"' }];
  await jwt.celRole('p', OK, { cel_program: { expression: OK, variables }, message: 'm', clock_skew_leeway: 6 });
  const patched = async (body: object) => {
    const { status, reply, errors } = await jwt.patch('p', { ...body });
    assert.equal(status, 200, String(errors));
    const read = (await jwt.at('GET', 'cel/role/p')).reply?.data;
    assert.deepEqual(read, reply?.data);
    return read;
  };
  const before = (await jwt.at('GET', 'cel/role/p')).reply?.data;
  assert.deepEqual(await patched({}), before);
  assert.deepEqual(await patched({ name: 'other' }), before);
  assert.deepEqual(await patched({ message: 'new', expiration_leeway: 9 }), {
    ...{ ...before, message: 'new', expiration_leeway: 9 },
  });
  const next = await patched({
    message: null,
    expiration_leeway: null,
    clock_skew_leeway: null,
    bound_audiences: null,
  });
  assert.deepEqual(next, { ...before, message: '', clock_skew_leeway: 60, bound_audiences: [] });
  const other = await patched({ cel_program: { expression: 'false' } });
  assert.deepEqual(other?.['cel_program'], { variables, expression: 'false' });
  const none = await patched({ cel_program: { variables: null } });
  assert.deepEqual(none?.['cel_program'], { expression: 'false' });
  const told = async (body: object): Promise<unknown> => {
    const { status, errors } = await jwt.patch('p', { ...body });
    assert.equal(status, 400, JSON.stringify(body));
    return errors?.join();
  };
  assert.match(String(await told({ cel_program: null })), /expression cannot be empty/);
  assert.match(String(await told({ cel_program: { expression: null } })), /expression cannot be empty/);
  assert.match(String(await told({ cel_program: { expression: 'nope' } })), /nope/);
  assert.match(String(await told({ cel_program: 'x' })), /cel_program/);
  assert.deepEqual((await jwt.at('GET', 'cel/role/p')).reply?.data?.['cel_program'], { expression: 'false' });
  const gone = await jwt.patch('gone', { message: 'x' });
  assert.deepEqual([gone.status, gone.errors], [400, ['there is no CEL role "gone" to patch']]);
  assert.equal((await jwt.at('GET', 'cel/role/gone')).status, 404);
  assert.equal((await jwt.patch('p', { message: 'x' }, 'application/json')).status, 415);
});

test('what is no program is refused when it is written, by its place', async () => {
  await using jwt = await celMethod();
  const twice = [1, 2].map((value) => ({ name: 'a', expression: String(value) }));
  const forward = [
    { name: 'a', expression: '\nb' },
    { name: 'b', expression: '1' },
  ];
  const many = Array.from({ length: 1_000 }, (_, at) => ({ name: `v${String(at)}`, expression: '1' }));
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /missing required field 'cel_program'/],
    [{}, /cel_program.expression cannot be empty/],
    [{ expression: '' }, /cel_program.expression cannot be empty/],
    [{ expression: 5 }, /"cel_program.expression": expected a string/],
    ['true', /"cel_program"/],
    [[1], /"cel_program"/],
    [{ expression: OK, nope: 1 }, /unknown "nope"/],
    [{ expression: OK, variables: 'x' }, /"cel_program.variables"/],
    [{ expression: OK, variables: { name: 'a' } }, /"cel_program.variables"/],
    [{ expression: OK, variables: [5] }, /variables\[0\]/],
    [{ expression: OK, variables: [{ name: 'a', expression: 1 }] }, /variables\[0\].expression/],
    [{ expression: OK, variables: [{ name: 'a', expression: '1', more: 1 }] }, /variables\[0\].*"more"/],
    [{ expression: OK, variables: [{ expression: '1' }] }, /variable "": 1:1/],
    ...['a b', 'claims', 'now', 'operation', '1a', 'a.b', 'in', 'true', 'package'].map(
      (name) =>
        [{ expression: OK, variables: [{ name, expression: '1' }] }, new RegExp(`variable "${name}": 1:1`)] as const,
    ),
    [{ expression: OK, variables: [{ name: '__proto__', expression: 'nope' }] }, /variable "__proto__": 1:1.*nope/],
    [{ expression: OK, variables: twice }, /variable "a": 1:1: .*taken/],
    [{ expression: OK, variables: [{ name: 'a', expression: '' }] }, /variable "a": 1:1/],
    [{ expression: OK, variables: [{ name: 'a', expression: '1 +' }] }, /variable "a": 1:3/],
    [{ expression: OK, variables: forward }, /variable "a": 2:1: .*"b"/],
    [{ expression: 'true &&\n  nope' }, /cel_program: 2:3: .*"nope"/],
    [{ expression: 'pb.Auth{nope: 1}' }, /cel_program: 1:\d+: .*"nope"/],
    [{ expression: 'pb.Nope{}' }, /cel_program: 1:\d+: .*Nope/],
    [{ expression: 'nope(1)' }, /cel_program: 1:\d+: .*nope/],
    [{ expression: `"${'x'.repeat(1_000_000)}"` }, /at most \d+ characters/],
    [{ expression: '('.repeat(5_000) + '1' + ')'.repeat(5_000) }, /cel_program: 1:\d+/],
    [{ expression: OK, variables: many }, /at most \d+ variables/],
  ];
  for (const [program, pattern] of cases) {
    const { status, errors } = await jwt.write('r', { cel_program: program });
    const shown = JSON.stringify(program)?.slice(0, 100) ?? 'none';
    assert.equal(status, 400, shown);
    assert.match(errors?.join() ?? '', pattern, shown);
    assert.ok((errors?.join() ?? '').length < 1_000, shown);
  }
  for (const more of [
    { message: {} },
    { bound_audiences: {} },
    { expiration_leeway: 'x' },
    { clock_skew_leeway: [] },
  ]) {
    assert.equal(
      (await jwt.write('r', { cel_program: { expression: OK }, ...more })).status,
      400,
      JSON.stringify(more),
    );
  }
  assert.equal((await jwt.at('LIST', 'cel/role')).status, 404);
});

test('no name of a role leads elsewhere', async () => {
  await using jwt = await celMethod();
  const body = { cel_program: { expression: OK } };
  await jwt.role('x', {});
  for (const name of [
    '../x',
    '..',
    '../../role/x',
    '-x',
    'x-',
    'a b',
    'a/b',
    'é',
    'x'.repeat(129),
    '',
    'x\u0000',
    '%2e%2e/x',
  ]) {
    const { status } = await jwt.write(name, body);
    assert.ok(status === 400 || status === 404 || status === 405, `${name}: ${String(status)}`);
  }
  assert.equal((await jwt.at('LIST', 'cel/role')).status, 404);
  assert.equal((await jwt.at('GET', 'role/x')).reply?.data?.['role_type'], 'jwt');
  assert.equal((await jwt.write('a.b-c_1', body)).status, 200);
});

test('create and update are apart, and whoever may read plain roles may not write these', async () => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  const policy =
    'path "auth/jwt/cel/role/*" { capabilities = ["create", "read"] } path "auth/jwt/role/*" { capabilities = ["update"] }';
  await ask(node, 'POST', 'sys/policies/acl/p', { token, body: { policy } });
  const { auth } = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['p'] } });
  const own = { token: String(auth?.['client_token']) };
  const body = { cel_program: { expression: OK } };
  const write = async (name: string) => (await ask(node, 'POST', `auth/jwt/cel/role/${name}`, { ...own, body })).status;
  assert.deepEqual([await write('n'), await write('n')], [200, 403]);
  assert.equal((await ask(node, 'DELETE', 'auth/jwt/cel/role/n', own)).status, 403);
  assert.equal((await ask(node, 'GET', 'auth/jwt/cel/role/n', own)).status, 200);
  assert.equal((await ask(node, 'GET', 'auth/jwt/cel/role/n', {})).status, 403);
});
