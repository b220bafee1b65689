/**
 * A write that a region forwards, as the hub serves it: by the hub's own policies of today, within what the region may
 * write, once for each idempotency key.
 */
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Client } from '../../framework/call.ts';
import { needsSudo } from '../../framework/path.ts';
import type { Outcome, Request } from '../../framework/request.ts';
import { sha256 } from '../../lib/crypto/hash.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Position } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { Services } from '../services.ts';
import { forwardedAccess, operationOf, type Access, parametersOf } from './access.ts';
import { asFailure, failure, run } from './pipeline.ts';
import { staged } from './staged.ts';

export interface Forwarded {
  readonly request: Request;
  /** By the certificate of the connection, never by what the request says. */
  readonly region: string;
  readonly client: Client;
  /** Chosen by the region, kept over its retries. */
  readonly idempotencyKey: string;
  /** Whether the region may write there: its filter and its write grant. */
  readonly mayWrite: (request: Request) => boolean;
  /** Whether the region holds a policy's document: one that it cannot have grants nothing. */
  readonly holdsPolicy: (namespace: string, name: string) => boolean;
  /** Whether the region holds an entity: templates are filled for no other. */
  readonly holdsEntity: (namespace: string, id: string) => boolean;
}

export interface ForwardedOutcome {
  readonly outcome: Outcome;
  /** The region shows the write once it has reached this. */
  readonly position: Position;
}

interface Done {
  readonly hash: string;
  readonly outcome: Outcome;
  readonly at: number;
}

const hashOf = ({ request, region, client }: Forwarded): string =>
  sha256(
    JSON.stringify([
      ...[region, client.policies, client.entity, request.verb, request.path, request.namespace, client.namespace],
      ...[request.contentType, request.query, request.body ?? null],
    ]),
  ).toString('hex');

const recordKey = ({ region, idempotencyKey }: Forwarded): string =>
  keys.forwarded(region, sha256(idempotencyKey).toString('hex'));

/** The answer given before under this key. Throws `conflict` when it was given to another request. */
function doneBefore(services: Services, forwarded: Forwarded): Outcome | undefined {
  const done = recordAt<Done>(services.store, recordKey(forwarded));
  if (done === undefined) return undefined;
  if (done.hash !== hashOf(forwarded)) throw fail('conflict', 'this idempotency key belongs to another request');
  return done.outcome;
}

const KEY = /^[^\p{C}]{1,256}$/u;

/**
 * What a region may not ask at all. It is found out before anything that depends on what the hub holds, and where it may
 * not write, all is answered alike: else the answers would tell which mounts, names and policies there are (rule 18).
 */
function beyond({ request, client, idempotencyKey, mayWrite }: Forwarded): LockstepError | undefined {
  if (client.policies.includes('root'))
    return fail('hubRefused', 'a root token of a region rules that region alone: ask the hub');
  if (!KEY.test(idempotencyKey)) return fail('badRequest', 'an idempotency key of 1 to 256 characters is needed');
  return mayWrite(request) ? undefined : fail('hubRefused', 'this region may not write there: ask the hub');
}

/** What is answered there must not lie in the hub's own records for a retry: shares, and what is under keys of its own. */
function isApart({ namespaces }: Services, { call, request }: Access): boolean {
  if (namespaces.record(call.namespace.id)?.domain !== undefined) return true;
  return request.path.startsWith('sys/namespaces/') && parametersOf(request)?.['seal'] !== undefined;
}

/** Reads are answered by the region's own copy, and what is local stays where it is: shared writes alone are taken. */
function notForwarded(services: Services, access: Access): LockstepError | undefined {
  if (access.error !== undefined) return access.error;
  if (isApart(services, access)) {
    return fail('hubRefused', 'namespaces with a seal of their own are at the hub alone: ask the hub');
  }
  if (access.control !== undefined) {
    return fail(
      'hubRefused',
      'this needs an approval, and the hub knows nothing of those given in a region: ask the hub',
    );
  }
  const { match, request } = access;
  const operation = match === undefined ? undefined : operationOf(match.path, request);
  if (operation?.writes !== 'shared') return fail('hubRefused', 'only a write of shared data is forwarded');
  const sudo = operation.sudo === true || needsSudo(match?.path.access);
  return sudo ? fail('hubRefused', 'no region may do this') : undefined;
}

/**
 * What the region says of policies only narrows (rule 19): the policies that it holds must allow the request, as they do
 * for its own tokens, and so must all that it named, since one of the others may deny. Of the entity that it names the hub
 * itself knows the policies, and they count in the same way.
 */
function decided(services: Services, forwarded: Forwarded): Access {
  const { request, region } = forwarded;
  const client = withEntity(services, forwarded);
  const all = forwardedAccess(services, request, { token: undefined, client, region });
  const error = beyond(forwarded) ?? notForwarded(services, all);
  if (error !== undefined) return { ...all, error };
  const narrowed = heldOf(services, forwarded, client);
  if (narrowed === client) return all;
  const held = forwardedAccess(services, request, { token: undefined, client: narrowed, region });
  return { ...all, error: held.error };
}

/**
 * An entity that the region does not hold counts as none: then templates grant nothing, and deny all that they could. So
 * does one that it has made for itself and the hub has not.
 */
function withEntity({ identities }: Services, { client, holdsEntity }: Forwarded): Client {
  const { entity, entityNamespace: namespace } = client;
  if (entity === '') return client;
  const known = holdsEntity(namespace, entity) && identities.known.identity(namespace, entity) !== undefined;
  return known ? client : { ...client, entity: '' };
}

/** With the policies that the region holds; the same client when it holds all. */
function heldOf({ identities }: Services, { holdsPolicy }: Forwarded, client: Client): Client {
  const { entity, entityNamespace } = client;
  const holds = (namespace: string) => (name: string) => name === 'default' || holdsPolicy(namespace, name);
  const policies = client.policies.filter(holds(client.namespace));
  const given = entity === '' ? [] : (identities.known.identity(entityNamespace, entity)?.policies ?? []);
  const entityPolicies = given.filter(holds(entityNamespace));
  if (policies.length === client.policies.length && entityPolicies.length === given.length) return client;
  return { ...client, policies, entityPolicies };
}

/** Never rejects for what a region did. Both the try and the answer are on record before it resolves. */
export async function serveForwarded(services: Services, forwarded: Forwarded): Promise<ForwardedOutcome> {
  const { request } = forwarded;
  const failed = (error: unknown): Outcome => failure(request, asFailure(services, request, error));
  try {
    const access = decided(services, forwarded);
    await services.audit.request(access);
    const outcome = await answer(services, forwarded, access).catch(failed);
    await services.audit.response(access, outcome);
    return { outcome, position: services.store.position };
  } catch (error) {
    return { outcome: failed(error), position: services.store.position };
  }
}

async function answer(services: Services, forwarded: Forwarded, access: Access): Promise<Outcome> {
  if (access.error !== undefined) throw access.error;
  const before = doneBefore(services, forwarded);
  if (before !== undefined) return before;
  const hash = hashOf(forwarded);
  try {
    const outcome = await staged(
      services.store,
      async () => run(services, access),
      (tx, outcome) => {
        if (tx.has(recordKey(forwarded))) throw fail('conflict');
        const at = services.now();
        tx.put(recordKey(forwarded), encodeRecord({ hash, outcome, at } satisfies Done));
        tx.put(keys.forwardedDue(at, recordKey(forwarded)), new Uint8Array());
        failpoint('hub.before-forwarded-commit');
      },
    );
    failpoint('hub.after-forwarded-commit');
    return outcome;
  } catch (error) {
    // The same request came twice at once: the other one has answered.
    const done = isLockstepError(error, 'conflict') ? doneBefore(services, forwarded) : undefined;
    if (done === undefined) throw error;
    return done;
  }
}

const KEPT_MS = 24 * 3_600_000;
const PAGE = 500;

/** Drops answers that no retry can ask for any more. True when more are due. */
export async function forgetForwarded(services: Services): Promise<boolean> {
  const before = services.now() - KEPT_MS;
  using snapshot = services.store.snapshot();
  const isDue = (key: string): boolean =>
    Number(key.slice(keys.forwardedDues.length, keys.forwardedDues.length + 15)) < before;
  // Most of the time there are none, which one key tells.
  const [first] = snapshot.list(keys.forwardedDues, { limit: 1 });
  if (first === undefined || !isDue(first)) return false;
  const due = snapshot.list(keys.forwardedDues, { limit: PAGE }).filter(isDue);
  await services.store.transact((tx) => {
    for (const key of due) {
      tx.delete(key.slice(keys.forwardedDues.length + 16));
      tx.delete(key);
    }
  });
  return due.length === PAGE;
}
