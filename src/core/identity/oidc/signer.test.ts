import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch, Store } from '../../../storage/store.ts';
import { newPair } from './key-changes.ts';
import { NEW_KEY } from './named-key.ts';
import { Signer } from './signer.ts';

test('keys of a namespace that was sealed are not used from memory', async () => {
  const pair = await newPair('ES256');
  let isSealed = false;
  let tell: (batch: Pick<Batch, 'writes' | 'reread'>) => void = () => undefined;
  const store: Pick<Store, 'get' | 'observe'> = {
    get: () => (isSealed ? undefined : pair.privateKey),
    observe: (apply) => {
      tell = apply as typeof tell;
      return { [Symbol.dispose]: () => undefined };
    },
  };
  using signer = new Signer(store);
  const key = { ...NEW_KEY, algorithm: 'ES256', signing: pair.kid };
  assert.equal((await signer.sign('team', key, { sub: 'a' })).split('.').length, 3);
  isSealed = true;
  tell({ writes: [], reread: ['s/team/'] });
  await assert.rejects(signer.sign('team', key, { sub: 'a' }), { code: 'elsewhere' });
});
