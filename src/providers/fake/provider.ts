/** Secrets that stand in the store itself: for trying things out. */
import { isObject, parseJson } from '../../client/json.ts';
import { compilePattern } from '../../lib/re2.ts';
import {
  ProviderProblem,
  type Found,
  type Provider,
  type ProviderClient,
  type Query,
  type Reference,
} from '../contract.ts';
import { propertyOf } from '../property.ts';

export interface FakeConfig {
  readonly data: readonly { readonly key: string; readonly value: string; readonly version?: string }[];
  /** As the store's own field: 2 stands for a store that is not ready. */
  readonly validationResult?: number;
}

function read({ data }: FakeConfig, { key, property, version = '' }: Reference): Found<Uint8Array> {
  const secret = data.findLast((each) => each.key === key && (each.version ?? '') === version);
  if (secret === undefined) return { found: false };
  if (property === undefined || property === '') return { found: true, value: Buffer.from(secret.value, 'utf8') };
  let value: unknown;
  try {
    value = parseJson(secret.value);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) throw new ProviderProblem('unsuitable', `"${key}" is no JSON object: it has no property`);
  const found = propertyOf(value, property);
  if (found.found) return found;
  throw new ProviderProblem('unsuitable', `cannot find secret data for key: "${property}"`);
}

function find({ data }: FakeConfig, { path = '', name, tags }: Query): ReadonlyMap<string, Uint8Array> {
  if (tags !== undefined) throw new ProviderProblem('invalid', 'the provider fake has no tags: find by name');
  const pattern = name === undefined ? undefined : compilePattern(name);
  const found = data.filter(({ key }) => key.startsWith(path) && (pattern?.finds(key) ?? true));
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
