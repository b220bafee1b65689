import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Answer, json, misbehave } from '../client/misbehaving.testing.ts';
import { run } from './main.ts';
import { terminalOf } from './terminal.testing.ts';

const ID = '255b1385-ef74-557a-2ad7-81b6babc36b2';
const METHOD = { type: 'totp', id: 'd770b11e', uses_passcode: true, name: 't1' };
const asking = (method: object) =>
  json(200, {
    auth: { client_token: '', mfa_requirement: { mfa_request_id: ID, mfa_constraints: { e: { any: [method] } } } },
  });
const asks = asking(METHOD);
const mayEnrol = asking({ ...METHOD, self_enrollment_enabled: true });
const done = json(200, { auth: { client_token: 'hvs.token', policies: ['default'], mfa_requirement: null } });

async function login(
  interactive: boolean,
  input: string,
  { flags = [], replies = [asks, done] }: { flags?: readonly string[]; replies?: readonly Answer[] } = {},
) {
  await using server = await misbehave(...replies);
  const { terminal, written } = terminalOf(input);
  const at = [`-address=${server.address}`, '-no-store', '-method=userpass', ...flags];
  Object.assign(terminal.stdin, { isTTY: interactive });
  const before = process.env;
  process.env = { HOME: mkdtempSync(join(tmpdir(), 'lockstep-cli-')) };
  try {
    const code = await run(['login', ...at, 'username=ann', 'password=p'], terminal);
    return { code, ...written(), seen: server.seen };
  } finally {
    process.env = before;
  }
}

test('a login that needs a code asks for it, unseen, and is finished by it', async () => {
  const { code, stdout, stderr, seen } = await login(true, '123456\n');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Code of "t1" \(totp, will be hidden\): /);
  assert.match(stdout, /hvs\.token/);
  assert.ok(!(stdout + stderr).includes('123456'));
  assert.equal(seen[1]?.url, '/v1/sys/mfa/validate');
  assert.equal(seen[1]?.body, `{"mfa_request_id":"${ID}","mfa_payload":{"d770b11e":["123456"]}}`);
});

test('where nobody can be asked, it says how the login is finished', async () => {
  const cases = [
    [await login(false, ''), /mfa_request_id/],
    [await login(true, '', { flags: ['-non-interactive'] }), /mfa_request_id/],
    // Whoever reads a token from it must not take anything else for one.
    [await login(false, '', { flags: ['-token-only'] }), /^$/],
  ] as const;
  for (const [{ code, stderr, stdout, seen }, expected] of cases) {
    assert.equal(code, 2, 'nobody is logged in');
    assert.match(stdout, expected);
    assert.equal(seen.length, 1);
    assert.ok(!/hvs\.|token/.test(stdout), 'there is no token to be shown');
    assert.match(
      stderr,
      new RegExp(`echo '.*${ID}.*"d770b11e":\\["<code>"\\].*' \\| lockstep write sys/mfa/validate -`),
    );
  }
});

test('who has no secret and may make one is shown it, and its first code finishes the login', async () => {
  const url = 'otpauth://totp/Lockstep:e?secret=ABC';
  const { code, stderr, seen } = await login(true, '123456\n', {
    replies: [mayEnrol, json(200, { data: { url } }), done],
  });
  assert.equal(code, 0, stderr);
  assert.ok(stderr.indexOf(url) < stderr.indexOf('Code of "t1"') && stderr.includes(url), stderr);
  assert.equal(seen[1]?.url, '/v1/identity/mfa/method/totp/self-enroll');
  assert.equal(seen[1]?.body, `{"mfa_request_id":"${ID}","mfa_method_id":"d770b11e"}`);
  assert.equal(seen[2]?.url, '/v1/sys/mfa/validate');
  const told = await login(false, '', { replies: [mayEnrol] });
  assert.equal(told.seen.length, 1);
  assert.match(told.stderr, /self-enroll mfa_request_id=255b1385\S+ mfa_method_id=d770b11e\n.*sys\/mfa\/validate/s);
});

test('a code that is known already goes with the login, and no other method takes one', async () => {
  const flags = ['-mfa=t1:123456', '-mfa=team/t2:654321'];
  const { code, seen } = await login(false, '', { flags, replies: [done] });
  assert.equal(code, 0);
  assert.deepEqual(
    seen.map(({ headers }) => headers['x-vault-mfa']),
    ['t1:123456,team/t2:654321'],
  );
  for (const wrong of ['123456', 't1:', ':1', 't1:1,t2:2', 't1:1\r\nX-A: b']) {
    const refused = await login(false, '', { flags: [`-mfa=${wrong}`], replies: [done] });
    assert.deepEqual([refused.code, refused.seen.length], [1, 0]);
    assert.match(refused.stderr, /-mfa: expected METHOD:CODE/);
    assert.ok(!refused.stderr.includes('123456'));
  }
  const refused = json(403, { errors: ['permission denied'] });
  const hinted = await login(false, '', { flags: ['-mfa=t1:123456'], replies: [refused] });
  assert.match(hinted.stderr, /permission denied.*code is wrong or used.*no auth method is mounted at userpass/s);
  assert.ok(!hinted.stderr.includes('123456'));
  assert.doesNotMatch((await login(false, '', { replies: [refused] })).stderr, /code/);
  const browser = await login(false, '', { flags: ['-mfa=t1:1', '-method=oidc'], replies: [done] });
  assert.match(browser.stderr, /-mfa goes with a login by one request/);
});
