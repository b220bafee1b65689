/** `config`: the trust domain, and where its bundle comes from. */
import { fail, isLockstepError } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { formatDuration } from '../../lib/duration.ts';
import { bundleOf } from '../../lib/spiffe/bundle.ts';
import { checkConfig, profiles, type SpiffeConfig } from './config.ts';
import type { SpiffeMount } from './mount.ts';

const at = pathsOf<SpiffeMount>();

const settings = {
  trust_domain: field.string('The trust domain, with or without spiffe://.', { default: '' }),
  profile: field.enum('Where the trust bundle comes from.', profiles),
  audience: field.list('Audiences of JWT-SVIDs that log in; none: no JWT-SVID does.', { default: [] }),
  bundle: field.string(
    'The trust bundle, in the SPIFFE format or PEM: with static the one that counts, with https_spiffe_bundle the one that the endpoint is first known by.',
    { default: '' },
  ),
  bundle_file: field.string('With file: where the trust bundle lies on each node. It is read again when it changes.', {
    default: '',
  }),
  endpoint_url: field.string('Where the trust bundle is fetched, https://….', { default: '' }),
  endpoint_spiffe_id: field.string('With https_spiffe_bundle: the SPIFFE ID of that endpoint.', { default: '' }),
  endpoint_root_ca_truststore_pem: field.string(
    'With https_web_…: authorities of the endpoint’s certificate, PEM; the machine’s without.',
    { default: '' },
  ),
  defer_bundle_fetch: field.boolean('Keep the configuration without having the bundle first.', { default: false }),
};

type Given = Values<typeof settings>;

function configOf({ profile, ...given }: Given, version: number): SpiffeConfig {
  if (profile === undefined) throw fail('badRequest', `profile must be set: one of ${profiles.join(', ')}`);
  return {
    version,
    trustDomain: given.trust_domain.replace(/^spiffe:\/\//, ''),
    profile,
    audience: given.audience,
    bundle: given.bundle.trim(),
    bundleFile: given.bundle_file,
    endpointUrl: given.endpoint_url,
    endpointSpiffeId: given.endpoint_spiffe_id,
    endpointCa: given.endpoint_root_ca_truststore_pem,
  };
}

const moment = (ms: number): string => new Date(ms).toISOString();

function shown(mount: SpiffeMount, config: SpiffeConfig): JsonObject {
  const found = mount.fetched(config);
  const { sequence, refreshHint } = found?.bundle ?? {};
  const texts = {
    bundle: config.bundle,
    bundle_file: config.bundleFile,
    endpoint_url: config.endpointUrl,
    endpoint_spiffe_id: config.endpointSpiffeId,
    endpoint_root_ca_truststore_pem: config.endpointCa,
  };
  return {
    audience: config.audience,
    profile: config.profile,
    trust_domain: config.trustDomain,
    version: config.version,
    ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== '')),
    ...(found === undefined
      ? {}
      : { cached_bundle_config_version: config.version, cached_bundle_fetched_at: moment(found.fetchedAt) }),
    ...(refreshHint === undefined ? {} : { cached_bundle_refresh_hint: formatDuration(refreshHint) }),
    ...(sequence === undefined ? {} : { cached_bundle_sequence_number: sequence }),
  };
}

/** What is wrong with a bundle or its place is wrong with the request that names it. */
async function asRefusal<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isLockstepError(error, 'issuerUnreachable')) throw error;
    throw fail('badRequest', `the trust bundle cannot be had: ${error.detail ?? error.message}`, { cause: error });
  }
}

async function written(mount: SpiffeMount, given: Given, call: Call): Promise<Reply> {
  const config = configOf(given, (mount.config?.version ?? 0) + 1);
  checkConfig(config);
  const source = await asRefusal(() => {
    if (config.bundle !== '') bundleOf(config.bundle);
    return mount.open(config, call.now);
  });
  if (!given.defer_bundle_fetch) await asRefusal(() => source.current(call.signal()));
  await mount.view.shared.transact((tx) => {
    mount.putConfig(tx, config);
  });
  mount.adopt(config, source);
  return reply.ok(shown(mount, config));
}

/** An empty body fetches the bundle again. Rejects with `issuerUnreachable`. */
async function refreshed(mount: SpiffeMount, call: Call): Promise<Reply> {
  const config = mount.mustConfig();
  const source = mount.bundles(config, call.now);
  await source.newer(await source.current(call.signal()), call.signal());
  return reply.ok(shown(mount, config));
}

const { defer_bundle_fetch: _asked, ...told } = settings;
const data = {
  ...told,
  version: field.integer('How often it was written.'),
  cached_bundle_config_version: field.integer('The version that the bundle was fetched for.'),
  cached_bundle_fetched_at: field.time('When it was fetched.'),
  cached_bundle_refresh_hint: field.string(
    'How long its publisher says that it may be used before it is fetched again.',
  ),
  cached_bundle_sequence_number: field.integer('Its number.'),
};

const config = at('config', {
  help: 'The trust domain, and where its bundle comes from.',
  fields: settings,
  operations: {
    read: {
      summary: 'Read the configuration',
      writes: 'nothing',
      replies: { 200: data, 404: 'empty' },
      run: (mount) => {
        const found = mount.config;
        return found === undefined ? reply.missing : reply.ok(shown(mount, found));
      },
    },
    update: {
      summary: 'Configure the method, or fetch the bundle again',
      writes: 'shared',
      replies: { 200: data },
      run: (mount, values, call) =>
        Object.keys(call.body).length === 0 && mount.config !== undefined
          ? refreshed(mount, call)
          : written(mount, values, call),
    },
  },
});

export const configPaths = [config];
