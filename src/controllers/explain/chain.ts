/** The chain from an ExternalSecret to the keys at its stores, link by link, and what is wrong with each: pure, from what a cluster holds. */
import { readKey, type KubernetesObject } from '../../kube/objects.ts';
import { providers } from '../../providers/providers.ts';
import type { Store } from '../cluster.ts';
import type { Condition } from '../conditions.ts';
import { storeNameOf, storesOf } from '../external-secret/gather.ts';
import { type ExternalSecret, type SourceRef, targetName } from '../external-secret/definition.ts';
import { owns } from '../external-secret/ownership.ts';
import { intervalOf, isPeriodic } from '../external-secret/refresh.ts';
import { mayUse, type NamespaceNames } from '../secret-store/conditions.ts';
import { storeKey, type StoreName } from '../secret-store/clients.ts';
import { clusterSecretStore } from '../secret-store/definition.ts';
import { referencesOf, type Reference } from './references.ts';

/** `wrong` stands between the object and its Secret; `unknown` could not be looked at. */
export type Mark = 'well' | 'wrong' | 'unknown';

export interface Link {
  readonly mark: Mark;
  /** How deep it stands below the one before it. */
  readonly depth: number;
  readonly what: string;
  /** What to do. */
  readonly remedy?: string;
}

/** What is there of an object that somebody refers to. */
export type Presence = 'there' | 'missing' | 'forbidden';

export interface Facts {
  readonly es: ExternalSecret;
  readonly namespace: NamespaceNames;
  /** By `storeText`. */
  readonly stores: ReadonlyMap<string, Store>;
  /** By `referenceText`. */
  readonly references: ReadonlyMap<string, Presence>;
  /** The metadata of what it makes. */
  readonly target: KubernetesObject | 'missing' | 'forbidden';
  readonly controllerClass: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export const storeText = ({ kind, name }: StoreName, namespace: string): string =>
  `${kind} ${storeKey({ kind, name }, namespace)}`;

export const referenceText = ({ kind, namespace, name }: Reference): string => `${kind} ${namespace}/${name}`;

export function chainOf(facts: Facts): readonly Link[] {
  const { es } = facts;
  return [
    conditionOf(`ExternalSecret ${es.metadata.namespace ?? ''}/${es.metadata.name}`, es.status?.conditions, 0),
    refreshOf(facts),
    ...targetOf(facts),
    ...storesOf(es).flatMap((ref) => storeLinks(facts, ref)),
    ...keysOf(es),
  ];
}

function conditionOf(what: string, conditions: readonly Condition[] = [], depth: number): Link {
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (ready === undefined) {
    const remedy =
      'no controller has looked at it: see whether one runs, watches this namespace and is ready (/readyz)';
    return { mark: 'wrong', depth, what: `${what}: no condition yet`, remedy };
  }
  const { status, reason = '', message = '', lastTransitionTime: since = '' } = ready;
  const text = `${what}: ${reason}${message === '' ? '' : `, ${message}`}${since === '' ? '' : ` (since ${since})`}`;
  return { mark: status === 'True' ? 'well' : 'wrong', depth, what: text };
}

function refreshOf({ es, now }: Facts): Link {
  const { refreshTime } = es.status ?? {};
  const { refreshPolicy = 'Periodic', refreshInterval = '1h0m0s' } = es.spec;
  const last = refreshTime === undefined ? 'never refreshed' : `last refreshed with a change at ${refreshTime}`;
  try {
    const interval = intervalOf(es);
    const how = isPeriodic(es) ? `read again every ${refreshInterval}` : `not read again by itself (${refreshPolicy})`;
    const ahead = Date.parse(refreshTime ?? '') > now + interval;
    return {
      ...{ mark: ahead ? 'wrong' : 'well', depth: 1, what: `${last}; ${how}` },
      ...(ahead ? { remedy: 'that lies in the future: the clock of the controller or of this machine is wrong' } : {}),
    };
  } catch {
    const remedy = 'write a duration of Go, such as 30s, 15m or 1h';
    return { mark: 'wrong', depth: 1, what: `refreshInterval "${refreshInterval}" is no duration`, remedy };
  }
}

const madeKind = ({ spec }: ExternalSecret): string => spec.target?.manifest?.kind ?? 'Secret';

function targetOf({ es, target }: Facts): readonly Link[] {
  const { creationPolicy = 'Owner' } = es.spec.target ?? {};
  const kind = madeKind(es);
  const what = `${kind} ${es.metadata.namespace ?? ''}/${targetName(es)} (creationPolicy ${creationPolicy})`;
  if (creationPolicy === 'None') return [{ mark: 'well', depth: 1, what: `${what}: none is made` }];
  if (target === 'forbidden') {
    return [{ mark: 'unknown', depth: 1, what: `${what}: may not be looked at with these credentials` }];
  }
  if (target === 'missing') {
    const remedy = creationPolicy === 'Merge' ? `Merge writes into a ${kind} that somebody else makes` : undefined;
    return [{ mark: 'wrong', depth: 1, what: `${what}: is not there`, ...(remedy === undefined ? {} : { remedy }) }];
  }
  if (creationPolicy === 'Owner' && !owns(es, target)) {
    const remedy = `it is somebody else's and is left alone: name another target, use creationPolicy Merge, or delete it`;
    return [{ mark: 'wrong', depth: 1, what: `${what}: was there before`, remedy }];
  }
  return [{ mark: 'well', depth: 1, what: `${what}: is there` }];
}

function storeLinks(facts: Facts, ref: StoreName): readonly Link[] {
  const { es, namespace, controllerClass } = facts;
  const what = `${ref.kind} ${ref.name}`;
  const store = facts.stores.get(storeText(ref, es.metadata.namespace ?? ''));
  if (store === undefined) {
    const where = ref.kind === clusterSecretStore.kind ? 'in the cluster' : `in the namespace ${namespace.name}`;
    return [
      {
        mark: 'wrong',
        depth: 1,
        what: `${what}: there is none ${where}`,
        remedy: 'make it, or mend the name or kind in secretStoreRef',
      },
    ];
  }
  const { controller = '' } = store.spec;
  if (controller !== '' && controller !== controllerClass) {
    const remedy = `it is looked after by the controller of class "${controller}"`;
    return [{ mark: 'wrong', depth: 1, what: `${what}: of another controller`, remedy }];
  }
  return [
    conditionOf(what, store.status?.conditions, 1),
    ...allowed(facts, ref, store),
    ...providerOf(facts, ref, store),
  ];
}

function allowed({ namespace }: Facts, ref: StoreName, { spec }: Store): readonly Link[] {
  if (ref.kind !== clusterSecretStore.kind) return [];
  try {
    if (mayUse(spec.conditions, namespace)) return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : 'not valid';
    return [{ mark: 'wrong', depth: 2, what: `spec.conditions cannot be read: ${why}` }];
  }
  const remedy = `add "${namespace.name}" or one of its labels to the conditions of the store`;
  return [{ mark: 'wrong', depth: 2, what: `its conditions leave out the namespace ${namespace.name}`, remedy }];
}

function providerOf({ es, references }: Facts, ref: StoreName, { spec }: Store): readonly Link[] {
  const [[type, config] = ['', undefined]] = Object.entries(spec.provider);
  const server = serverOf(config);
  const what = `provider ${type}${server === undefined ? '' : ` at ${server}`}`;
  if (!providers.has(type)) {
    const remedy = `this version has ${[...providers.keys()].join(', ')}`;
    return [{ mark: 'wrong', depth: 2, what: `${what}: is not offered`, remedy }];
  }
  const bound = ref.kind !== clusterSecretStore.kind;
  const links = referencesOf(spec.provider, es.metadata.namespace ?? '', bound).map((each): Link => {
    const found = references.get(referenceText(each));
    const where = `${each.kind} ${each.namespace}/${each.name} (${each.field})`;
    if (found === 'there') return { mark: 'well', depth: 3, what: `${where}: is there` };
    if (found === 'missing') return { mark: 'wrong', depth: 3, what: `${where}: is not there` };
    return { mark: 'unknown', depth: 3, what: `${where}: may not be looked at with these credentials` };
  });
  return [{ mark: 'well', depth: 2, what }, ...links];
}

function serverOf(config: unknown): string | undefined {
  if (typeof config !== 'object' || config === null) return undefined;
  const server = (config as { readonly server?: unknown }).server;
  return typeof server === 'string' ? server : undefined;
}

/** Which key of which store stands where. */
function keysOf(es: ExternalSecret): readonly Link[] {
  const { data = [], dataFrom = [] } = es.spec;
  const from = (source: SourceRef | undefined): string => {
    const ref = source?.storeRef ?? es.spec.secretStoreRef;
    return ref === undefined ? 'no store' : storeNameOf(ref).name;
  };
  const named = data.map(({ secretKey, remoteRef: { key, property = '', version = '' }, sourceRef }) => {
    const part = `${property === '' ? '' : ` property ${property}`}${version === '' ? '' : ` version ${version}`}`;
    return `${secretKey} is "${key}"${part} of ${from(sourceRef)}`;
  });
  const whole = dataFrom.map(({ extract, find, sourceRef }, at) => {
    const where = `dataFrom[${String(at)}]`;
    if (extract !== undefined) return `${where}: every member of "${extract.key}" of ${from(sourceRef)}`;
    return find === undefined
      ? `${where}: a generator`
      : `${where}: what ${from(sourceRef)} has below "${find.path ?? ''}" by name or tags`;
  });
  const all = [...named, ...whole];
  if (all.length === 0) return [{ mark: 'wrong', depth: 1, what: 'it names no key', remedy: 'add data or dataFrom' }];
  return all.map((what) => ({ mark: 'well', depth: 1, what }));
}

/** `namespace/name`, as it is written on the command line. */
export function readName(text: string): { readonly namespace: string; readonly name: string } | undefined {
  const { namespace, name } = readKey(text);
  return namespace === '' || name === '' || name.includes('/') ? undefined : { namespace, name };
}
