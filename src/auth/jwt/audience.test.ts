/** Whom a token is for, and whom a role is for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { methodWithKey } from './mount.testing.ts';

test('an audience is demanded of the role as soon as the token has one', async () => {
  await using jwt = await methodWithKey();
  await jwt.role('r', { bound_audiences: [], bound_subject: 'job' });
  assert.equal((await jwt.by('r')).status, 400);
  assert.equal((await jwt.by('r', { aud: undefined })).status, 200);
});

// CVE-2024-5798: an audience that was one text, not a list, was not held against those of the role.
test('one of the token’s audiences must be one of the role’s, whole, whether they come as a text or a list', async () => {
  await using jwt = await methodWithKey();
  for (const bound of ['us', 'us,them']) {
    await jwt.role('r', { bound_audiences: bound });
    for (const aud of ['us', ['us'], ['others', 'us']]) {
      assert.equal((await jwt.by('r', { aud })).status, 200, JSON.stringify([bound, aud]));
    }
    for (const aud of [
      '',
      'u',
      'US',
      'us ',
      'us,them',
      'others',
      [],
      [''],
      ['others'],
      [['us']],
      { 0: 'us' },
      7,
      null,
    ]) {
      assert.equal((await jwt.by('r', { aud })).status, 400, JSON.stringify([bound, aud]));
    }
    assert.equal((await jwt.by('r', { aud: undefined })).status, 400);
  }
});
