/** `config`: the cluster, and how its tokens are verified. */
import { fail, isLockstepError } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { isOffline, keysOf, type KubernetesConfig, type KubernetesMount } from './mount.ts';
import { keysIn } from './held-keys.ts';
import { checkVersion } from '../../framework/check-version.ts';
import { isServiceAccount } from './service-account.ts';
import { localAuthority } from './local-files.ts';

const at = pathsOf<KubernetesMount>();

const settings = {
  kubernetes_host: field.string('The API server, https://…, which is asked about tokens. Without: offline.', {
    default: '',
  }),
  kubernetes_ca_cert: field.string('Authorities of its certificate, PEM; those of this node’s pod without.', {
    default: '',
  }),
  token_reviewer_jwt: field.secret('A token that may create TokenReviews; each client’s own without.', { default: '' }),
  pem_keys: field.list('Public keys of the cluster, or certificates, PEM.', { default: [] }),
  jwks: field.string('Public keys of the cluster, as the JWKS document at /openid/v1/jwks.', { default: '' }),
  jwks_url: field.string('Where that document is, https://….', { default: '' }),
  jwks_ca_pem: field.string('Authorities of that address’s certificate, PEM.', { default: '' }),
  disable_local_ca_jwt: field.boolean('Leave the files of this node’s own pod alone.', { default: false }),
  issuer: field.string('What iss of a token must be.', { default: '' }),
  disable_iss_validation: field.boolean('Do not look at iss: the default with kubernetes_host.'),
  api_audiences: field.list('Audiences of the API server beside its usual ones (its --api-audiences).', {
    default: [],
  }),
  key_publisher: field.string(
    'The service account, namespace/name, that may publish new keys of the cluster. Needs jwks.',
    { default: '' },
  ),
};

type Given = Values<typeof settings>;

const refuse = (message: string): Error => fail('badRequest', message);

function configOf(given: Given): KubernetesConfig {
  return {
    host: given.kubernetes_host,
    ca: given.kubernetes_ca_cert,
    disableLocal: given.disable_local_ca_jwt,
    pemKeys: given.pem_keys,
    jwks: given.jwks.trim(),
    jwksUrl: given.jwks_url,
    jwksCa: given.jwks_ca_pem,
    issuer: given.issuer,
    disableIssuer: given.disable_iss_validation ?? given.kubernetes_host !== '',
    apiAudiences: given.api_audiences,
    keyPublisher: given.key_publisher,
  };
}

const isSecure = (address: string): boolean => URL.canParse(address) && new URL(address).protocol === 'https:';

function checkAddresses({ host, jwksUrl, ca, jwksCa }: KubernetesConfig): void {
  if (host !== '' && !isSecure(host))
    throw refuse('kubernetes_host must be an https:// address: tokens are sent there');
  if (jwksUrl !== '' && !isSecure(jwksUrl)) {
    throw refuse('jwks_url must be an https:// address: whoever is on the way there could log in as anybody');
  }
  for (const [name, pem] of Object.entries({ kubernetes_ca_cert: ca, jwks_ca_pem: jwksCa })) {
    if (pem !== '' && !pem.includes('-----BEGIN CERTIFICATE-----')) throw refuse(`${name} is no PEM of a certificate`);
  }
}

function checkOffline({ issuer, disableIssuer }: KubernetesConfig, hasKeys: boolean, reviewer: string): void {
  if (!hasKeys) {
    throw refuse('no host provided: give kubernetes_host, or pem_keys, jwks or jwks_url to verify tokens offline');
  }
  if (disableIssuer)
    throw refuse('disable_iss_validation needs kubernetes_host: offline verification checks the issuer');
  if (issuer === '') throw refuse('issuer must be set to verify tokens offline');
  if (reviewer !== '') throw refuse('token_reviewer_jwt needs kubernetes_host: offline nobody is asked');
}

/** Exactly one account: patterns would let others in. */
function checkPublisher({ keyPublisher = '', jwks, host }: KubernetesConfig): void {
  if (keyPublisher === '') return;
  if (jwks === '' || host !== '') {
    throw refuse('key_publisher needs jwks, and no kubernetes_host: what it publishes takes their place');
  }
  const [namespace, name, ...more] = keyPublisher.split('/');
  if (!isServiceAccount(namespace, name) || more.length > 0) {
    throw refuse('key_publisher must be namespace/name of one service account');
  }
}

async function checked(config: KubernetesConfig, reviewer: string): Promise<void> {
  const sources = [config.pemKeys.length > 0, config.jwks !== '', config.jwksUrl !== ''].filter(Boolean).length;
  if (sources > 1) throw refuse("at most one of 'pem_keys', 'jwks' and 'jwks_url' can be set");
  checkAddresses(config);
  checkPublisher(config);
  if (isOffline(config)) {
    checkOffline(config, sources > 0, reviewer);
    return;
  }
  if (!config.disableIssuer && config.issuer === '') throw refuse('issuer must be set for its validation');
  if (!/^[\w.-]*$/.test(reviewer)) throw refuse('token_reviewer_jwt is no token');
  if (config.ca !== '') return;
  if (config.disableLocal) throw refuse('kubernetes_ca_cert must be given when disable_local_ca_jwt is true');
  await localAuthority();
}

/** Why the keys at an address cannot be had now; undefined: they can, or there are others. Throws for keys that are none. */
async function problemOf(config: KubernetesConfig, signal: AbortSignal): Promise<string | undefined> {
  try {
    await keysOf(config)?.current(signal);
    return undefined;
  } catch (error) {
    if (isLockstepError(error, 'issuerUnreachable')) return error.detail ?? error.message;
    throw error;
  }
}

function shown(config: KubernetesConfig, reviewer: boolean): JsonObject {
  return {
    api_audiences: config.apiAudiences,
    key_publisher: config.keyPublisher ?? '',
    disable_iss_validation: config.disableIssuer,
    disable_local_ca_jwt: config.disableLocal,
    issuer: config.issuer,
    jwks: config.jwks,
    jwks_ca_pem: config.jwksCa,
    jwks_url: config.jwksUrl,
    kubernetes_ca_cert: config.ca,
    kubernetes_host: config.host,
    pem_keys: config.pemKeys,
    token_reviewer_jwt_set: reviewer,
  };
}

async function written(
  mount: KubernetesMount,
  { cas: replaced, ...given }: Given & { readonly cas: number | undefined },
  call: Pick<Call, 'signal' | 'now'>,
): Promise<Reply> {
  const config = configOf(given);
  await checked(config, given.token_reviewer_jwt);
  const problem = await problemOf(config, call.signal());
  const { now } = call;
  const keys = config.jwks === '' ? [] : await keysIn(config.jwks);
  await mount.view.shared.transact((tx) => {
    checkVersion({ cas: replaced, version: mount.version(tx) });
    mount.putConfig(tx, config, { reviewer: given.token_reviewer_jwt, keys, now });
  });
  return problem === undefined
    ? reply.empty
    : { status: 200, warnings: [`the keys at jwks_url cannot be had from here now: ${problem}`] };
}

const { token_reviewer_jwt: _hidden, ...told } = settings;

const cas = field.integer('The version (of keys) that it replaces; 0: only where nothing is configured yet.');

const config = at('config', {
  help: 'The cluster, and how its tokens are verified.',
  fields: { ...settings, cas },
  operations: {
    read: {
      summary: 'Read the configuration',
      writes: 'nothing',
      replies: {
        200: { ...told, token_reviewer_jwt_set: field.boolean('Whether there is a reviewer’s token.') },
        404: 'empty',
      },
      run: (mount) => {
        const found = mount.config;
        return found === undefined ? reply.missing : reply.ok(shown(found, mount.reviewer !== undefined));
      },
    },
    update: {
      summary: 'Configure the method',
      writes: 'shared',
      replies: { 200: 'empty', 204: 'empty' },
      run: (mount, values, call) => written(mount, values, call),
    },
  },
});

export const configPaths = [config];
