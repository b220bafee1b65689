/** Who read what, from an audit log. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

export interface Reads {
  count: number;
  readonly paths: Set<string>;
}

interface Entry {
  readonly type?: string;
  readonly auth?: { readonly policies?: readonly string[] };
  readonly request?: { readonly operation?: string; readonly path?: string };
}

/** Answered reads below `secret/data/`, by the policy that an agent's token has beside `default`. */
export async function auditReads(file: string): Promise<ReadonlyMap<string, Reads>> {
  const found = new Map<string, Reads>();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { type, auth, request } = JSON.parse(line) as Entry;
    const path = request?.path ?? '';
    if (type !== 'response' || request?.operation !== 'read' || !path.startsWith('secret/data/')) continue;
    for (const policy of auth?.policies ?? []) {
      const reads = found.get(policy) ?? { count: 0, paths: new Set<string>() };
      reads.count += 1;
      reads.paths.add(path);
      found.set(policy, reads);
    }
  }
  return found;
}
