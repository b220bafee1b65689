import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../client/client.ts';
import { readSecret } from './source.ts';

test('a read that waits for an approval is no word that the secret is gone', async () => {
  const wrap_info = { token: 't', accessor: 'a', ttl: 60, creation_time: '', creation_path: 'secret/a' };
  const client = { read: () => Promise.resolve({ data: null, wrap_info }) } as unknown as Client;
  const answer = await readSecret(
    { client, holder: {} },
    { kind: 'read', path: 'secret/a', optional: false },
    new AbortController().signal,
  );
  assert.equal(answer.kind, 'failed');
});
