/** `sys/init`, `sys/seal-status`, `sys/unseal`, `sys/seal`: the life of the seal. */
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { noteSealChange } from '../core/seal-changes.ts';
import { fail } from '../errors.ts';
import type { Node } from '../core/node.ts';
import { redacted } from './redacted.ts';
import { decodeShare } from './share-field.ts';

const at = pathsOf<Node>();

const init = at('init', {
  help: 'Whether this node is initialised, and how it becomes so.',
  access: 'open',
  sealed: true,
  fields: {
    secret_shares: field.integer('Into how many shares the unseal key is split; 5 if not given.'),
    secret_threshold: field.integer('How many shares unseal the node; 3 if not given.'),
    recovery_shares: field.integer('Shares of the recovery key, with an auto-unseal seal.'),
    recovery_threshold: field.integer('How many recovery shares authorise, with an auto-unseal seal.'),
    stored_shares: field.integer('Kept for old clients; has no effect.'),
    pgp_keys: field.list('One public PGP key for each share, in base64.'),
    root_token_pgp_key: field.string('A public PGP key that the root token is encrypted to, in base64.'),
    recovery_pgp_keys: field.list('One public PGP key for each recovery share, with an auto-unseal seal.'),
  },
  operations: {
    read: {
      summary: 'Whether the node is initialised',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: 'bare',
      run: (node) => ({ status: 200, bare: { initialized: node.initialized } }),
    },
    update: {
      summary: 'Initialise the node',
      writes: 'local',
      replies: { 200: 'any' },
      form: 'bare',
      run: async (node, values) => {
        const { unsealShares, recoveryShares, rootToken } = await node.initialize({
          secretShares: values.secret_shares,
          secretThreshold: values.secret_threshold,
          recoveryShares: values.recovery_shares,
          recoveryThreshold: values.recovery_threshold,
          pgpKeys: values.pgp_keys,
          recoveryPgpKeys: values.recovery_pgp_keys,
          rootTokenPgpKey: values.root_token_pgp_key,
        });
        return {
          status: 200,
          bare: {
            keys: unsealShares.hex,
            keys_base64: unsealShares.base64,
            ...(recoveryShares.hex.length === 0
              ? {}
              : { recovery_keys: recoveryShares.hex, recovery_keys_base64: recoveryShares.base64 }),
            root_token: rootToken,
          },
        };
      },
    },
  },
});

const sealStatus = at('seal-status', {
  help: 'How far the node is unsealed.',
  namespaces: true,
  access: 'open',
  sealed: true,
  fields: {},
  operations: {
    read: {
      summary: 'Seal status',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: 'bare',
      run: (node, _values, call) => ({ status: 200, bare: redacted(node.sealStatus(), call) }),
    },
  },
});

const backendStatus = at('seal-backend-status', {
  help: 'How each of the seals is.',
  access: 'open',
  sealed: true,
  fields: {},
  operations: {
    read: {
      summary: 'Status of the seal backends',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: 'bare',
      run: (node) => ({ status: 200, bare: { ...node.sealBackends() } }),
    },
  },
});

const unseal = at('unseal', {
  help: 'Takes one share of the unseal key.',
  access: 'open',
  sealed: true,
  fields: {
    key: field.secret('One share, hex or base64.'),
    reset: field.boolean('Forgets the shares given so far.', { default: false }),
    migrate: field.boolean('The share is for a migration to the configured seal.', { default: false }),
  },
  operations: {
    update: {
      summary: 'Unseal the node',
      writes: 'local',
      replies: { 200: 'any' },
      form: 'bare',
      run: async (node, { key, reset, migrate }, call) => {
        const { address } = call.client;
        if (reset) return { status: 200, bare: redacted(await node.unseal(undefined), call) };
        if (key === undefined || key === '')
          throw fail('badRequest', "'key' must be specified in request body as JSON, or 'reset' set to true");
        return { status: 200, bare: redacted(await node.unseal(decodeShare(key), { migrate, address }), call) };
      },
    },
  },
});

const seal = at('seal', {
  help: 'Seals the node: it forgets its keys and serves nothing until it is unsealed again.',
  access: 'root',
  fields: {},
  operations: {
    update: {
      summary: 'Seal the node',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node) => {
        const { store, now } = node.services;
        await noteSealChange(store, 'seal', now());
        await node.seal();
        return reply.empty;
      },
    },
  },
});

export const sealPaths = [init, sealStatus, backendStatus, unseal, seal];
