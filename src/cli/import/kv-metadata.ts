/** What KV version 2 tells of a secret, on either side, read into one form. */
import { isObject } from '../../client/json.ts';
import { durationSeconds } from '../../lib/duration.ts';
import type { Data } from '../pairs.ts';

export interface Version {
  /** `destroyed` also where the number is missing: pruned, or never there. */
  readonly standing: 'live' | 'deleted' | 'destroyed';
  /** When a live version will be deleted, in milliseconds; undefined for never. */
  readonly deletedAt: number | undefined;
}

export interface Metadata {
  readonly current: number;
  /** 0: none was pruned yet. */
  readonly oldest: number;
  readonly versions: ReadonlyMap<number, Version>;
  readonly settings: Settings;
  readonly created: string;
}

/** As `metadata/` takes them. */
export interface Settings {
  readonly max_versions: number;
  readonly cas_required: boolean;
  /** Seconds. */
  readonly delete_version_after: number;
  readonly custom_metadata: Readonly<Record<string, unknown>>;
}

const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

export function metadataOf(found: Data, now: number): Metadata {
  const versions = isObject(found['versions']) ? found['versions'] : {};
  return {
    current: number(found['current_version']),
    oldest: number(found['oldest_version']),
    versions: new Map(
      Object.entries(versions).flatMap(([name, version]) =>
        isObject(version) ? [[Number(name), versionOf(version, now)] as const] : [],
      ),
    ),
    settings: {
      max_versions: number(found['max_versions']),
      cas_required: found['cas_required'] === true,
      delete_version_after: durationSeconds(found['delete_version_after'] ?? 0, 'delete_version_after', {
        negative: true,
      }),
      custom_metadata: isObject(found['custom_metadata']) ? found['custom_metadata'] : {},
    },
    created: String(found['created_time']),
  };
}

function versionOf(version: Data, now: number): Version {
  if (version['destroyed'] === true) return { standing: 'destroyed', deletedAt: undefined };
  const text = version['deletion_time'];
  const at = typeof text === 'string' && text !== '' ? Date.parse(text) : undefined;
  return at !== undefined && at <= now
    ? { standing: 'deleted', deletedAt: undefined }
    : { standing: 'live', deletedAt: at };
}

/** What is no longer told of stands as destroyed. */
export const standingOf = ({ versions }: Metadata, number: number): Version['standing'] =>
  versions.get(number)?.standing ?? 'destroyed';
