/** Second factors and who wants to get around them: nobody gets a token who should not, and nobody's code counts twice. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../src/core/namespaces/namespace.ts';
import type { TokenSpec } from '../../src/core/tokens/new-tokens.ts';
import { createLogger } from '../../src/lib/log.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { assertLoggedIn, assertRefused, authenticator, mfaWorld } from '../support/mfa.ts';
import { ask, testNode } from '../support/node.ts';

const PERIOD = 30_000;

test('a code counts once: again, at once from many sides, for another login, and after a restart', async () => {
  const store = openMemoryStore();
  await using world = await mfaWorld({ store });
  const { node, clock, login, validate, waiting } = world;
  const code = await world.enrol('ann');
  const ids = await Promise.all(Array.from({ length: 8 }, () => waiting('ann')));
  const all = await Promise.all(ids.flatMap((id) => [0, 1].map(() => validate(id, { t1: [code()] }))));
  const tokens = all.flatMap(({ auth }) => (auth === null ? [] : [auth['client_token']]));
  assert.equal(tokens.length, 1);
  assertRefused(await login('ann', `t1:${code()}`), 403);
  // Nor spelt otherwise (CVE-2025-6014).
  for (const spelt of [` ${code()}`, `${code()} `, `${code().slice(0, 3)} ${code().slice(3)}`]) {
    assert.equal((await validate(await waiting('ann'), { t1: [spelt] })).auth, null, spelt);
  }
  // The one before it is older still.
  assertRefused(await login('ann', `t1:${code(-1)}`), 403);
  await node.seal();
  await node.unseal(Buffer.from(world.share, 'hex'));
  assertRefused(await login('ann', `t1:${code()}`), 403);
  clock.now -= PERIOD;
  assertRefused(await login('ann', `t1:${code()}`), 403);
  clock.now += 3 * PERIOD;
  await assertLoggedIn(node, await login('ann', `t1:${code()}`));
});

test('one login is finished once, however many codes are right', async () => {
  await using world = await mfaWorld();
  const { node, validate, waiting } = world;
  const code = await world.enrol('ann');
  const id = await waiting('ann');
  const all = await Promise.all([-1, 0, 1].map((off) => validate(id, { t1: [code(off)] })));
  const [done, ...more] = all.filter(({ auth }) => auth !== null);
  assert.ok(done);
  assert.equal(more.length, 0);
  await assertLoggedIn(node, done);
});

test('guesses are counted, however they come, and the right code after too many is none', async () => {
  await using world = await mfaWorld({}, { max_validation_attempts: 4 });
  const { node, clock, login, validate, waiting } = world;
  const code = await world.enrol('ann');
  const bob = await world.enrol('bob');
  const right = new Set([-1, 0, 1].map((off) => code(off)));
  const guesses = Array.from({ length: 40 }, (_, at) => String(100_000 + at)).filter((each) => !right.has(each));
  const ids = await Promise.all(Array.from({ length: 4 }, () => waiting('ann')));
  const answers = await Promise.all(
    guesses.map((guess, at) =>
      at % 2 === 0 ? login('ann', `t1:${guess}`) : validate(ids[at % ids.length] ?? '', { t1: [guess] }),
    ),
  );
  for (const answer of answers) assertRefused(answer, 403);
  const looked = answers.flatMap(({ errors }) => errors ?? []).filter((error) => error.endsWith('incorrect'));
  assert.ok(looked.length <= 4, String(looked.length));
  const late = await validate(ids[0] ?? '', { t1: [code()] });
  assertRefused(late, 403);
  assert.match(String(late.errors), /more than the 4 allowed TOTP validation attempts: try again in 90 seconds/);
  // Nor does a restart begin anew; and nobody else has to wait.
  await node.seal();
  await node.unseal(Buffer.from(world.share, 'hex'));
  assertRefused(await login('ann', `t1:${code()}`), 403);
  await assertLoggedIn(node, await login('bob', `t1:${bob()}`));
  clock.now += 89_000;
  assertRefused(await login('ann', `t1:${code()}`), 403);
  clock.now += 1_000;
  await assertLoggedIn(node, await login('ann', `t1:${code()}`));
});

test('a code of another method, and of another entity, is none', async () => {
  await using world = await mfaWorld();
  const { node, write, login, validate, waiting, method } = world;
  const { method_id: other } = await write('identity/mfa/method/totp', { issuer: 'x', method_name: 't2' });
  const code = await world.enrol('ann');
  const others = await world.enrol('ann', String(other));
  const bob = await world.enrol('bob');
  assertRefused(await login('ann', `t1:${others()}`), 403);
  assertRefused(await login('ann', `t2:${others()}`), 403);
  assertRefused(await login('ann', `t1:${bob()}`), 403);
  assertRefused(await validate(await waiting('ann'), { [method]: [bob()], t2: [others()] }), 403);
  await assertLoggedIn(node, await login('ann', `t1:${code()}`));
  await assertLoggedIn(node, await login('bob', `t1:${bob()}`));
});

test('no spelling of a name is somebody else, for whom nothing is asked', async () => {
  await using world = await mfaWorld();
  const { write, login, method, entity } = world;
  const whose = { mfa_method_ids: [method], auth_method_types: [], identity_entity_ids: [entity('ann')] };
  await write('identity/mfa/login-enforcement/all', whose);
  for (const name of ['ann', 'ANN', 'Ann', 'aNN']) {
    const { auth, status } = await login(name);
    assert.ok(status >= 400 || auth?.['client_token'] === '', name);
  }
  assert.notEqual((await login('bob')).auth?.['client_token'], '');
});

// No method here grants without an alias; one that did would be no way around.
test('a login that is nobody’s gets no token where a factor is asked for', async () => {
  await using world = await mfaWorld();
  const { loginMfa, mounts } = world.node.services;
  const mount = mounts.at('root', 'auth/userpass/')?.record;
  assert.ok(loginMfa !== undefined && mount !== undefined);
  const spec: TokenSpec = {
    ...{ policies: ['default'], path: 'auth/userpass/login/ann', meta: null, displayName: '', role: '' },
    ...{ numUses: 0, ttl: 60, maxTtl: 0, explicitMaxTtl: 0, period: 0, renewable: true, boundCidrs: [] },
    noDefaultPolicy: false,
  };
  for (const entity of [{}, { entity: '' }, { entity: 'gone' }]) {
    const login = { namespace: ROOT, mount, credentials: () => undefined, atOnce: false };
    const required = loginMfa.required({ ...login, spec: { ...spec, ...entity } });
    await assert.rejects(required, { code: 'permissionDenied' });
  }
});

test('what changes between the two steps holds: enforcements, methods, entities, mounts', async () => {
  await using world = await mfaWorld();
  const { node, clock, write, status, validate, waiting, method, entity } = world;
  const code = await world.enrol('ann');
  const { method_id: second } = await write('identity/mfa/method/totp', { issuer: 'x', method_name: 't2' });
  const two = await world.enrol('ann', String(second));
  const id = await waiting('ann');
  await write('identity/mfa/login-enforcement/more', { mfa_method_ids: [second], auth_method_types: ['userpass'] });
  assertRefused(await validate(id, { t1: [code()] }), 403);
  clock.now += PERIOD;
  await assertLoggedIn(node, await validate(id, { t1: [code()], t2: [two()] }));
  assert.equal(await status('DELETE', `identity/mfa/method/totp/${String(second)}`), 400);
  assert.equal(await status('DELETE', 'identity/mfa/login-enforcement/more'), 204);
  const disabled = await waiting('ann');
  await write(`identity/entity/id/${entity('ann')}`, { disabled: true });
  clock.now += PERIOD;
  assertRefused(await validate(disabled, { t1: [code()] }), 403);
  await write(`identity/entity/id/${entity('ann')}`, { disabled: false });
  assertRefused(await validate(disabled, { t1: [code()] }), 400);
  const deleted = await waiting('ann');
  assert.equal(await status('DELETE', `identity/entity/id/${entity('ann')}`), 204);
  assertRefused(await validate(deleted, { t1: [code()] }), 403);
  // The next login is another entity's, which has no secret.
  assertRefused(await validate(await waiting('ann'), { t1: [code()] }), 403);
  await world.enrol('bob');
  const unmounted = await waiting('bob');
  assert.equal(await status('DELETE', 'sys/auth/userpass'), 204);
  assertRefused(await validate(unmounted, { t1: [code()] }), 403);
  assert.equal(await status('DELETE', 'identity/mfa/login-enforcement/all'), 204);
  assert.equal(await status('DELETE', `identity/mfa/method/totp/${method}`), 204);
  const left = [...node.services.store.snapshot().list('h/root/data/identity/mfa/', { limit: 100 })];
  assert.deepEqual(left, []);
});

test('what changes while a code is written down holds too, in one step and in two', async () => {
  await using world = await mfaWorld();
  const { node, clock, write, status, login, validate, waiting, entity } = world;
  const code = await world.enrol('ann');
  const { method_id: second } = await write('identity/mfa/method/totp', { issuer: 'x', method_name: 't2' });
  const { totp } = node.services.identities;
  const take = totp.take.bind(totp);
  const meanwhile = (change: () => Promise<unknown>): void => {
    totp.take = async (owner, given) => {
      const verdict = await take(owner, given);
      totp.take = take;
      await change();
      return verdict;
    };
  };
  const more = { mfa_method_ids: [second], auth_method_types: ['userpass'] };
  const enforce = () => write('identity/mfa/login-enforcement/more', more);
  const id = await waiting('ann');
  meanwhile(enforce);
  assertRefused(await validate(id, { t1: [code()] }), 403);
  assert.equal(await status('DELETE', 'identity/mfa/login-enforcement/more'), 204);
  clock.now += PERIOD;
  meanwhile(enforce);
  assertRefused(await login('ann', `t1:${code()}`), 403);
  assert.equal(await status('DELETE', 'identity/mfa/login-enforcement/more'), 204);
  clock.now += PERIOD;
  meanwhile(() => write(`identity/entity/id/${entity('ann')}`, { disabled: true }));
  assertRefused(await login('ann', `t1:${code()}`), 403);
  await write(`identity/entity/id/${entity('ann')}`, { disabled: false });
  clock.now += PERIOD;
  await assertLoggedIn(node, await login('ann', `t1:${code()}`));
});

test('a login lost by a restart is lost, and never granted', async () => {
  const store = openMemoryStore();
  await using world = await mfaWorld({ store });
  const { waiting, clock } = world;
  const code = await world.enrol('ann');
  const id = await waiting('ann');
  await world.node[Symbol.asyncDispose]();
  await using again = testNode({ store, now: () => clock.now });
  await again.unseal(Buffer.from(world.share, 'hex'));
  const body = { mfa_request_id: id, mfa_payload: { t1: [code()] } };
  assertRefused(await ask(again, 'POST', 'sys/mfa/validate', { body }), 400);
});

test('namespaces hold logins, methods and secrets apart; what one says of logins holds in those below it', async () => {
  await using world = await mfaWorld();
  const { node, root, write, status, login, validate, waiting, method } = world;
  for (const path of ['a', 'b']) {
    await write(`sys/namespaces/${path}`, {});
    await write('sys/auth/userpass', { type: 'userpass' }, path);
    await write('auth/userpass/users/ann', { password: 'right-pass' }, path);
  }
  // By the root one's enforcement of the type.
  const id = await waiting('ann', 'a');
  const code = await world.enrol('ann');
  for (const namespace of ['', 'b']) {
    const refused = await validate(id, { t1: [code()] }, { namespace });
    assertRefused(refused, 400);
  }
  // The root entity's code is none of the one of the same name in `a`.
  assertRefused(await validate(id, { t1: [code()] }, { namespace: 'a' }), 403);
  await assertLoggedIn(node, await login('ann', `t1:${code()}`));
  const { reply } = await ask(node, 'LIST', 'identity/entity/id', { token: root, namespace: 'a' });
  const [inner] = reply?.data?.['keys'] as readonly string[];
  const asked = { method_id: method, entity_id: inner ?? '' };
  assert.equal(await status('POST', 'identity/mfa/method/totp/admin-generate', asked, ''), 400);
  assert.equal(await status('POST', 'identity/mfa/method/totp/admin-generate', asked, 'a'), 200);
  const { method_id: own } = await write('identity/mfa/method/totp', { issuer: 'a' }, 'a');
  assert.equal(await status('GET', `identity/mfa/method/totp/${String(own)}`, undefined, 'a'), 200);
  assert.equal(await status('GET', `identity/mfa/method/totp/${String(own)}`, undefined, 'b'), 404);
  assert.equal(await status('GET', `identity/mfa/method/totp/${String(own)}`, undefined, ''), 404);
  assert.equal(await status('DELETE', `identity/mfa/method/totp/${method}`, undefined, 'a'), 204);
  assert.equal(await status('GET', `identity/mfa/method/${method}`), 200);
  const foreign = { mfa_method_ids: [own], auth_method_types: ['userpass'] };
  assert.equal(await status('POST', 'identity/mfa/login-enforcement/x', foreign, 'b'), 400);
  assert.equal(await status('POST', 'identity/mfa/login-enforcement/x', foreign, ''), 400);
  assert.equal(await status('POST', 'identity/mfa/login-enforcement/all', foreign, 'a'), 204);
  const { auth } = await login('ann', undefined, { namespace: 'a' });
  const { mfa_constraints } = auth?.['mfa_requirement'] as { mfa_constraints: JsonObject };
  assert.deepEqual(Object.keys(mfa_constraints).sort(), ['a/all', 'all']);
  assert.equal(await status('GET', 'identity/mfa/login-enforcement/x', undefined, 'b'), 404);
});

test('payloads of any size and type are refused, and leave the login as it was', async () => {
  await using world = await mfaWorld();
  const { node, validate, waiting, method } = world;
  const code = await world.enrol('ann');
  const id = await waiting('ann');
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`m${String(at)}`, ['1']]));
  const bad: readonly unknown[] = [
    ...['x', 1, [], { [method]: code() }, { [method]: [1] }, { [method]: [[code()]] }, { [method]: { 0: code() } }],
    ...[many, { [method]: Array.from({ length: 1_000 }, () => code()) }, { [method]: null }],
  ];
  for (const payload of bad) {
    const body = { mfa_request_id: id, mfa_payload: payload };
    const outcome = await ask(node, 'POST', 'sys/mfa/validate', { body });
    assertRefused(outcome, 400);
    assert.ok(!String(outcome.errors).includes(code()));
  }
  const weak = [
    ...[[''], [code(), code(1)], [` ${code()}`], [`${code()} `], [`${code()}0`], [code().slice(1)]],
    ...[['9'.repeat(100_000)], ['passcode='], ['passcode=passcode='], ['١٢٣٤٥٦'], ['-12345'], ['1e5000']],
  ];
  for (const factors of weak) assertRefused(await validate(id, { [method]: factors }), 403);
  for (const request of ['', 'x', '__proto__', 'constructor', `${id}0`, 'a'.repeat(100_000)]) {
    assertRefused(await validate(request, { [method]: [code()] }), 400);
  }
  assertRefused(await validate(id, { ['__proto__']: [code()], constructor: [code()] }), 403);
  await assertLoggedIn(node, await validate(id, { [method]: [code()] }));
});

test('settings that make no sense are refused, by name', async () => {
  await using world = await mfaWorld();
  const { status, method, entity } = world;
  const methods: readonly JsonObject[] = [
    ...[{}, { issuer: '' }, { issuer: 'a:b' }, { issuer: 'x', algorithm: 'MD5' }, { issuer: 'x', digits: 7 }],
    ...[
      { issuer: 'x', skew: 2 },
      { issuer: 'x', skew: -1 },
      { issuer: 'x', period: 0 },
      { issuer: 'x', period: -1 },
    ],
    ...[
      { issuer: 'x', key_size: 0 },
      { issuer: 'x', key_size: 1_000_000 },
      { issuer: 'x', qr_size: 1_000_000 },
    ],
    ...[{ issuer: 'x', max_validation_attempts: -1 }, { issuer: 'x', method_name: 'a,b' }, { issuer: {} }],
  ];
  for (const body of methods) assert.equal(await status('POST', 'identity/mfa/method/totp', body), 400);
  const whose = { auth_method_types: ['userpass'] };
  const enforcements: readonly JsonObject[] = [
    ...[{}, { mfa_method_ids: [] }, { mfa_method_ids: ['x'], ...whose }, { mfa_method_ids: [method] }],
    { mfa_method_ids: [method], auth_method_types: ['nonsense'] },
    { mfa_method_ids: [method], auth_method_accessors: ['nonsense'] },
    { mfa_method_ids: [method], identity_group_ids: [entity('ann')] },
    { mfa_method_ids: [method], identity_entity_ids: [method] },
    { mfa_method_ids: [method], ...whose, identity_entity_ids: Array.from({ length: 1_001 }, () => entity('ann')) },
  ];
  for (const body of enforcements) assert.equal(await status('POST', 'identity/mfa/login-enforcement/new', body), 400);
  assert.equal(await status('POST', `identity/mfa/login-enforcement/${'x'.repeat(300)}`, whose), 400);
  assert.equal(await status('POST', `identity/mfa/method/totp/${entity('ann')}`, { issuer: 'x' }), 400);
});

test('codes, secrets and their pictures are nowhere in clear: not in the audit, the log, the store or an error', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-mfa-'));
  const file = join(folder, 'audit.log');
  const written: string[] = [];
  const log = createLogger({ level: 'trace', format: 'json', write: (line) => written.push(line), now: Date.now });
  await using world = await mfaWorld({ log }, { enable_self_enrollment: true });
  const { node, clock, write, login, validate, waiting, method, entity } = world;
  await write('sys/audit/file', { type: 'file', options: { file_path: file } });
  // Whatever an operator chose: it is a code.
  await write('sys/config/auditing/request-headers/X-Vault-MFA', { hmac: false });
  const made = await write('identity/mfa/method/totp/admin-generate', { method_id: method, entity_id: entity('ann') });
  const url = String(made['url']);
  const code = authenticator(url, () => clock.now);
  const canaries = [url, String(made['barcode']), new URL(url).searchParams.get('secret') ?? '?', code()];
  assertRefused(await login('ann', `t1:${code(3)}`), 403);
  canaries.push(code(3));
  const offered = await ask(node, 'POST', 'identity/mfa/method/totp/self-enroll', {
    body: { mfa_request_id: await waiting('bob'), mfa_method_id: method },
  });
  canaries.push(String(offered.reply?.data?.['url']), String(offered.reply?.data?.['barcode']));
  await assertLoggedIn(node, await validate(await waiting('ann'), { t1: [code()] }));
  clock.now += PERIOD;
  canaries.push(code());
  await assertLoggedIn(node, await login('ann', `t1:${code()}`));
  await node.seal();
  assert.ok(existsSync(file));
  const audit = readFileSync(file, 'utf8');
  assert.match(audit, /sys\/mfa\/validate/);
  assert.match(audit, /x-vault-mfa/i);
  const everything = audit + written.join('');
  for (const canary of canaries) {
    // Six digits may stand in any time; as a value of their own they may not.
    const found = canary.length > 8 ? everything.includes(canary) : new RegExp(`["':=]${canary}["']`).test(everything);
    assert.ok(!found, canary.slice(0, 20));
  }
  rmSync(folder, { recursive: true });
});
