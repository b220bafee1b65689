/** Keys of a JWKS document by what they are, whatever they are called. */
import { CommandError } from '../errors.ts';

export interface KeyName {
  readonly kid: string;
  /** RFC 7638. */
  readonly thumbprint: string;
}

export async function keyNames(keys: readonly Readonly<Record<string, unknown>>[]): Promise<readonly KeyName[]> {
  const { calculateJwkThumbprint } = await import('jose');
  return Promise.all(
    keys.map(async (key) => {
      try {
        const { kid } = key;
        return { kid: typeof kid === 'string' ? kid : '', thumbprint: await calculateJwkThumbprint(key) };
      } catch (error) {
        throw new CommandError('the cluster publishes a key that is none', undefined, { cause: error });
      }
    }),
  );
}

/** Of `some` those that are not among `others`. */
export function without<T extends Pick<KeyName, 'thumbprint'>>(
  some: readonly T[],
  others: readonly Pick<KeyName, 'thumbprint'>[],
): readonly T[] {
  const known = new Set(others.map(({ thumbprint }) => thumbprint));
  return some.filter(({ thumbprint }) => !known.has(thumbprint));
}

export const named = (keys: readonly KeyName[]): string =>
  keys.map(({ kid, thumbprint }) => (kid === '' ? thumbprint : kid)).join(', ');
