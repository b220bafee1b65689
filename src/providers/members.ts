/** The values of a secret by their names, as `dataFrom.extract` takes them. */
import { ExactNumber } from '../client/json.ts';
import { ProviderProblem, type Found, type ProviderClient, type Reference } from './contract.ts';
import { bytesOf, objectIn } from './property.ts';

export type Members = ReadonlyMap<string, Uint8Array>;

/** The members of a JSON object. Throws `ProviderProblem`. */
export function membersOf(value: Uint8Array, key: string): Members {
  const parsed = objectIn(value);
  if (parsed === undefined) {
    throw new ProviderProblem('unsuitable', `"${key}" is no JSON object: extract has nothing to take out of it`);
  }
  // As in External Secrets Operator: a number of many digits is a double by now.
  return new Map(
    Object.entries(parsed).map(([name, each]) => [name, bytesOf(each instanceof ExactNumber ? Number(each) : each)]),
  );
}

/** Rejects as the client does, and with `ProviderProblem` where the secret has no members. */
export async function membersAt(
  client: ProviderClient,
  reference: Reference,
  signal: AbortSignal,
): Promise<Found<Members>> {
  if (client.members !== undefined) return client.members(reference, signal);
  const found = await client.read(reference, signal);
  return found.found ? { found: true, value: membersOf(found.value, reference.key) } : found;
}
