import { ProviderProblem, type ProviderClient } from '../contract.ts';
import { givenCredentials } from '../credentials.testing.ts';
import { providerConformance } from '../provider.conformance.ts';
import { fake, type FakeConfig } from './provider.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';

type Datum = FakeConfig['data'][number];

/** The client of a store as it is at that moment: what stands in it is its data. */
function latest(data: readonly Datum[]): ProviderClient {
  const now = (): ProviderClient => fake.connect({ data }, givenCredentials());
  return {
    check: (signal) => now().check(signal),
    read: (reference, signal) => now().read(reference, signal),
    find: async (query, signal) => (await now().find?.(query, signal)) ?? new Map(),
    close: () => undefined,
  };
}

const nobody = 'the data stand in the store itself: nobody is asked';
const readOnly = 'read only';

providerConformance({
  name: 'fake',
  without: {
    ...{ push: readOnly, race: readOnly, binary: 'values are text' },
    ...{ stranger: nobody, nowhere: nobody, tags: 'values have no tags', metadata: 'values have no tags' },
  },
  version: { names: () => Promise.resolve(['v1', '']), none: 'v9' },
  world: () => {
    const data: Datum[] = [];
    const put = (key: string, value: string): Promise<void> => {
      // What was there before is its first version.
      const before = data.find((each) => each.key === key);
      if (before !== undefined) data.push({ key, value: before.value, version: 'v1' });
      data.push({ key, value });
      return Promise.resolve();
    };
    return Promise.resolve({
      connect: () => latest(data),
      put: (key, values) => put(key, JSON.stringify(values)),
      putText: put,
    });
  },
});

test('a store that says so is not ready', async () => {
  const { signal } = new AbortController();
  const client = fake.connect({ data: [], validationResult: 2 }, givenCredentials());
  await assert.rejects(client.check(signal), (error) => error instanceof ProviderProblem && error.kind === 'invalid');
  await fake.connect({ data: [], validationResult: 0 }, givenCredentials()).check(signal);
});
