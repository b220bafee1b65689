/**
 * New shares: `sys/rotate/root` and `sys/rotate/recovery` (OpenBao), and `sys/rekey` and `sys/rekey-recovery-key` (Vault),
 * which differ in the form of their replies, and which a listener may serve without a token.
 */
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import { field, type Fields, type JsonObject } from '../framework/field.ts';
import { pathsOf, type Path } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import type { Rekeyed, RekeyProgress, VerifyProgress } from '../seal/rekey.ts';
import type { ShareKind } from '../seal/share-backup.ts';
import { holdersOf } from './held-keys.ts';
import { decodeShare } from './share-field.ts';

const at = pathsOf<Node>();

/** How a path answers: under `data`, or as Vault's first paths do, without an envelope. */
interface Manner {
  readonly access: 'root' | 'rekey';
  /** Whether it is served in namespaces too, about their own shares. */
  readonly namespaces: { readonly namespaces?: true };
  readonly form: { readonly form?: 'bare' };
  readonly answer: (data: JsonObject) => Reply;
}
const enveloped: Manner = { access: 'root', namespaces: { namespaces: true }, form: {}, answer: reply.ok };
const bare: Manner = {
  access: 'rekey',
  namespaces: {},
  form: { form: 'bare' },
  answer: (data) => ({ status: 200, bare: withoutEmptyNonce(data) }),
};

/** Old clients compare whole replies, and the peers leave it out until it is due. */
function withoutEmptyNonce({ verification_nonce: nonce, ...rest }: JsonObject): JsonObject {
  return nonce === undefined || nonce === '' ? rest : { ...rest, verification_nonce: nonce };
}

const progressFields = {
  nonce: field.string('Names the attempt.'),
  started: field.boolean('Whether there is one.'),
  t: field.integer('Threshold of the new shares.'),
  n: field.integer('Number of the new shares.'),
  progress: field.integer('Shares given so far.'),
  required: field.integer("How many of today's shares are needed."),
  pgp_fingerprints: field.list('Of the keys that the new shares will be encrypted to.'),
  backup: field.boolean('Whether the encrypted shares are kept.'),
  verification_required: field.boolean('Whether the new shares hold only once they were given.'),
  verification_nonce: field.string('Names the verification, once it is due.'),
} as const;
const doneFields = {
  complete: field.boolean('Whether enough shares were given.'),
  keys: field.list('The new shares, hex.'),
  keys_base64: field.list('The same in base64.'),
} as const;
const verifyFields = {
  nonce: progressFields.nonce,
  started: progressFields.started,
  t: progressFields.t,
  n: progressFields.n,
  progress: progressFields.progress,
  complete: field.boolean('The new shares hold.'),
} as const;

const orNull = (texts: readonly string[]): readonly string[] | null => (texts.length === 0 ? null : texts);

function progressOf(progress: RekeyProgress): JsonObject {
  return {
    nonce: progress.nonce,
    started: progress.started,
    t: progress.split.threshold,
    n: progress.split.shares,
    progress: progress.progress,
    required: progress.required,
    pgp_fingerprints: orNull(progress.fingerprints),
    backup: progress.backup,
    verification_required: progress.verify,
    verification_nonce: progress.verificationNonce,
  };
}

function rekeyedOf({ nonce, shares, fingerprints, ...rekeyed }: Rekeyed): JsonObject {
  const { hex, base64 } = shares.expose();
  return {
    nonce,
    complete: true,
    keys: hex,
    keys_base64: base64,
    pgp_fingerprints: orNull(fingerprints),
    backup: rekeyed.backup,
    verification_required: rekeyed.verify,
    verification_nonce: rekeyed.verificationNonce,
  };
}

function verificationOf({ nonce, started, split, progress }: VerifyProgress): JsonObject {
  return { nonce, started, t: split.threshold, n: split.shares, progress };
}

const replies = (fields: Fields, { access }: Manner): Fields | 'any' => (access === 'root' ? fields : 'any');

const shareFields = {
  key: field.secret('One share, hex or base64.'),
  nonce: field.string('The nonce of the attempt.', { default: '' }),
} as const;

function needed(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw fail('badRequest', `${name} is required`);
  return value;
}

const init = (pattern: string, kind: ShareKind, manner: Manner): Path<Node> =>
  at(pattern, {
    help: 'Starts an attempt to make new shares, and tells how far it is.',
    access: manner.access,
    ...manner.namespaces,
    fields: {
      secret_shares: field.integer('How many new shares.', { default: 0 }),
      secret_threshold: field.integer('How many of them are needed.', { default: 0 }),
      stored_shares: field.integer('Kept for old clients; has no effect.'),
      pgp_keys: field.list('One public PGP key for each share, in base64.'),
      backup: field.boolean('Keep the shares that are encrypted to PGP keys.', { default: false }),
      require_verification: field.boolean('The new shares hold only once enough of them were given.', {
        default: false,
      }),
    },
    operations: {
      read: {
        summary: 'How far the attempt is',
        writes: 'nothing',
        replies: { 200: replies(progressFields, manner) },
        ...manner.form,
        run: (node, _values, call) => manner.answer(progressOf(holdersOf(node, call).rekey[kind].progress())),
      },
      update: {
        summary: 'Start an attempt',
        writes: 'local',
        replies: { 200: replies(progressFields, manner) },
        ...manner.form,
        run: async (node, values, call) =>
          manner.answer(
            progressOf(
              await holdersOf(node, call).rekey[kind].start({
                shares: values.secret_shares,
                threshold: values.secret_threshold,
                pgpKeys: values.pgp_keys,
                backup: values.backup,
                verify: values.require_verification,
              }),
            ),
          ),
      },
      delete: {
        summary: 'Cancel the attempt',
        writes: 'local',
        replies: { 204: 'empty' },
        run: (node, _values, call) => {
          holdersOf(node, call).rekey[kind].cancel();
          return reply.empty;
        },
      },
    },
  });

const update = (pattern: string, kind: ShareKind, manner: Manner): Path<Node> =>
  at(pattern, {
    help: "Takes one of today's shares; the last that is needed gives the new ones.",
    access: manner.access,
    ...manner.namespaces,
    fields: shareFields,
    operations: {
      update: {
        summary: 'Give a share',
        writes: 'local',
        replies: { 200: replies({ ...progressFields, ...doneFields }, manner) },
        ...manner.form,
        run: async (node, { key, nonce }, call) => {
          const given = decodeShare(needed('key', key));
          const found = await holdersOf(node, call).rekey[kind].give(given, needed('nonce', nonce));
          return manner.answer('shares' in found ? rekeyedOf(found) : progressOf(found));
        },
      },
    },
  });

const verify = (pattern: string, kind: ShareKind, manner: Manner): Path<Node> =>
  at(pattern, {
    help: 'Proves that the new shares arrived: once enough of them were given they hold, and the old ones no more.',
    access: manner.access,
    ...manner.namespaces,
    fields: shareFields,
    operations: {
      read: {
        summary: 'How far the verification is',
        writes: 'nothing',
        replies: { 200: replies(verifyFields, manner) },
        ...manner.form,
        run: (node, _values, call) => manner.answer(verificationOf(holdersOf(node, call).rekey[kind].verification())),
      },
      update: {
        summary: 'Give one of the new shares',
        writes: 'local',
        replies: { 200: replies(verifyFields, manner) },
        ...manner.form,
        run: async (node, { key, nonce }, call) => {
          const given = decodeShare(needed('key', key));
          const found = await holdersOf(node, call).rekey[kind].verify(given, needed('nonce', nonce));
          return manner.answer(found === undefined ? { nonce, complete: true } : verificationOf(found));
        },
      },
      delete: {
        summary: 'Start the verification again, with a new nonce',
        writes: 'local',
        replies: { 200: replies(verifyFields, manner) },
        ...manner.form,
        run: (node, _values, call) =>
          manner.answer(verificationOf(holdersOf(node, call).rekey[kind].restartVerification())),
      },
    },
  });

const backup = (pattern: string, kind: ShareKind, { namespaces }: Pick<Manner, 'namespaces'>): Path<Node> =>
  at(pattern, {
    help: 'Shares that a rekey encrypted to PGP keys and kept.',
    access: 'root',
    ...namespaces,
    fields: {},
    operations: {
      read: {
        summary: 'The encrypted shares, by the fingerprint of the key',
        writes: 'nothing',
        replies: {
          200: {
            nonce: progressFields.nonce,
            keys: field.object('Fingerprint to encrypted shares, hex.'),
            keys_base64: field.object('The same in base64.'),
          },
        },
        run: (node, _values, call) => {
          const found = holdersOf(node, call).backup(kind);
          if (found === undefined) throw fail('badRequest', 'no backed-up keys found');
          return reply.ok({ nonce: found.nonce, keys: found.keys, keys_base64: inBase64(found.keys) });
        },
      },
      delete: {
        summary: 'Delete them',
        writes: 'local',
        replies: { 204: 'empty' },
        run: async (node, _values, call) => {
          await holdersOf(node, call).deleteBackup(kind);
          return reply.empty;
        },
      },
    },
  });

function inBase64(keys: Readonly<Record<string, readonly string[]>>): JsonObject {
  const text = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
  return Object.fromEntries(Object.entries(keys).map(([fingerprint, shares]) => [fingerprint, shares.map(text)]));
}

/** At once, without shares: where a machine keeps the unseal key. */
const rotateRoot = at('rotate/root', {
  help: 'Makes a new root key where the node unseals by itself; with shares, sys/rotate/root/init does it.',
  access: 'root',
  namespaces: true,
  fields: {},
  operations: {
    update: {
      summary: 'Rotate the root key',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, _values, call) => {
        await holdersOf(node, call).rotateRoot();
        return reply.empty;
      },
    },
  },
});

const attempt = (base: string, kind: ShareKind, manner: Manner): readonly Path<Node>[] => [
  init(`${base}/init`, kind, manner),
  update(`${base}/update`, kind, manner),
  verify(`${base}/verify`, kind, manner),
];

export const rekeyPaths: readonly Path<Node>[] = [
  rotateRoot,
  ...attempt('rotate/root', 'root', enveloped),
  ...attempt('rotate/recovery', 'recovery', enveloped),
  ...attempt('rekey', 'root', bare),
  ...attempt('rekey-recovery-key', 'recovery', bare),
  backup('rotate/root/backup', 'root', enveloped),
  backup('rotate/recovery/backup', 'recovery', enveloped),
  backup('rekey/backup', 'root', bare),
  backup('rekey/recovery-key-backup', 'recovery', bare),
];
