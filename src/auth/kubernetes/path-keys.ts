/** `keys`: which keys of the cluster are held, and how its new ones come. */
import { isDeepStrictEqual } from 'node:util';
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { documentOf, keysIn, published, type NamedKey } from './held-keys.ts';
import { isOffline, type KubernetesConfig, type KubernetesMount } from './mount.ts';
import { acceptedSet, readPublication, vouchingKey } from './publication.ts';

const at = pathsOf<KubernetesMount>();

const moment = (ms: number | undefined): string | null =>
  ms === undefined || ms === 0 ? null : new Date(ms).toISOString();

function sourceOf(config: KubernetesConfig): string {
  if (config.jwks !== '') return 'jwks';
  if (config.jwksUrl !== '') return 'jwks_url';
  return config.pemKeys.length > 0 ? 'pem_keys' : 'kubernetes_host';
}

function shown(mount: KubernetesMount, config: KubernetesConfig): JsonObject {
  const { keys, publishedAt } = mount.history();
  const tally = mount.tally.get();
  return {
    issuer: config.issuer,
    verification: isOffline(config) ? 'offline' : 'token_review',
    source: sourceOf(config),
    key_publisher: config.keyPublisher ?? '',
    published_time: moment(publishedAt),
    version: mount.version(),
    keys: keys.map(({ kid, thumbprint, since, generation }) => ({
      ...{ kid, thumbprint, generation, since: moment(since) },
      last_login_time: moment(Object.hasOwn(tally.keys, kid) ? tally.keys[kid] : undefined),
    })),
    logins: tally.logins,
    last_login_time: moment(tally.last),
    region: mount.view.region,
  };
}

const kids = (keys: readonly { readonly kid: string }[]): readonly string[] => keys.map(({ kid }) => kid);

/** Throws `badRequest` where nobody may publish. */
function followed(mount: KubernetesMount): KubernetesConfig & { readonly keyPublisher: string } {
  const config = mount.mustConfig();
  const { keyPublisher = '' } = config;
  if (keyPublisher === '' || config.jwks === '') {
    throw fail('badRequest', 'this mount takes no keys from its cluster: set key_publisher in its configuration');
  }
  return { ...config, keyPublisher };
}

interface Given {
  readonly jwt: string;
  readonly publication: string;
}

async function publish(mount: KubernetesMount, { jwt, publication: text }: Given, call: Call): Promise<Reply> {
  const config = followed(mount);
  const history = mount.history();
  const moment = { now: call.now, signal: call.signal() };
  const publication = await readPublication(text, call.mountPath, moment);
  const { publishedAt, thumbprint } = publication;
  const { issuer, keyPublisher: publisher } = config;
  const held = await keysIn(config.jwks);
  const vouching = await vouchingKey(jwt, { ...moment, held, history, issuer, publisher, thumbprint });
  const keys = await acceptedSet(publication, vouching, history);
  if (keys === undefined) return reply.ok({ changed: false, added: [], dropped: [], keys: kids(history.keys) });
  const changed = { ...config, jwks: documentOf(keys.map(({ jwk }) => jwk)) };
  await mount.view.shared.transact((tx) => {
    // It was judged by these: whoever changed them meanwhile has judged otherwise.
    if (!isDeepStrictEqual([mount.configIn(tx), mount.history(tx)], [config, history])) {
      throw fail('conflict', 'the keys were changed meanwhile: publish them again');
    }
    mount.putKeys(tx, changed, published(history, keys, { publishedAt, now: call.now }));
  });
  return reply.ok({ changed: true, keys: kids(keys), ...changes(history.keys, keys) });
}

function changes(before: readonly Pick<NamedKey, 'kid' | 'thumbprint'>[], after: readonly NamedKey[]) {
  const without = (keys: readonly Pick<NamedKey, 'kid' | 'thumbprint'>[], others: typeof keys): readonly string[] => {
    const known = new Set(others.map(({ thumbprint }) => thumbprint));
    return kids(keys.filter(({ thumbprint }) => !known.has(thumbprint)));
  };
  return { added: without(after, before), dropped: without(before, after) };
}

const keys = at('keys', {
  help: 'The cluster, the keys of it that are held, and the logins that this node has seen.',
  fields: {},
  operations: {
    read: {
      summary: 'Read which keys of the cluster are held',
      writes: 'nothing',
      replies: {
        200: {
          issuer: field.string('What iss of a token must be.'),
          verification: field.string('offline or token_review.'),
          source: field.string('Where the keys come from: jwks, jwks_url, pem_keys or kubernetes_host.'),
          key_publisher: field.string('The service account that may publish new keys; empty: none.'),
          published_time: field.time('When the last keys that were taken were published; null: never.'),
          version: field.integer(
            'Of the configuration and these keys: what cas of the configuration is compared with.',
          ),
          keys: field.objects('Of jwks: kid, thumbprint (RFC 7638), since, generation, last_login_time of each.'),
          logins: field.integer('Logins at this node, counted about each minute.'),
          last_login_time: field.time('The last of them; null: none.'),
          region: field.string('Whose logins these are.'),
        },
        404: 'empty',
      },
      run: (mount) => {
        const { config } = mount;
        return config === undefined ? reply.missing : reply.ok(shown(mount, config));
      },
    },
  },
});

const publishing = at('keys/publish', {
  help: 'New keys of the cluster, from its publisher, under a key that is held already.',
  access: 'open',
  fields: {
    jwt: field.required(field.secret('A token of the publisher, for the key that signs the publication alone.')),
    publication: field.required(field.secret('The key set, signed.')),
  },
  operations: {
    update: {
      summary: 'Publish new keys of the cluster',
      writes: 'shared',
      replies: {
        200: {
          changed: field.boolean('Whether other keys are held now.'),
          added: field.list('Names of keys.'),
          dropped: field.list('Names of keys.'),
          keys: field.list('Names of all keys that are held now.'),
        },
      },
      run: publish,
    },
  },
});

export const keyPaths = [keys, publishing];
