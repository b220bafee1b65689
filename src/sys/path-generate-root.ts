/**
 * `sys/generate-root` (Vault), `sys/generate-root-token` (OpenBao) and `sys/decode-token`: a new root token by shares; and
 * `sys/generate-recovery-token`, which nothing but recovery mode serves.
 */
import type { Node } from '../core/node.ts';
import type { RecoveryNode } from '../core/recovery/recovery-node.ts';
import { decodeToken, type RootGeneration, type RootProgress } from '../core/root-generation.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf, type Path } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { holdersOf } from './held-keys.ts';
import { decodeShare } from './share-field.ts';

interface Manner<Mount> {
  readonly base: string;
  readonly access: 'root' | 'generate-root' | 'open';
  readonly generation: (mount: Mount, call: Call) => RootGeneration;
  /** Whether it is served in namespaces too, about their own root token. */
  readonly namespaces: { readonly namespaces?: true };
  readonly form: { readonly form?: 'bare' };
  readonly answer: (data: JsonObject) => Reply;
}
const bare = { form: { form: 'bare' }, answer: (data: JsonObject): Reply => ({ status: 200, bare: data }) } as const;
const generation = (node: Node, call: Call): RootGeneration => holdersOf(node, call).rootGeneration;

const manners: readonly Manner<Node>[] = [
  { base: 'generate-root', access: 'generate-root', generation, namespaces: {}, ...bare },
  {
    ...{ base: 'generate-root-token', access: 'root', generation },
    ...{ namespaces: { namespaces: true }, form: {}, answer: reply.ok },
  },
];

/** Before there is a token, and without anything that could tell who asks: the shares are what proves it. */
const recovery: Manner<RecoveryNode> = {
  base: 'generate-recovery-token',
  access: 'open',
  generation: (node) => node.generation,
  namespaces: {},
  ...bare,
};

const progressFields = {
  nonce: field.string('Names the attempt.'),
  started: field.boolean('Whether there is one.'),
  progress: field.integer('Shares given so far.'),
  required: field.integer('How many are needed.'),
  complete: field.boolean('Whether the token is made.'),
  encoded_token: field.string('The token, encrypted by the one-time password or to the PGP key.'),
  encoded_root_token: field.string('The same, under its older name.'),
  pgp_fingerprint: field.string('Of the PGP key.'),
  otp: field.string('The one-time password, where one was made: shown this once.'),
  otp_length: field.integer('How long a one-time password must be.'),
} as const;

function shown({ encodedToken, fingerprint, ...progress }: RootProgress): JsonObject {
  return {
    nonce: progress.nonce,
    started: progress.started,
    progress: progress.progress,
    required: progress.required,
    complete: progress.complete,
    encoded_token: encodedToken,
    encoded_root_token: encodedToken,
    pgp_fingerprint: fingerprint,
    otp: progress.otp,
    otp_length: progress.otpLength,
  };
}

const repliesOf = ({ access }: Pick<Manner<never>, 'access'>) =>
  ({ 200: access === 'root' ? progressFields : 'any' }) as const;

const attempt = <Mount>(manner: Manner<Mount>): Path<Mount> =>
  pathsOf<Mount>()(`${manner.base}/attempt`, {
    help: 'Starts an attempt to make the token, and tells how far it is.',
    access: manner.access,
    ...manner.namespaces,
    fields: {
      otp: field.secret('A one-time password of `otp_length` bytes; one is made if neither it nor pgp_key is given.', {
        default: '',
      }),
      pgp_key: field.string('A public PGP key, in base64.', { default: '' }),
    },
    operations: {
      read: {
        summary: 'How far the attempt is',
        writes: 'nothing',
        replies: repliesOf(manner),
        ...manner.form,
        run: (node, _values, call) => manner.answer(shown(manner.generation(node, call).progress())),
      },
      update: {
        summary: 'Start an attempt',
        writes: 'local',
        replies: repliesOf(manner),
        ...manner.form,
        run: async (node, { otp, pgp_key: pgpKey }, call) =>
          manner.answer(shown(await manner.generation(node, call).start({ otp, pgpKey }))),
      },
      delete: {
        summary: 'Cancel the attempt',
        writes: 'local',
        replies: { 204: 'empty' },
        run: (node, _values, call) => {
          manner.generation(node, call).cancel();
          return reply.empty;
        },
      },
    },
  });

const update = <Mount>(manner: Manner<Mount>): Path<Mount> =>
  pathsOf<Mount>()(`${manner.base}/update`, {
    help: 'Takes one share; the last that is needed makes the token.',
    access: manner.access,
    ...manner.namespaces,
    fields: {
      key: field.secret('One share, hex or base64.', { default: '' }),
      nonce: field.string('The nonce of the attempt.', { default: '' }),
    },
    operations: {
      update: {
        summary: 'Give a share',
        writes: 'local',
        replies: repliesOf(manner),
        ...manner.form,
        run: async (node, { key, nonce }, call) => {
          if (key === '') throw fail('badRequest', 'key is required');
          if (nonce === '') throw fail('badRequest', 'nonce is required');
          return manner.answer(shown(await manner.generation(node, call).give(decodeShare(key), nonce)));
        },
      },
    },
  });

const decode = pathsOf<Node>()('decode-token', {
  help: 'Decodes a token that sys/generate-root encoded with a one-time password. It changes and remembers nothing.',
  access: 'open',
  fields: {
    encoded_token: field.required(field.secret('As sys/generate-root gave it.')),
    otp: field.required(field.secret('The one-time password.')),
  },
  operations: {
    update: {
      summary: 'Decode a token',
      writes: 'nothing',
      replies: { 200: { token: field.string('The token.') } },
      run: (_, { encoded_token: encoded, otp }) => {
        const token = decodeToken(encoded, otp);
        if (token === undefined) throw fail('badRequest', 'encoded_token and otp are not of one length');
        return reply.ok({ token });
      },
    },
  },
});

export const generateRootPaths: readonly Path<Node>[] = [...manners.map(attempt), ...manners.map(update), decode];

export const recoveryTokenPaths: readonly Path<RecoveryNode>[] = [attempt(recovery), update(recovery)];
