import type { Generated } from './contract.ts';

/** Each text under its name. */
export const generated = (values: Readonly<Record<string, string>>): Generated => ({
  values: new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value, 'utf8')])),
});
