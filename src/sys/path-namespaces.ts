/** `sys/namespaces`: the namespaces right below the one that is asked. */
import { SEAL_STAYS } from '../core/namespaces/namespace-changes.ts';
import { namespaceName, type NamespaceRecord } from '../core/namespaces/namespace.ts';
import { emptyNamespace } from '../core/leases/lease-ending.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { mergePatch } from '../lib/merge-patch.ts';
import { makeOwnKeys, type OwnKeys } from '../seal/own-keys.ts';
import { removeLater } from './namespace-removal.ts';
import { readSealDocument } from './namespace-seal-document.ts';

const at = pathsOf<Node>();

type Metadata = Readonly<Record<string, string>>;

const MOST_METADATA = 64;
const LONGEST_KEY = 128;
const LONGEST_VALUE = 512;

const described = {
  id: field.string('Six characters: the ending of its tokens and accessors.'),
  uuid: field.string('Never used again.'),
  path: field.string('From the root namespace on, with a closing slash.'),
  custom_metadata: field.map('For people.'),
  locked: field.boolean('Whether it answers nothing until it is unlocked.'),
  tainted: field.boolean('Always false: one that is being deleted is not there any more.'),
};

function shown({ id, uuid, path, customMetadata, lock }: NamespaceRecord): JsonObject {
  return { custom_metadata: customMetadata, id, locked: lock !== undefined, path, tainted: false, uuid };
}

const sharesReply = {
  key_shares: field.list('Of one with a seal of its own: the shares of its unseal key, in hex, shown this once.'),
  key_threshold: field.integer('How many of them unseal it.'),
};

interface AskedSeal {
  readonly seal: string | undefined;
  readonly pgpKeys: readonly string[] | undefined;
  readonly now: number;
}

/** undefined where no seal is asked for. */
async function ownKeysOf({ seal, pgpKeys, now }: AskedSeal): Promise<OwnKeys | undefined> {
  if (seal !== undefined) return makeOwnKeys({ split: readSealDocument(seal), pgpKeys, now });
  if (pgpKeys === undefined || pgpKeys.length === 0) return undefined;
  throw fail('badRequest', 'pgp_keys are for the shares of a seal: give "seal" too');
}

/** Those encrypted to PGP keys as base64, as in Vault's other replies. */
function shownShares(own: OwnKeys | undefined): JsonObject {
  return own === undefined ? {} : { key_shares: own.shares.expose().hex, key_threshold: own.threshold };
}

/** Strings alone, so that nothing is turned into text unasked. */
function assertMetadata(given: JsonObject): Metadata {
  const entries = Object.entries(given);
  if (entries.length > MOST_METADATA) {
    throw fail('badRequest', `custom_metadata has at most ${String(MOST_METADATA)} keys`);
  }
  for (const [key, value] of entries) {
    if (typeof value !== 'string') throw fail('badRequest', 'custom_metadata values must be strings');
    if (key === '' || key.length > LONGEST_KEY || value.length > LONGEST_VALUE) {
      throw fail(
        'badRequest',
        `a key of custom_metadata has 1 to ${String(LONGEST_KEY)} characters, a value at most ${String(LONGEST_VALUE)}`,
      );
    }
  }
  return given as Metadata;
}

function listedBelow({ services }: Node, { namespace }: Call, deep: boolean): Reply {
  const found = services.namespaces
    .below(namespace, deep)
    .map((record) => [record.path.slice(namespace.path.length), shown(record)] as const);
  return reply.keys(
    found.map(([key]) => key),
    { key_info: Object.fromEntries(found) },
  );
}

const keysAndInfo = { keys: field.list('Paths below this namespace.'), key_info: field.object('Each, by its path.') };

const all = at('namespaces', {
  help: 'The namespaces below this one.',
  namespaces: true,
  fields: {},
  operations: {
    list: {
      summary: 'List the namespaces right below',
      writes: 'nothing',
      replies: { 200: keysAndInfo, 404: 'empty' },
      run: (node, _values, call) => listedBelow(node, call, false),
    },
    scan: {
      summary: 'List the namespaces anywhere below',
      writes: 'nothing',
      replies: { 200: keysAndInfo, 404: 'empty' },
      run: (node, _values, call) => listedBelow(node, call, true),
    },
  },
});

const one = at('namespaces/:path...', {
  help: 'Makes, describes and deletes a namespace right below this one.',
  namespaces: true,
  fields: {
    path: field.name('Its name, without a slash.'),
    custom_metadata: field.object('For people: strings by name. In a PATCH null takes a key out.'),
    seal: field.string(
      'Makes it with a seal of its own: a `seal "shamir"` stanza in HCL or JSON with shares and threshold.',
    ),
    pgp_keys: field.list('With a seal: one public PGP key for each share, in base64.'),
  },
  exists: ({ services }, { path }, { namespace }) =>
    services.namespaces.byPath(`${namespace.path}${path.replace(/\/$/, '')}/`) !== undefined,
  operations: {
    read: {
      summary: 'Show a namespace',
      writes: 'nothing',
      replies: { 200: described, 404: 'empty' },
      run: ({ services }, { path }, { namespace }) => {
        const found = services.namespaces.byPath(`${namespace.path}${namespaceName(path)}/`);
        const record = found === undefined ? undefined : services.namespaces.record(found.id);
        return record === undefined ? reply.missing : reply.ok(shown(record));
      },
    },
    update: {
      summary: 'Make a namespace, or describe it anew',
      writes: 'shared',
      replies: { 200: { ...described, ...sharesReply } },
      run: async ({ services }, { path, custom_metadata: given, seal, pgp_keys: pgpKeys }, { namespace }) => {
        const name = namespaceName(path);
        const metadata = assertMetadata(given ?? {});
        const own = await ownKeysOf({ seal, pgpKeys, now: services.now() });
        const record = await services.namespaceChanges.put(namespace, name, metadata, own);
        return reply.ok({ ...shown(record), ...shownShares(own) });
      },
    },
    patch: {
      summary: 'Change what is said of a namespace',
      writes: 'shared',
      replies: { 200: described },
      run: async ({ services }, { path, custom_metadata: patch = {}, seal, pgp_keys: pgpKeys }, { namespace }) => {
        if (seal !== undefined || pgpKeys !== undefined) throw fail('badRequest', SEAL_STAYS);
        const changed = await services.namespaceChanges.change(namespace, namespaceName(path), (before) => ({
          ...before,
          customMetadata: assertMetadata(mergePatch(before.customMetadata, patch)),
        }));
        return reply.ok(shown(changed));
      },
    },
    delete: {
      summary: 'Delete a namespace and all that is in it',
      writes: 'shared',
      // `status` is `in-progress`: it is gone, and its data is being removed. Of one that is not there a warning says so.
      replies: { 200: 'any' },
      run: async (node, { path }, { namespace }) => {
        const name = namespaceName(path);
        using _emptied = await emptied(node, `${namespace.path}${name}/`);
        const id = await node.services.namespaceChanges.delete(namespace, name);
        if (id !== undefined) node.services.namespaceSeals.forget([id]);
        if (id === undefined) return { status: 200, warnings: ['requested namespace does not exist'] };
        removeLater(node, id);
        return reply.ok({ status: 'in-progress' });
      },
    },
  },
});

/** Leases are taken back while the mounts that can do it are there; one that cannot be deleted keeps them. */
async function emptied({ services }: Node, path: string): Promise<Disposable | undefined> {
  const found = services.namespaces.byPath(path);
  if (found === undefined || services.namespaces.below(found).length > 0) return undefined;
  if (services.namespaces.isSealed(found.id)) throw fail('namespaceSealed');
  return emptyNamespace(services, found.id);
}

export const namespacePaths = [all, one];
