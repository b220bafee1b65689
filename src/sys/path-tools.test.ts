import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';

const hello = Buffer.from('hello').toString('base64');

test('digests are those of the published algorithms', async () => {
  const { node, root: token } = await runningNode();
  // FIPS 180-4 and 202, by coreutils and OpenSSL.
  const known: readonly [string, string][] = [
    ['sha2-224', 'ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193'],
    ['sha2-256', '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'],
    [
      'sha3-512',
      '75d527c368f2efe848ecf6b073a36767800805e9eef2b1857d5f984f036eb6df891d75f72d9b154518c1cd58835286d1da9a38deba3de98b5a53e5ed78a84976',
    ],
  ];
  for (const [algorithm, sum] of known) {
    const { reply } = await ask(node, 'POST', `sys/tools/hash/${algorithm}`, { token, body: { input: hello } });
    assert.equal(reply?.data?.['sum'], sum, algorithm);
  }
  const bare = await ask(node, 'POST', 'sys/tools/hash', { token, body: { input: hello, format: 'base64' } });
  assert.equal(bare.reply?.data?.['sum'], 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=');
  for (const body of [{ input: 'a!b' }, { input: 'abc' }, { input: hello, format: 'x' }, { input: [1] }]) {
    assert.equal((await ask(node, 'POST', 'sys/tools/hash', { token, body })).status, 400, JSON.stringify(body));
  }
  assert.equal((await ask(node, 'POST', 'sys/tools/hash/md5', { token, body: { input: hello } })).status, 400);
});

test('random bytes come in the size, from the source and in the form that was asked for', async () => {
  const { node, root: token } = await runningNode();
  const make = async (path: string, body: object = {}): Promise<string> => {
    const { status, reply, errors } = await ask(node, 'POST', `sys/tools/${path}`, { token, body: { ...body } });
    return status === 200 ? String(reply?.data?.['random_bytes']) : `${String(status)} ${errors?.join() ?? ''}`;
  };
  assert.equal(Buffer.from(await make('random'), 'base64').length, 32);
  assert.equal(Buffer.from(await make('random/7', { format: 'hex' }), 'hex').length, 7);
  assert.equal(Buffer.from(await make('random/all/9', { format: 'hex' }), 'hex').length, 9);
  assert.equal(Buffer.from(await make('random/platform', { bytes: '5', format: 'hex' }), 'hex').length, 5);
  assert.notEqual(await make('random'), await make('random'));
  for (const path of ['random/0', 'random/-1', 'random/131073', 'random/bogus', 'random/all/x', 'random/1/2']) {
    assert.match(await make(path), /^400 .*(bytes|source)/, path);
  }
  assert.match(await make('random', { format: 'octal' }), /^400 .*format/);
  const seal = await ask(node, 'POST', 'sys/tools/random/seal/4', { token });
  assert.match(seal.warnings?.join() ?? '', /platform entropy/);
});

test('tools need a token that may use them', async () => {
  const { node } = await runningNode();
  assert.equal((await ask(node, 'POST', 'sys/tools/random')).status, 403);
});
