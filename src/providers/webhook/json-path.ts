/** `result.jsonPath`: the value that an answer holds there (RFC 9535). The library is loaded when the first is used. */
import type { JSONValue } from 'json-p3';
import { ProviderProblem } from '../contract.ts';

/** Patterns of these run on JavaScript's engine, which a short text can hold up for hours. */
const REFUSED = ['match', 'search'];

/** Undefined: nothing is there. Of several values the first, as in External Secrets Operator. Rejects with `ProviderProblem`. */
export async function valueAt(path: string, document: unknown): Promise<unknown> {
  const { JSONPathEnvironment } = await import('json-p3');
  const environment = new JSONPathEnvironment();
  for (const each of REFUSED) environment.functionRegister.delete(each);
  try {
    const [first] = environment.query(path, document as JSONValue).values();
    return Array.isArray(first) ? first[0] : first;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'not valid';
    throw new ProviderProblem('invalid', `result.jsonPath "${path}": ${why}`, { cause: error });
  }
}
