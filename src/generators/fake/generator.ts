import type { Generator } from '../contract.ts';

export interface FakeConfig {
  readonly data?: Readonly<Record<string, string>>;
}

/** Values that stand in the generator itself: for trying things out. */
export const fake: Generator<FakeConfig> = {
  kind: 'Fake',
  generate: async ({ data = {} }) => ({
    values: new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'utf8')])),
  }),
};
