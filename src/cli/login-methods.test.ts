import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loginMethods } from './login-methods.ts';

test('a token logs in by the kind of role that its name says', async () => {
  const { jwt } = loginMethods;
  assert.ok(jwt !== undefined);
  const cases = [
    [{ jwt: 't', role: 'teams' }, 'login', { role: 'teams', jwt: 't' }],
    [{ jwt: 't', role: 'cel/teams' }, 'cel/login', { role: 'teams', jwt: 't' }],
    [{ jwt: 't' }, 'login', { jwt: 't' }],
  ] as const;
  for (const [config, path, body] of cases) {
    assert.deepEqual([jwt.path(config), await jwt.body(config)], [path, body]);
  }
});
