/** What is written to a store whose secrets are bytes, from what is there: bytes as they are, or one property of a JSON object. */
import { goJson } from '../lib/go-text.ts';
import { ProviderProblem, type Pushed, type RemoteName } from './contract.ts';
import { objectIn } from './property.ts';

/** The tag or label of External Secrets Operator: either takes over from the other. */
export const MARK = { Key: 'managed-by', Value: 'external-secrets' } as const;

type Texts = Readonly<Record<string, string>>;

export const hasAll = (has: Texts, wanted: Texts): boolean =>
  Object.entries(wanted).every(([key, value]) => has[key] === value);

/** `what`: how the store calls them. */
export const foreign = (key: string, what = 'tag'): ProviderProblem =>
  new ProviderProblem('denied', `cannot write "${key}": secret not managed by external-secrets (${what} managed-by)`);

/** Throws `ProviderProblem`, which does not repeat it. */
export function textOf(value: Uint8Array, key: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    const remedy = 'encode it by a template';
    throw new ProviderProblem(
      'unsuitable',
      `cannot write "${key}": the value is no text, as it must be here: ${remedy}`,
    );
  }
}

function objectAt(before: Uint8Array, key: string): Readonly<Record<string, unknown>> {
  const held = objectIn(before);
  if (held !== undefined) return held;
  throw new ProviderProblem('unsuitable', `cannot write a property of "${key}": what is there is no JSON object`);
}

/** Throws `ProviderProblem`. */
export function written({ key, property = '', value }: Pushed, before: Uint8Array | undefined): Uint8Array {
  if (property === '') return value;
  const held = before === undefined ? {} : objectAt(before, key);
  return Buffer.from(goJson({ ...held, [property]: textOf(value, key) }), 'utf8');
}

/** What is left; undefined: nothing, the secret goes. */
export function without({ key, property = '' }: RemoteName, before: Uint8Array): Uint8Array | undefined {
  if (property === '') return undefined;
  const { [property]: _gone, ...others } = objectAt(before, key);
  return Object.keys(others).length === 0 ? undefined : Buffer.from(goJson(others), 'utf8');
}
