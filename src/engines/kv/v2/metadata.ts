/** `metadata/…`: what is known of a secret beside its data; lists. */
import { fail } from '../../../errors.ts';
import { field, type JsonObject } from '../../../framework/field.ts';
import {
  children,
  descendants,
  listed,
  namesOf,
  pageFields,
  type Asked,
  type Listing,
} from '../../../framework/listing.ts';
import { mustBeMergePatch } from '../../../framework/merge-patch.ts';
import { pathsOf } from '../../../framework/path.ts';
import type { MountTransaction } from '../../../framework/plugin.ts';
import { reply, type Reply } from '../../../framework/reply.ts';
import { formatDuration } from '../../../lib/duration.ts';
import { nextTurn } from '../../../lib/next-turn.ts';
import {
  keptConfig,
  keptMetadata,
  metadataKey,
  newMetadata,
  readMetadata,
  removeAll,
  writeMetadata,
  type KvV2,
  type Metadata,
  type Version,
} from './records.ts';
import { checkCustomMetadata, isoTime, secretPath } from './values.ts';

const at = pathsOf<KvV2>();

const shownVersion = (version: Version): JsonObject => ({
  created_time: version.createdTime,
  deletion_time: version.deletionTime ?? '',
  destroyed: version.destroyed ?? false,
});

function shown(metadata: Metadata): JsonObject {
  const versions = metadata.versions.map((version) => [String(version.version), shownVersion(version)] as const);
  return {
    cas_required: metadata.casRequired,
    created_time: metadata.createdTime,
    current_metadata_version: metadata.metadataVersion ?? 0,
    current_version: metadata.currentVersion,
    custom_metadata: metadata.customMetadata,
    delete_version_after: formatDuration(metadata.deleteVersionAfter),
    max_versions: metadata.maxVersions,
    metadata_cas_required: metadata.metadataCasRequired ?? false,
    oldest_version: metadata.oldestVersion,
    updated_time: metadata.updatedTime,
    versions: Object.fromEntries(versions),
  };
}

const settings = {
  cas_required: field.boolean('Every write must carry cas.'),
  metadata_cas: field.integer(
    'Write only if the settings were written so often before; 0: never, or there is no secret.',
  ),
  metadata_cas_required: field.boolean('Every write of metadata must carry metadata_cas.'),
  max_versions: field.integer('How many versions are kept, if the mount does not keep more; 0 is as the mount says.'),
  delete_version_after: field.duration(
    'Versions are deleted after this time, or the mount’s if that is shorter; 0 is as the mount says.',
  ),
  custom_metadata: field.object('The owner’s own notes: strings by name.'),
};
const settingNames = Object.keys(settings);

const fields = { path: field.name('Where the secret lies.'), ...settings, ...pageFields };

interface Given {
  readonly cas_required: boolean | undefined;
  readonly metadata_cas: number | undefined;
  readonly metadata_cas_required: boolean | undefined;
  readonly max_versions: number | undefined;
  readonly delete_version_after: number | undefined;
  readonly custom_metadata: JsonObject | undefined;
}

function strings(custom: JsonObject): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(custom)) {
    if (typeof value !== 'string') throw fail('badRequest', `custom_metadata: the value of "${key}" must be a string`);
  }
  return checkCustomMetadata(custom as Readonly<Record<string, string>>);
}

/** As Vault takes them in a write, though not in a patch. */
const asTexts = (custom: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(custom).map(([key, value]) => [
      key,
      typeof value === 'number' || typeof value === 'boolean' ? String(value) : value,
    ]),
  );

/** A patch names what it removes by null. */
function patchedCustom(before: Metadata['customMetadata'], patch: JsonObject): Metadata['customMetadata'] {
  const merged = Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null);
  return strings(Object.fromEntries(merged));
}

function apply(before: Metadata, given: Given, custom: Metadata['customMetadata'], now: number): Metadata {
  if (given.max_versions !== undefined && given.max_versions < 0)
    throw fail('badRequest', 'max_versions cannot be negative');
  return {
    ...before,
    // Made anew, since what is told of a version has these settings in it: see `Reply.identity`.
    versions: before.versions.map((version) => ({ ...version })),
    casRequired: given.cas_required ?? before.casRequired,
    metadataCasRequired: given.metadata_cas_required ?? before.metadataCasRequired ?? false,
    metadataVersion: (before.metadataVersion ?? 0) + 1,
    maxVersions: given.max_versions ?? before.maxVersions,
    deleteVersionAfter: given.delete_version_after ?? before.deleteVersionAfter,
    customMetadata: custom === null || Object.keys(custom).length === 0 ? null : custom,
    updatedTime: isoTime(now),
  };
}

/** What asks for nothing changes nothing, the number of the settings neither, as in OpenBao. */
const asksNothing = (body: JsonObject): boolean => !settingNames.some((name) => Object.hasOwn(body, name));

/** Throws `badRequest` when the settings are not as the writer knew them, or it should have said how it knew them. */
function checkCas(tx: MountTransaction, before: Metadata | undefined, { metadata_cas: cas }: Given): void {
  const required = before?.metadataCasRequired === true || keptConfig(tx).metadataCasRequired === true;
  if (cas === undefined) {
    if (required) throw fail('badRequest', 'metadata check-and-set parameter required for this call');
    return;
  }
  if (before === undefined && cas !== 0) throw fail('badRequest', 'metadata_cas must be 0 when creating new metadata');
  if (cas !== (before?.metadataVersion ?? 0)) {
    throw fail('badRequest', 'metadata check-and-set parameter does not match the current version');
  }
}

const names = { keys: field.list('Names; folders end in a slash.') };

const metadata = at('metadata/:path...', {
  help: 'Settings and versions of a secret, and the names below a folder.',
  fields,
  exists: ({ view }, { path }) => view.shared.has(metadataKey(path)),
  operations: {
    read: {
      summary: 'Read the metadata of a secret',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: ({ view }, { path }) => {
        const found = readMetadata(view.shared, path);
        return found === undefined ? reply.missing : reply.ok(shown(found));
      },
    },
    update: {
      summary: 'Write the settings of a secret',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, values, call) => {
        const path = secretPath(values.path);
        if (asksNothing(call.body)) return reply.empty;
        await view.shared.transact((tx) => {
          const known = keptMetadata(tx, path);
          checkCas(tx, known, values);
          const before = known ?? newMetadata(isoTime(call.now));
          const custom =
            values.custom_metadata === undefined ? before.customMetadata : strings(asTexts(values.custom_metadata));
          const metadata = apply(before, values, custom, call.now);
          writeMetadata(tx, { path, metadata, change: { type: 'metadata-write' } });
        });
        return reply.empty;
      },
    },
    patch: {
      summary: 'Change some settings of a secret',
      writes: 'shared',
      replies: { 204: 'empty', 404: 'empty' },
      run: async ({ view }, values, call): Promise<Reply> => {
        const path = secretPath(values.path);
        mustBeMergePatch(call);
        if (asksNothing(call.body)) return reply.empty;
        const found = await view.shared.transact((tx) => {
          const before = keptMetadata(tx, path);
          if (before === undefined) return false;
          checkCas(tx, before, values);
          const patch = values.custom_metadata;
          const cleared = Object.hasOwn(call.body, 'custom_metadata') && patch === undefined;
          const custom = cleared
            ? null
            : patch === undefined
              ? before.customMetadata
              : patchedCustom(before.customMetadata, patch);
          const metadata = apply(before, withResets(values, call.body), custom, call.now);
          writeMetadata(tx, { path, metadata, change: { type: 'metadata-patch' } });
          return true;
        });
        return found ? reply.empty : reply.missing;
      },
    },
    delete: {
      summary: 'Delete a secret with all its versions',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, { path }) => {
        await view.shared.transact((tx) => {
          const found = keptMetadata(tx, path);
          if (found !== undefined) removeAll(tx, path, found);
        });
        return reply.empty;
      },
    },
    list: {
      summary: 'List secrets',
      writes: 'nothing',
      replies: { 200: names, 404: 'empty' },
      run: ({ view }, { path, after, limit }) => listed(children(view.shared, folderOf(path)), { after, limit }),
    },
    scan: {
      summary: 'List secrets at any depth',
      writes: 'nothing',
      replies: { 200: names, 404: 'empty' },
      run: ({ view }, { path, after, limit }) => listed(descendants(view.shared, folderOf(path)), { after, limit }),
    },
  },
});

const folderOf = (path: string): string => metadataKey(path === '' || path.endsWith('/') ? path : `${path}/`);

/** In a patch, null gives a setting back to its default. */
function withResets(given: Given, body: JsonObject): Given {
  const reset = <T>(name: string, value: T | undefined, fallback: T): T | undefined =>
    body[name] === null ? fallback : value;
  return {
    cas_required: reset('cas_required', given.cas_required, false),
    metadata_cas: given.metadata_cas,
    metadata_cas_required: reset('metadata_cas_required', given.metadata_cas_required, false),
    max_versions: reset('max_versions', given.max_versions, 0),
    delete_version_after: reset('delete_version_after', given.delete_version_after, 0),
    custom_metadata: given.custom_metadata,
  };
}

function detail(mount: KvV2, folder: string, name: string): JsonObject | undefined {
  const found = name.endsWith('/') ? undefined : readMetadata(mount.view.shared, folder + name);
  return found === undefined ? undefined : shown(found);
}

const detailed = at('detailed-metadata/:path...', {
  help: 'Names below a folder, each with its metadata.',
  fields: { path: fields.path, ...pageFields },
  operations: {
    list: {
      summary: 'List secrets with their metadata',
      writes: 'nothing',
      replies: { 200: { ...names, key_info: field.object('Metadata by name.') }, 404: 'empty' },
      run: (mount, { path, after, limit }) =>
        withDetails(mount, path, children(mount.view.shared, folderOf(path)), { after, limit }),
    },
    scan: {
      summary: 'List secrets at any depth with their metadata',
      writes: 'nothing',
      replies: { 200: { ...names, key_info: field.object('Metadata by name.') }, 404: 'empty' },
      run: (mount, { path, after, limit }) =>
        withDetails(mount, path, descendants(mount.view.shared, folderOf(path)), { after, limit }),
    },
  },
});

/** Each name costs the reading of a record. */
const MOST_DETAILED = 10_000;
const DETAILED_AT_ONCE = 200;

async function withDetails(mount: KvV2, path: string, listing: Listing, asked: Asked): Promise<Reply> {
  const folder = path === '' || path.endsWith('/') ? path : `${path}/`;
  const keys = await namesOf({ ...listing, most: MOST_DETAILED }, asked);
  const info: (readonly [string, JsonObject])[] = [];
  for (const [at, key] of keys.entries()) {
    if (at > 0 && at % DETAILED_AT_ONCE === 0) await nextTurn();
    const found = detail(mount, folder, key);
    if (found !== undefined) info.push([key, found]);
  }
  return reply.keys(keys, { key_info: Object.fromEntries(info) });
}

export const metadataPaths = [metadata, detailed];
