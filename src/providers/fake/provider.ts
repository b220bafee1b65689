/** Secrets that stand in the store itself: for trying things out. */
import {
  ProviderProblem,
  type Found,
  type Provider,
  type ProviderClient,
  type Query,
  type Reference,
} from '../contract.ts';
import { namePattern } from '../name-pattern.ts';
import { selectedIn } from '../property.ts';

export interface FakeConfig {
  readonly data: readonly { readonly key: string; readonly value: string; readonly version?: string }[];
  /** As the store's own field: 2 stands for a store that is not ready. */
  readonly validationResult?: number;
}

function read({ data }: FakeConfig, reference: Reference): Found<Uint8Array> {
  const { key, version = '' } = reference;
  const secret = data.findLast((each) => each.key === key && (each.version ?? '') === version);
  if (secret === undefined) return { found: false };
  return { found: true, value: selectedIn(Buffer.from(secret.value, 'utf8'), reference) };
}

function find({ data }: FakeConfig, { path = '', name, tags }: Query): ReadonlyMap<string, Uint8Array> {
  if (tags !== undefined) throw new ProviderProblem('invalid', 'the provider fake has no tags: find by name');
  const matches = namePattern(name);
  const found = data.filter(({ key }) => key.startsWith(path) && matches(key));
  return new Map(found.map(({ key, value }) => [key, Buffer.from(value, 'utf8')]));
}

export const fake: Provider<FakeConfig> = {
  type: 'fake',
  capabilities: 'ReadOnly',
  connect: (config): ProviderClient => ({
    check: () =>
      config.validationResult === 2
        ? Promise.reject(new ProviderProblem('invalid', 'the store says that it is not ready'))
        : Promise.resolve(),
    read: async (reference) => read(config, reference),
    find: async (query) => find(config, query),
    close: () => undefined,
  }),
};
