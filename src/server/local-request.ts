/** A request that the server makes of its own node, on the same path as any other. */
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Verb } from '../framework/path.ts';
import type { Handler, Outcome, Request } from '../framework/request.ts';
import { uuid } from '../lib/crypto/random.ts';

export interface LocalRequest {
  /** Made here if not given. */
  readonly id?: string;
  readonly verb: Verb;
  readonly path: string;
  readonly namespace?: string;
  readonly token: string;
  readonly body?: JsonObject;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
}

const CONTENT_TYPES: { readonly [V in Verb]?: string } = { patch: 'application/merge-patch+json' };

/** Throws when the node answers with an error; that there is nothing is none. */
export async function ask(node: Handler, asked: LocalRequest): Promise<Outcome> {
  const { id = uuid(), verb, path, token, body, namespace = '', headers = {} } = asked;
  const request: Request = {
    ...{ id, verb, path, token, body, namespace, headers, help: false, query: {} },
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
  if (outcome.errors !== undefined && outcome.errors.length > 0) {
    throw fail('internal', `${path}: ${outcome.errors.join('; ')}`);
  }
  return outcome;
}
