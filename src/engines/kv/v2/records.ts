/** What KV version 2 stores: the mount's configuration, one metadata record a path, one data record a version. */
import type { JsonObject } from '../../../framework/field.ts';
import type { Compartment, MountView } from '../../../framework/plugin.ts';
import { damaged, decodedAt, decodeRecord, encodeRecord, putRecord, recordAt } from '../../../lib/record.ts';
import type { Transaction } from '../../../storage/store.ts';

/**
 * Times are RFC 3339 text, as they are shown. What most versions are not is absent: each write of a secret encodes, encrypts
 * and logs all of its versions again.
 */
export interface Version {
  readonly version: number;
  readonly createdTime: string;
  /** When the version was deleted, or will be (`delete_version_after`). Absent or empty: never. */
  readonly deletionTime?: string;
  /** Absent: no. */
  readonly destroyed?: boolean;
}

/** What was done to a secret last: events tell it from the record, on every node that gets it. */
export interface LastChange {
  readonly type:
    | 'data-write'
    | 'data-patch'
    | 'data-delete'
    | 'delete'
    | 'undelete'
    | 'destroy'
    | 'metadata-write'
    | 'metadata-patch';
  /** Which versions it was done to. */
  readonly versions?: readonly number[];
}

export interface Metadata<Versions = readonly Version[]> {
  /**
   * Those that are still listed, in ascending order. No object by number: that takes several times as long to copy and to
   * encode.
   */
  readonly versions: Versions;
  /** 0: no version was ever written. */
  readonly currentVersion: number;
  readonly oldestVersion: number;
  /** 0: the mount's. */
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** Seconds; 0: the mount's. */
  readonly deleteVersionAfter: number;
  readonly customMetadata: Readonly<Record<string, string>> | null;
  readonly createdTime: string;
  readonly updatedTime: string;
  /** How often its settings were written: what `metadata_cas` is compared with. Absent: never. */
  readonly metadataVersion?: number;
  readonly metadataCasRequired?: boolean;
  readonly lastChange?: LastChange;
  /** The highest version that was destroyed and is listed no more: none up to it comes back. Absent: none. */
  readonly destroyedUpTo?: number;
}

/**
 * The versions as they are stored. Most differ from the one before them by their time alone, which then stands for them: each
 * write of a secret encodes, encrypts and logs all of its versions again, and sends them to each region.
 */
type Packed = readonly (Version | Version['createdTime'])[];

/** Stores made before versions were a list have them by number; those made after have each of the list whole. */
type Stored = Metadata<Packed> | Metadata<Readonly<Record<string, Omit<Version, 'version'>>>>;

export interface Config {
  /** 0: the default of 10. */
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** Absent: no. */
  readonly metadataCasRequired?: boolean;
  /** Seconds; 0: as each secret says; negative: never, whatever a secret says. */
  readonly deleteVersionAfter: number;
}

export interface KvV2 {
  readonly view: MountView;
}

export const DEFAULT_MAX_VERSIONS = 10;
const CONFIG = 'config';
const METADATA = 'metadata/';
const DATA = 'data/';
const NO_CONFIG: Config = { maxVersions: 0, casRequired: false, deleteVersionAfter: 0 };

export const metadataKey = (path: string): string => METADATA + path;
/** The version stands before the path, so that no path is the beginning of another one's version. */
const dataKey = (path: string, version: number): string => `${DATA}${String(version)}/${path}`;

type Reads = Pick<Compartment, 'get'>;
type Keeps = Pick<Compartment, 'kept'>;

export const readConfig = (from: Reads): Config => recordAt<Config>(from, CONFIG) ?? NO_CONFIG;
export const keptConfig = (from: Keeps): Config => from.kept(CONFIG, decodeRecord<Config>) ?? NO_CONFIG;
export const readMetadata = (from: Reads, path: string): Metadata | undefined =>
  decodedAt(from, metadataKey(path), decodeMetadata);
/** The same, from memory where it was read before. */
export const keptMetadata = (from: Keeps, path: string): Metadata | undefined =>
  from.kept(metadataKey(path), decodeMetadata);
/** undefined for one that was never written, or is listed no more. The newest, which most ask for, is found first. */
export const versionAt = ({ versions }: Pick<Metadata, 'versions'>, number: number): Version | undefined =>
  versions.findLast(({ version }) => version === number);
/** The one that is read where none is named. */
export const currentVersion = (metadata: Metadata): Version | undefined => versionAt(metadata, metadata.currentVersion);
export const readData = (from: Reads, path: string, version: number): JsonObject | undefined =>
  recordAt<JsonObject>(from, dataKey(path, version));

export function writeConfig(tx: Transaction, config: Config): void {
  tx.put(CONFIG, encodeRecord(config));
}

function packed(versions: readonly Version[]): Packed {
  let next = 1;
  return versions.map((version) => {
    const isNext = version.version === next;
    next = version.version + 1;
    const { createdTime, deletionTime, destroyed } = version;
    return isNext && deletionTime === undefined && destroyed === undefined ? createdTime : version;
  });
}

function unpacked(versions: Packed): readonly Version[] {
  let next = 1;
  return versions.map((stored) => {
    const version = typeof stored === 'string' ? { version: next, createdTime: stored } : stored;
    next = version.version + 1;
    return version;
  });
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const areVersions = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((each) => typeof each === 'string' || isObject(each));

const isListed = (stored: Stored): stored is Metadata<Packed> => Array.isArray(stored.versions);

/** Throws `corrupt`, also where the versions do not end with the current one: what was taken out by hand, say, would move the others. */
export function decodeMetadata(bytes: Uint8Array, key?: string): Metadata {
  const stored = decodeRecord<Stored>(bytes, key);
  if (!areVersions(stored.versions)) throw damaged(key, 'it has no versions');
  const metadata = fromStored(stored);
  const last = metadata.versions.at(-1);
  if (last !== undefined && last.version !== metadata.currentVersion)
    throw damaged(key, 'its versions do not end with the current one');
  return metadata;
}

function fromStored(stored: Stored): Metadata {
  if (isListed(stored)) return { ...stored, versions: unpacked(stored.versions) };
  // Keys that are numbers stand in their order.
  const versions = Object.entries(stored.versions).map(([number, version]) => ({
    version: Number(number),
    ...version,
  }));
  return { ...stored, versions };
}

interface Written {
  readonly path: string;
  readonly metadata: Metadata;
  readonly change: LastChange;
}

export function writeMetadata(tx: Transaction, { path, metadata, change }: Written): void {
  const record: Metadata = { ...metadata, lastChange: change };
  putRecord(tx, metadataKey(path), record, { ...record, versions: packed(record.versions) } satisfies Stored);
}

export function newMetadata(now: string): Metadata {
  return {
    versions: [],
    currentVersion: 0,
    oldestVersion: 0,
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: 0,
    customMetadata: null,
    createdTime: now,
    updatedTime: now,
  };
}

/** Adds the next version, drops what exceeds the limit, and gives the new record. */
export function appendVersion(tx: Transaction, path: string, before: Metadata, added: Added): Metadata {
  const { data, created, limit } = added;
  const version = before.currentVersion + 1;
  const versions = [...before.versions, { version, ...created }];
  let destroyedUpTo = before.destroyedUpTo ?? 0;
  for (const old of versions.splice(0, Math.max(0, versions.length - limit))) {
    if (old.destroyed === true) destroyedUpTo = old.version;
    tx.delete(dataKey(path, old.version));
  }
  const after: Metadata = {
    ...before,
    versions,
    currentVersion: version,
    oldestVersion: version - limit >= before.oldestVersion ? version - limit + 1 : before.oldestVersion,
    updatedTime: created.createdTime,
    ...(destroyedUpTo === 0 ? {} : { destroyedUpTo }),
  };
  tx.put(dataKey(path, version), encodeRecord(data));
  writeMetadata(tx, { path, metadata: after, change: { type: added.change, versions: [version] } });
  return after;
}

export interface Added {
  readonly data: JsonObject;
  readonly created: Omit<Version, 'version'>;
  /** How many versions stay. */
  readonly limit: number;
  readonly change: 'data-write' | 'data-patch';
}

export function removeVersionData(tx: Transaction, path: string, version: number): void {
  tx.delete(dataKey(path, version));
}

export function removeAll(tx: Transaction, path: string, metadata: Metadata): void {
  for (const { version } of metadata.versions) tx.delete(dataKey(path, version));
  tx.delete(metadataKey(path));
}

/** Deleted now, or by its time: the data is not shown. */
const isDeleted = ({ deletionTime = '' }: Version, now: number): boolean =>
  deletionTime !== '' && Date.parse(deletionTime) <= now;

/** Its data is not shown: it is deleted, or its data is no more. */
export const isGone = (version: Version, now: number): boolean => version.destroyed === true || isDeleted(version, now);

/** When a version ends by itself; empty for never. The sooner of the mount and the secret, unless the mount says never. */
export function deletionTimeOf(config: Config, metadata: Metadata, now: number): string {
  if (config.deleteVersionAfter < 0) return '';
  const set = [config.deleteVersionAfter, metadata.deleteVersionAfter].filter((seconds) => seconds > 0);
  return set.length === 0 ? '' : new Date(now + Math.min(...set) * 1000).toISOString();
}

/** The path of the secret that a key is the metadata record of. */
export const metadataPath = (key: string): string | undefined =>
  key.startsWith(METADATA) ? key.slice(METADATA.length) : undefined;

/** The path of a secret that a key belongs to; undefined for the mount's configuration. */
export function v2LogicalPath(key: string): string | undefined {
  if (key.startsWith(METADATA)) return key.slice(METADATA.length);
  if (!key.startsWith(DATA)) return undefined;
  return key.slice(key.indexOf('/', DATA.length) + 1);
}

/** The path of the secret that a request is about; undefined for the mount's configuration. */
export const v2RequestPath = (rest: string): string | undefined =>
  /^(?:data|metadata|delete|undelete|destroy|subkeys)\/(.+)$/s.exec(rest)?.[1];
