/** Writing Secrets: only those that External Secrets made, only when they differ, and each under the version that was looked at. */
import type { Asking } from '../../kube/api.ts';
import { queryOf } from '../../kube/objects.ts';
import { isConflict } from '../../kube/problem.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { contended } from '../contended.ts';
import { ProviderProblem, type Pushed, type RemoteName } from '../contract.ts';
import { membersOf } from '../members.ts';
import { marksOf } from './metadata.ts';
import { problemOf } from './problem.ts';
import type { Secret } from './provider.ts';
import { pathIn, type ApiSession } from './session.ts';

/**
 * As External Secrets Operator is called there: what it owns of a Secret stands in `managedFields`, so either takes over from
 * the other, and the Secret itself needs no mark.
 */
const MANAGER = 'external-secrets';

export interface Place {
  readonly session: ApiSession;
  readonly collection: string;
  readonly signal: AbortSignal;
  readonly get: (key: string) => Promise<Secret | undefined>;
}

const isManaged = ({ metadata: { managedFields = [] } }: Secret): boolean =>
  managedFields.some(({ manager, fieldsV1 = {} }) => manager === MANAGER && 'f:data' in fieldsV1);

const base64 = (value: Uint8Array): string => Buffer.from(value).toString('base64');

function next({ property = '', key, value }: Pushed, before: Secret | undefined): Readonly<Record<string, string>> {
  if (property !== '') return { ...before?.data, [property]: base64(value) };
  return Object.fromEntries([...membersOf(value, key)].map(([name, each]) => [name, base64(each)]));
}

async function sent({ session, signal }: Place, doing: string, asking: Omit<Asking, 'signal'>): Promise<void> {
  try {
    await session.send({ ...asking, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw isConflict(error) ? error : problemOf(error, doing);
  }
}

const typeOf = (type = ''): string => (type === '' ? 'Opaque' : type);

/** No API server lets a Secret change its type. */
function mustKeepType({ key, from }: Pushed, { type }: Secret): void {
  const [was, wanted] = [typeOf(type), typeOf(from?.type)];
  if (was === wanted) return;
  const remedy = 'delete it, so that it is made anew, or set template.type';
  throw new ProviderProblem('unsuitable', `cannot write "${key}": it is of type ${was}, not ${wanted}: ${remedy}`);
}

const query = queryOf({ fieldManager: MANAGER });

/** Rejects with `ProviderProblem`. */
export function pushTo(place: Place, pushed: Pushed): Promise<void> {
  const { key } = pushed;
  const doing = `write "${key}"`;
  return contended({ key, isConflict }, async () => {
    const before = await place.get(key);
    if (before !== undefined && !isManaged(before)) {
      throw new ProviderProblem('denied', `cannot ${doing}: secret not managed by external-secrets`);
    }
    const data = next(pushed, before);
    const { labels, annotations } = marksOf(pushed.metadata, pushed.from, before?.metadata);
    if (before === undefined) {
      const body = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: key, labels, annotations },
        type: typeOf(pushed.from?.type),
        data,
      };
      return sent(place, doing, { method: 'POST', path: place.collection + query, body });
    }
    mustKeepType(pushed, before);
    const { labels: had = {}, annotations: noted = {} } = before.metadata;
    const was = [before.data ?? {}, had, noted];
    if (canonicalJson(was) === canonicalJson([data, labels, annotations])) return undefined;
    const path = pathIn(place.collection, key) + query;
    return sent(place, doing, {
      method: 'PUT',
      path,
      body: { ...before, metadata: { ...before.metadata, labels, annotations }, data },
    });
  });
}

/** What is not there, or is not managed, is left. Rejects with `ProviderProblem`. */
export function removeFrom(place: Place, { key, property = '' }: RemoteName): Promise<void> {
  const doing = `delete "${key}"`;
  const path = pathIn(place.collection, key);
  return contended({ key, isConflict }, async () => {
    const before = await place.get(key);
    if (before === undefined || !isManaged(before)) return undefined;
    const { [property]: gone, ...others } = before.data ?? {};
    if (property !== '' && Object.keys(others).length > 0) {
      if (gone === undefined) return undefined;
      return sent(place, doing, { method: 'PUT', path: path + query, body: { ...before, data: others } });
    }
    const { uid = '', resourceVersion = '' } = before.metadata;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
    return sent(place, doing, { method: 'DELETE', path, body });
  });
}
