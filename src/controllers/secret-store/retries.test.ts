import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem, type ProviderClient } from '../../providers/contract.ts';
import { withRetries } from './retries.ts';

const { signal } = new AbortController();

/** Fails so often, then answers; `asked` counts. */
function failing(times: number, kind: ProviderProblem['kind'] = 'unreachable') {
  const asked: string[] = [];
  const answer = async <T>(what: string, value: T): Promise<T> => {
    asked.push(what);
    if (asked.length <= times) throw new ProviderProblem(kind, 'no');
    return Promise.resolve(value);
  };
  const client: ProviderClient = {
    check: () => answer('check', undefined),
    read: () => answer('read', { found: false } as const),
    find: () => answer('find', new Map<string, Uint8Array>()),
    push: () => answer('push', undefined),
    close: () => asked.push('close'),
  };
  return { client, asked };
}

test('a store that does not answer is asked again, as often as its settings say', async () => {
  const settings = { maxRetries: 2, retryInterval: '0s' };
  const twice = failing(2);
  assert.deepEqual(await withRetries(twice.client, settings).read({ key: 'k' }, signal), { found: false });
  assert.deepEqual(twice.asked, ['read', 'read', 'read']);
  const ever = failing(9);
  const retried = withRetries(ever.client, settings);
  await assert.rejects(async () => retried.find?.({}, signal), ProviderProblem);
  assert.equal(ever.asked.length, 3);
  assert.equal(retried.remove, undefined);
  retried.close();
  assert.equal(ever.asked.at(-1), 'close');
});

test('what it says is not asked for again, nor is what is written, nor anything after the end', async () => {
  const settings = { maxRetries: 3, retryInterval: '0s' };
  const denied = failing(1, 'denied');
  await assert.rejects(withRetries(denied.client, settings).read({ key: 'k' }, signal), ProviderProblem);
  assert.equal(denied.asked.length, 1);
  const written = failing(1);
  await assert.rejects(async () =>
    withRetries(written.client, settings).push?.({ key: 'k', value: new Uint8Array() }, signal),
  );
  assert.equal(written.asked.length, 1);
  const ended = failing(1);
  await assert.rejects(withRetries(ended.client, { maxRetries: 1, retryInterval: '1h' }).check(AbortSignal.abort()));
  assert.equal(ended.asked.length, 1);
});

test('without settings nothing changes, and those that are none are refused by name', () => {
  const { client } = failing(0);
  assert.equal(withRetries(client, undefined), client);
  assert.throws(() => withRetries(client, { maxRetries: 11 }), /retrySettings\.maxRetries is a number from 0 to 10/);
  assert.throws(() => withRetries(client, { maxRetries: -1 }), /retrySettings\.maxRetries/);
  assert.throws(() => withRetries(client, { retryInterval: 'soon' }), /retrySettings\.retryInterval/);
});
