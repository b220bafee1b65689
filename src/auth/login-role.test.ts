import assert from 'node:assert/strict';
import { test } from 'node:test';
import { field } from '../framework/field.ts';
import { namedRole } from './login-role.ts';

const login = field.string('The role.', { default: '' });

test('a role is counted under the name by which its login finds it', () => {
  for (const raw of ['a', 'A', '5', 5, 5.5, true, false, '', ' a']) {
    assert.equal(namedRole(raw) ?? '', login.coerce(raw, 'role').toLowerCase(), JSON.stringify(raw));
  }
  for (const refused of [{}, ['a'], [5]]) {
    assert.throws(() => login.coerce(refused, 'role'));
    assert.equal(namedRole(refused), undefined);
  }
  assert.equal(namedRole(undefined) ?? namedRole(null), undefined);
});
