/** Logins with a second factor: OpenBao's command line and ours at our server, and the same requests at both servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticator } from '../support/mfa.ts';
import { baoAt } from './support/bao.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { devServer, executable } from './support/server.ts';
import { run } from './support/run.ts';

const binary = await openbao();
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;

type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<{ readonly status: number; readonly body: Fields }>;
interface Fields {
  readonly data?: Record<string, unknown> | null;
  readonly auth?: Record<string, unknown> | null;
  readonly warnings?: readonly string[] | null;
}

const askAt =
  (address: string): Ask =>
  async (method, path, body, headers = { 'X-Vault-Token': 'root' }) => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${address}/v1/${path}`, { method, headers, ...sent });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Fields) };
  };

interface Prepared {
  readonly ask: Ask;
  readonly method: string;
  readonly entity: string;
}

async function prepared(address: string): Promise<Prepared> {
  const ask = askAt(address);
  await ask('POST', 'sys/auth/userpass', { type: 'userpass' });
  await ask('POST', 'auth/userpass/users/ann', { password: 'right-pass' });
  const { body } = await ask('POST', 'auth/userpass/login/ann', { password: 'right-pass' }, {});
  // Codes that last: what is tried takes its time.
  const made = await ask('POST', 'identity/mfa/method/totp', { issuer: 'x', method_name: 't1', period: '12h' });
  const method = String(made.body.data?.['method_id']);
  const whose = { mfa_method_ids: [method], auth_method_types: ['userpass'] };
  assert.equal((await ask('POST', 'identity/mfa/login-enforcement/e', whose)).status, 204);
  return { ask, method, entity: String(body.auth?.['entity_id']) };
}

async function enrolled({ ask, method, entity }: Prepared) {
  const asked = { method_id: method, entity_id: entity };
  const { body } = await ask('POST', 'identity/mfa/method/totp/admin-generate', asked);
  return authenticator(String(body.data?.['url']), Date.now);
}

test('bao and lockstep log in with a code, in one step and in two', { skip }, async () => {
  await using server = await devServer();
  const world = await prepared(server.address);
  const code = await enrolled(world);
  using bao = baoAt(binary ?? '', server.address);
  const asked = await bao.json<{ auth: { mfa_requirement: { mfa_request_id: string } } }>(
    ...['write', 'auth/userpass/login/ann', 'password=right-pass'],
  );
  const { mfa_request_id: id } = asked.auth.mfa_requirement;
  const told = await bao.ok('login', '-non-interactive', '-method=userpass', 'username=ann', 'password=right-pass');
  assert.match(told, /mfa_request_id|mfa_requirement|MFA/);
  const env = { PATH: process.env['PATH'], BAO_ADDR: server.address, VAULT_ADDR: server.address, HOME: '/nonexistent' };
  const validate = (program: string, request: string, given: string) =>
    run(program, ['write', '-format=json', 'sys/mfa/validate', '-'], {
      env,
      input: JSON.stringify({ mfa_request_id: request, mfa_payload: { [world.method]: [given] } }),
    });
  const done = await validate(binary ?? '', id, code());
  assert.equal(done.code, 0, done.stderr);
  const { auth } = JSON.parse(done.stdout) as { auth: { client_token: string } };
  assert.match(await bao.as(auth.client_token).ok('token', 'lookup'), /userpass-ann/);
  const again = await validate(binary ?? '', id, code());
  assert.notEqual(again.code, 0);
  const one = await bao.json<{ auth: { client_token: string } }>(
    ...['write', `-mfa=t1:${code(1)}`, 'auth/userpass/login/ann', 'password=right-pass'],
  );
  assert.match(one.auth.client_token, /^hvs\./);
  // Ours: who cannot be asked is told, and finishes it so. The codes of this world are used up: another entity has its own.
  await world.ask('POST', 'auth/userpass/users/bob', { password: 'right-pass' });
  await world.ask('DELETE', 'identity/mfa/login-enforcement/e');
  const { body } = await world.ask('POST', 'auth/userpass/login/bob', { password: 'right-pass' }, {});
  const entity = String(body.auth?.['entity_id']);
  const whose = { mfa_method_ids: [world.method], identity_entity_ids: [entity] };
  await world.ask('POST', 'identity/mfa/login-enforcement/e', whose);
  const bob = await enrolled({ ...world, entity });
  const login = await run(executable, ['login', '-method=userpass', 'username=bob', 'password=right-pass'], { env });
  const waiting = /"mfa_request_id":"([0-9a-f-]{36})"/.exec(login.stderr)?.[1] ?? '';
  const finished = await validate(executable, waiting, bob());
  assert.equal(finished.code, 0, finished.stderr);
  assert.match(finished.stdout, /"client_token": "hvs\./);
});

const whose = { auth_method_types: ['userpass'] };
const NOBODY = '00000000-0000-0000-0000-000000000000';

interface Case {
  readonly asked: (world: Prepared) => readonly [string, string, unknown?, Readonly<Record<string, string>>?];
  readonly theirs: number;
  /** Where it is another one, and why is in docs/login-mfa.md. */
  readonly ours?: number;
}

const totp = (body: unknown, theirs: number, ours = theirs): Case => ({
  asked: () => ['POST', 'identity/mfa/method/totp', body],
  theirs,
  ours,
});
const enforcement = (body: object, theirs: number, ours = theirs): Case => ({
  asked: ({ method }) => ['POST', 'identity/mfa/login-enforcement/x', { mfa_method_ids: [method], ...body }],
  theirs,
  ours,
});
const at = (method: string, path: string, theirs: number, ours = theirs): Case => ({
  asked: (world) => [method, path.replace('METHOD', world.method)],
  theirs,
  ours,
});
const generate = (path: string, body: (world: Prepared) => object, theirs: number): Case => ({
  asked: (world) => ['POST', `identity/mfa/method/totp/${path}`, body(world)],
  theirs,
});
const login = (header: string, theirs: number): Case => ({
  asked: ({ method }) => [
    ...(['POST', 'auth/userpass/login/ann', { password: 'right-pass' }] as const),
    { 'X-Vault-MFA': header.replace('METHOD', method) },
  ],
  theirs,
});

const CASES: readonly Case[] = [
  ...[totp({}, 400), totp({ issuer: 'x', algorithm: 'MD5' }, 400), totp({ issuer: 'x', digits: 7 }, 400)],
  ...[totp({ issuer: 'x', skew: 2 }, 400), totp({ issuer: 'x', period: 0 }, 400), totp({ issuer: 'x' }, 200)],
  ...[totp({ issuer: 'x', key_size: 0 }, 400), totp({ issuer: 'x', max_validation_attempts: -1 }, 400)],
  ...[totp({ issuer: 'x', qr_size: -1 }, 200, 400), totp({ issuer: 'x', method_name: 't1', period: '12h' }, 200)],
  ...[at('GET', 'identity/mfa/method/totp/METHOD', 200), at('GET', 'identity/mfa/method/METHOD', 200)],
  ...[at('LIST', 'identity/mfa/method', 200), at('LIST', 'identity/mfa/method/totp', 200)],
  ...[at('GET', `identity/mfa/method/totp/${NOBODY}`, 404), at('DELETE', `identity/mfa/method/totp/${NOBODY}`, 204)],
  { asked: () => ['POST', `identity/mfa/method/totp/${NOBODY}`, { issuer: 'y' }], theirs: 204, ours: 400 },
  {
    asked: (world) => ['POST', `identity/mfa/method/totp/${world.method}`, { issuer: 'y', period: '12h' }],
    theirs: 204,
  },
  at('DELETE', 'identity/mfa/method/totp/METHOD', 500, 400),
  ...[enforcement({}, 400), enforcement({ auth_method_types: ['nonsense'] }, 400)],
  ...[enforcement({ ...whose, mfa_method_ids: ['x'] }, 400), enforcement({ ...whose, mfa_method_ids: [] }, 204, 400)],
  ...[enforcement({ auth_method_accessors: ['x'] }, 400), enforcement({ identity_group_ids: ['x'] }, 400)],
  ...[enforcement({ identity_entity_ids: ['x'] }, 400), enforcement(whose, 204)],
  ...[at('GET', 'identity/mfa/login-enforcement/x', 200), at('LIST', 'identity/mfa/login-enforcement', 200)],
  ...[at('GET', 'identity/mfa/login-enforcement/y', 404), at('DELETE', 'identity/mfa/login-enforcement/y', 204)],
  at('DELETE', 'identity/mfa/login-enforcement/x', 204),
  generate('generate', ({ method }) => ({ method_id: method }), 400),
  generate('admin-generate', ({ method }) => ({ method_id: method }), 400),
  generate('admin-generate', ({ entity }) => ({ method_id: 'x', entity_id: entity }), 400),
  generate('admin-generate', ({ method }) => ({ method_id: method, entity_id: 'x' }), 400),
  generate('admin-generate', ({ method, entity }) => ({ method_id: method, entity_id: entity }), 200),
  generate('admin-generate', ({ method, entity }) => ({ method_id: method, entity_id: entity }), 200),
  ...[login('METHOD:1', 403), login('t1:123', 403), login('ghost:123456', 403), login('METHOD', 403), login(':', 400)],
  { asked: () => ['POST', 'sys/mfa/validate', {}], theirs: 400 },
  { asked: () => ['POST', 'sys/mfa/validate', { mfa_request_id: 'x', mfa_payload: { a: ['1'] } }], theirs: 400 },
  { asked: () => ['GET', 'sys/mfa/validate'], theirs: 405 },
  generate('admin-destroy', ({ method, entity }) => ({ method_id: method, entity_id: entity }), 204),
  generate('admin-destroy', ({ method, entity }) => ({ method_id: method, entity_id: entity }), 204),
  generate('admin-destroy', ({ method }) => ({ method_id: method, entity_id: 'x' }), 400),
  generate('admin-destroy', () => ({}), 400),
];

/** The names of what is answered; values of lists and ids are each server's own. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(
    Object.entries(value)
      // Vault Enterprise's, which OpenBao has not.
      .filter(([name]) => name !== 'enable_self_enrollment' && name !== 'mount_type')
      .map(([name, each]) => [/^[0-9a-f]{8}-/.test(name) ? 'id' : name, shapeOf(each)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

test('the same requests are answered as OpenBao answers them', { skip }, async () => {
  await using bao = await startOpenBao(binary ?? '');
  await using server = await devServer();
  const [theirs, ours] = [await prepared(bao.address), await prepared(server.address)];
  const statuses: unknown[] = [];
  for (const { asked } of CASES) {
    const [there, here] = [await theirs.ask(...asked(theirs)), await ours.ask(...asked(ours))];
    statuses.push([asked(theirs).slice(0, 2).join(' '), there.status, here.status]);
    if (there.status === 200 && here.status === 200 && !asked(theirs)[1].startsWith('auth/')) {
      assert.deepEqual(shapeOf(here.body.data), shapeOf(there.body.data), asked(theirs).join(' '));
      assert.equal(here.body.warnings?.length, there.body.warnings?.length);
    }
  }
  assert.deepEqual(
    statuses,
    CASES.map(({ asked, theirs: status, ours: other = status }) => [
      asked(theirs).slice(0, 2).join(' '),
      ...[status, other],
    ]),
  );
  const [one, other] = await Promise.all(
    [theirs, ours].map(({ ask }) => ask('POST', 'auth/userpass/login/ann', { password: 'right-pass' }, {})),
  );
  assert.deepEqual(shapeOf(other?.body), shapeOf(one?.body));
  assert.deepEqual(other?.body.warnings, one?.body.warnings);
});
