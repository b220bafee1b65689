/** `metadata` of a PushSecret for Google Secret Manager, as External Secrets Operator has it. */
import { readMetadata, type Read } from '../push-metadata.ts';
import { MARK } from '../written.ts';

const FIELDS = {
  annotations: 'texts',
  labels: 'texts',
  topics: 'list',
  mergePolicy: ['Replace', 'Merge'],
  cmekKeyName: 'text',
  replicationLocation: 'text',
  replicationLocations: 'list',
} as const;

export const gcpsmFields = Object.keys(FIELDS);

export type GcpsmMetadata = Read<typeof FIELDS>;

/** Throws `ProviderProblem`. */
export const gcpsmMetadata = (metadata: unknown): GcpsmMetadata => readMetadata(metadata, FIELDS);

type Texts = Readonly<Record<string, string>>;

/** What of a secret can be changed once it is there. */
export interface Described {
  readonly labels: Texts;
  readonly annotations: Texts;
}

/** What there is to be, from what is there; without metadata, nothing else. The mark is nobody's to set. */
export function described(metadata: unknown, there: Described): Described {
  const mark = { [MARK.Key]: MARK.Value };
  if (metadata === undefined || metadata === null) return { ...there, labels: { ...there.labels, ...mark } };
  const { labels = {}, annotations = {}, mergePolicy = 'Replace' } = gcpsmMetadata(metadata);
  const before = mergePolicy === 'Merge' ? there : { labels: {}, annotations: {} };
  return {
    labels: { ...before.labels, ...labels, ...mark },
    annotations: { ...before.annotations, ...annotations },
  };
}

/** What counts when it is made, and never again. `regional`: its place is its store's. */
export function making(metadata: unknown, regional: boolean): Readonly<Record<string, unknown>> {
  const {
    cmekKeyName = '',
    replicationLocation = '',
    replicationLocations = [],
    topics = [],
  } = gcpsmMetadata(metadata);
  const encryption = cmekKeyName === '' ? {} : { customerManagedEncryption: { kmsKeyName: cmekKeyName } };
  const named = topics.length === 0 ? {} : { topics: topics.map((name) => ({ name })) };
  if (regional) return { ...named, ...encryption };
  const one = replicationLocation === '' ? [] : [replicationLocation];
  const places = replicationLocations.length === 0 ? one : replicationLocations;
  const replicas = places.map((location) => ({ location, ...encryption }));
  const replication = places.length === 0 ? { automatic: encryption } : { userManaged: { replicas } };
  return { ...named, replication };
}
