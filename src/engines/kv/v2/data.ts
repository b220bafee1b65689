/** `data/…`: reading, writing, patching and soft-deleting the current version; `subkeys/…`: its shape without values. */
import { fail } from '../../../errors.ts';
import type { Call } from '../../../framework/call.ts';
import { field, type JsonObject } from '../../../framework/field.ts';
import { mustBeMergePatch } from '../../../framework/merge-patch.ts';
import { pathsOf } from '../../../framework/path.ts';
import type { MountTransaction } from '../../../framework/plugin.ts';
import { reply, type Reply } from '../../../framework/reply.ts';
import { mergePatch } from '../../../lib/merge-patch.ts';
import {
  appendVersion,
  currentVersion,
  deletionTimeOf,
  DEFAULT_MAX_VERSIONS,
  isGone,
  keptConfig,
  keptMetadata,
  metadataKey,
  newMetadata,
  readData,
  versionAt,
  writeMetadata,
  type KvV2,
  type Metadata,
  type Version,
} from './records.ts';
import { isoTime, secretPath } from './values.ts';

const at = pathsOf<KvV2>();

function shownVersion(metadata: Metadata, version: Version): JsonObject {
  return {
    created_time: version.createdTime,
    custom_metadata: metadata.customMetadata,
    deletion_time: version.deletionTime ?? '',
    destroyed: version.destroyed ?? false,
    version: version.version,
  };
}

interface Found {
  readonly metadata: Metadata;
  readonly version: Version;
  /** undefined when the version is deleted or destroyed. */
  readonly data: JsonObject | undefined;
}

function find(mount: KvV2, path: string, wanted: number, call: Call): Found | undefined {
  const metadata = keptMetadata(mount.view.shared, path);
  if (metadata === undefined) return undefined;
  const version = wanted === 0 ? currentVersion(metadata) : versionAt(metadata, wanted);
  if (version === undefined) return undefined;
  return {
    metadata,
    version,
    data: isGone(version, call.now) ? undefined : readData(mount.view.shared, path, version.version),
  };
}

/** 404 with the metadata, as Vault answers for a version that is deleted or destroyed. */
function gone({ metadata, version }: Found, empty: string): Reply {
  return { status: 404, data: { [empty]: null, metadata: shownVersion(metadata, version) } };
}

function options(raw: JsonObject): number | undefined {
  const { cas, ...unknown } = raw;
  const [other] = Object.keys(unknown);
  if (other !== undefined && other !== 'metadata_cas')
    throw fail('badRequest', `unknown option "${other}": only cas is known`);
  return cas === undefined || cas === null ? undefined : field.integer('').coerce(cas, 'cas');
}

/** Throws `badRequest` unless `cas` is what it must be. */
function checkCas(cas: number | undefined, required: boolean, current: number): void {
  if (cas === undefined) {
    if (required) throw fail('badRequest', 'check-and-set parameter required for this call');
    return;
  }
  if (cas !== current) throw fail('badRequest', 'check-and-set parameter did not match the current version');
}

interface Writing {
  readonly path: string;
  readonly cas: number | undefined;
  readonly now: number;
  readonly change: 'data-write' | 'data-patch';
}

function commit(
  tx: MountTransaction,
  before: Metadata,
  { path, cas, now, change }: Writing,
  data: JsonObject,
): Metadata {
  const config = keptConfig(tx);
  checkCas(cas, config.casRequired || before.casRequired, before.currentVersion);
  const due = deletionTimeOf(config, before, now);
  const created = { createdTime: isoTime(now), ...(due === '' ? {} : { deletionTime: due }) };
  // The larger one, as in Vault, whatever its docs say: the smaller one would drop versions that are kept there.
  const limit = Math.max(before.maxVersions, config.maxVersions) || DEFAULT_MAX_VERSIONS;
  return appendVersion(tx, path, before, { data, created, limit, change });
}

function written(metadata: Metadata): Reply {
  const version = currentVersion(metadata);
  if (version === undefined) throw fail('corrupt', 'the version just written is missing from its metadata');
  return reply.ok(shownVersion(metadata, version));
}

const fields = {
  path: field.name('Where the secret lies.'),
  version: field.integer('Which version; 0 is the current one.', { default: 0 }),
  data: field.object('Names and values.'),
  options: field.object('`cas`: write only if the current version is this; 0: only if there is none.', { default: {} }),
};

const replyFields = {
  created_time: field.time('When the version was written.'),
  custom_metadata: field.map('Of the secret.'),
  deletion_time: field.time('When it was or will be deleted; empty otherwise.'),
  destroyed: field.boolean('Whether its data is gone for good.'),
  version: field.integer('Number of the version.'),
};

const data = at('data/:path...', {
  help: 'Versions of a secret.',
  fields,
  exists: ({ view }, { path }) => view.shared.has(metadataKey(path)),
  operations: {
    read: {
      summary: 'Read a version',
      writes: 'nothing',
      replies: {
        200: { data: field.object('Names and values.'), metadata: field.object('Of the version.') },
        404: 'any',
      },
      run: (mount, { path, version }, call) => {
        const found = find(mount, path, version, call);
        if (found === undefined) return reply.missing;
        if (found.data === undefined) return gone(found, 'data');
        const metadata = shownVersion(found.metadata, found.version);
        // A version's data never change, and what is told of it changes only with the record that holds `version`.
        return { ...reply.ok({ data: found.data, metadata }), identity: found.version };
      },
    },
    update: {
      summary: 'Write a new version',
      writes: 'shared',
      replies: { 200: replyFields },
      run: async (mount, values, call) => {
        const path = secretPath(values.path);
        if (values.data === undefined) throw fail('badRequest', 'no data provided');
        const writing = { path, cas: options(values.options), now: call.now, change: 'data-write' } as const;
        const given = values.data;
        const metadata = await mount.view.shared.transact((tx) =>
          commit(tx, keptMetadata(tx, path) ?? newMetadata(isoTime(call.now)), writing, given),
        );
        return written(metadata);
      },
    },
    patch: {
      summary: 'Merge into the current version (RFC 7396)',
      writes: 'shared',
      replies: { 200: replyFields, 404: 'any' },
      run: async (mount, values, call) => {
        const path = secretPath(values.path);
        mustBeMergePatch(call);
        if (values.data === undefined) throw fail('badRequest', 'no data provided');
        const writing = { path, cas: options(values.options), now: call.now, change: 'data-patch' } as const;
        const patch = values.data;
        const patched = await mount.view.shared.transact((tx) => {
          const before = keptMetadata(tx, path);
          if (before === undefined) return undefined;
          const current = currentVersion(before);
          checkCas(writing.cas, keptConfig(tx).casRequired || before.casRequired, before.currentVersion);
          if (current === undefined) return undefined;
          const old = isGone(current, call.now) ? undefined : readData(tx, path, before.currentVersion);
          if (old === undefined) return { gone: shownVersion(before, current) };
          return commit(tx, before, writing, mergePatch(old, patch));
        });
        if (patched === undefined) return reply.missing;
        return 'gone' in patched ? { status: 404, data: patched.gone } : written(patched);
      },
    },
    delete: {
      summary: 'Delete the current version; it can be undeleted',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, { path }, call) => {
        await mount.view.shared.transact((tx) => {
          const metadata = keptMetadata(tx, path);
          const current = metadata && currentVersion(metadata);
          if (metadata === undefined || current === undefined) return;
          if (isGone(current, call.now)) return;
          const deleted = { ...current, deletionTime: isoTime(call.now) };
          writeMetadata(tx, {
            path,
            metadata: {
              ...metadata,
              versions: metadata.versions.map((version) => (version === current ? deleted : version)),
            },
            change: { type: 'data-delete', versions: [current.version] },
          });
        });
        return reply.empty;
      },
    },
  },
});

/** The same keys without their values: null, or an object down to `depth` levels (0: all). */
function shape(value: unknown, depth: number, level = 1): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  if (depth > 0 && level > depth) return null;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner, depth, level + 1)]));
}

const subkeys = at('subkeys/:path...', {
  help: 'The keys of a version, without their values.',
  fields: {
    path: fields.path,
    version: fields.version,
    depth: field.integer('How many levels; 0 is all.', { default: 0 }),
  },
  operations: {
    read: {
      summary: 'Read the keys of a version',
      writes: 'nothing',
      replies: { 200: { subkeys: field.object('The keys.'), metadata: field.object('Of the version.') }, 404: 'any' },
      run: (mount, { path, version, depth }, call) => {
        const found = find(mount, path, version, call);
        if (found === undefined) return reply.missing;
        if (found.data === undefined) return gone(found, 'subkeys');
        const metadata = shownVersion(found.metadata, found.version);
        return reply.ok({ subkeys: shape(found.data, depth), metadata });
      },
    },
  },
});

export const dataPaths = [data, subkeys];
