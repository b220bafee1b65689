import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BearerApi } from '../bearer-api.ts';
import { Vault } from './vault.ts';

test('a vault whose empty pages have no end is not asked for ever', async () => {
  const origin = 'https://shop.vault.azure.net';
  let asked = 0;
  const ask = () => {
    asked += 1;
    return Promise.resolve({ value: [], nextLink: `${origin}/secrets?page=${String(asked)}` });
  };
  const vault = new Vault({ ask } as unknown as BearerApi, origin);
  const { signal } = new AbortController();
  await assert.rejects(
    vault.secrets(() => [], signal),
    { name: 'ProviderProblem', message: /find by a path or a narrower name/ },
  );
  assert.equal(asked, 10_001);
});
