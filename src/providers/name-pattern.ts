/** `find.name.regexp`. */
import { compilePattern } from '../lib/re2.ts';
import { ProviderProblem } from './contract.ts';

/** Anywhere in the name, on RE2; without a pattern every name. Throws `ProviderProblem` where it is none. */
export function namePattern(name: string | undefined): (candidate: string) => boolean {
  if (name === undefined) return () => true;
  try {
    const pattern = compilePattern(name);
    return (candidate) => pattern.finds(candidate);
  } catch (error) {
    throw new ProviderProblem('invalid', `find.name.regexp: ${error instanceof Error ? error.message : 'not valid'}`);
  }
}
