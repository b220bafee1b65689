/** A list without the keys that its reader may not reach, where a policy asks for that. */
import { fail } from '../../errors.ts';
import { isObject, type JsonObject } from '../../framework/field.ts';
import type { Verb } from '../../framework/path.ts';
import { reply as replies, type Reply } from '../../framework/reply.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { KeysTemplate } from '../policy/keys-template.ts';
import type { Acl } from '../policy/index.ts';

/** Keys that are judged in one turn of the event loop. */
const AT_ONCE = 2_000;

export interface Filtering {
  readonly template: KeysTemplate;
  readonly acl: Acl;
  /** The path of the namespace, and the one that was asked below it, with its closing slash. */
  readonly namespace: string;
  readonly path: string;
  readonly verb: Verb;
}

/**
 * As OpenBao: a key that ends in a slash is there for who may `list` the path that stands for it, any other one for who may
 * `read` it. A reply that is no plain list is an error: what cannot be filtered is not shown.
 */
export async function filteredKeys(reply: Reply, filtering: Filtering): Promise<Reply> {
  if (reply.data === undefined && reply.status === 404) return reply;
  const { keys, info } = plainList(reply);
  const kept: string[] = [];
  for (const [at, key] of keys.entries()) {
    if (at > 0 && at % AT_ONCE === 0) await nextTurn();
    if (typeof key === 'string' && reaches(key, filtering)) kept.push(key);
  }
  const extra = info === undefined ? {} : { key_info: about(kept, info) };
  // As OpenBao: a LIST of nothing is 404, a SCAN that was filtered to nothing is not.
  return filtering.verb === 'scan' ? replies.ok({ keys: kept, ...extra }) : replies.keys(kept, extra);
}

function plainList({ data, grant, lease }: Reply) {
  const { keys, key_info: info, ...others } = data ?? {};
  if (!Array.isArray(keys) || Object.keys(others).length > 0 || grant !== undefined || lease !== undefined) {
    throw fail('internal', 'the policy filters the keys of this list, and it is none that can be filtered');
  }
  return { keys: keys as readonly unknown[], info };
}

function about(kept: readonly string[], info: unknown): JsonObject {
  const known = isObject(info) ? info : {};
  return Object.fromEntries(kept.flatMap((key) => (Object.hasOwn(known, key) ? [[key, known[key]]] : [])));
}

function reaches(key: string, { template, acl, namespace, path }: Filtering): boolean {
  const asked = namespace + template({ path, key }).replace(/^\/+/, '');
  return acl.allows(key.endsWith('/') ? 'list' : 'read', asked).allowed;
}
