/** A request that the server makes of its own node, on the same path as any other. */
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Verb } from '../framework/path.ts';
import type { Handler, Outcome, Request } from '../framework/request.ts';
import { uuid } from '../lib/crypto/random.ts';

export interface LocalRequest {
  readonly verb: Verb;
  readonly path: string;
  readonly token: string;
  readonly body?: JsonObject;
}

const CONTENT_TYPES: { readonly [V in Verb]?: string } = { patch: 'application/merge-patch+json' };

/** Throws when the node answers with an error. */
export async function ask(node: Handler, { verb, path, token, body }: LocalRequest): Promise<Outcome> {
  const request: Request = {
    ...{ verb, path, token, body, help: false, namespace: '', query: {}, headers: {} },
    id: uuid(),
    method: verb.toUpperCase(),
    contentType: body === undefined ? '' : (CONTENT_TYPES[verb] ?? 'application/json'),
    address: '127.0.0.1',
    port: 0,
    wrapTtl: 0,
    index: undefined,
    signal: () => new AbortController().signal,
    listener: { unauthenticatedMetrics: false },
  };
  const outcome = await node.handle(request);
  if (outcome.status >= 400) throw fail('internal', `${path}: ${(outcome.errors ?? []).join('; ')}`);
  return outcome;
}
