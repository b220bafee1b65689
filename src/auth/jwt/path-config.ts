/** `config`: whose tokens are taken. */
import { fail, isLockstepError } from '../../errors.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { isAlgorithm } from '../../lib/jwt/algorithms.ts';
import { issuerOf, keysOf, type JwksPair, type JwtConfig, type JwtMount } from './mount.ts';

const at = pathsOf<JwtMount>();

const settings = {
  oidc_discovery_url: field.string('The issuer: its address without .well-known/openid-configuration.', {
    default: '',
  }),
  oidc_discovery_ca_pem: field.string('Authorities of the issuer’s certificate, PEM; the machine’s without.', {
    default: '',
  }),
  oidc_client_id: field.string('This client’s id at the issuer, for logins by browser.', { default: '' }),
  oidc_client_secret: field.secret('This client’s secret at the issuer.', { default: '' }),
  oidc_response_mode: field.enum('How the issuer answers through the browser.', ['query', 'form_post']),
  oidc_response_types: field.list('What the issuer answers with: code, or id_token.', { default: [] }),
  jwks_url: field.string('Where the issuer’s keys are.', { default: '' }),
  jwks_ca_pem: field.string('Authorities of that address’s certificate, PEM.', { default: '' }),
  jwks_pairs: field.objects('Several such addresses, each with jwks_url and jwks_ca_pem.', { default: [] }),
  default_role: field.string('The role of logins that name none.', { default: '' }),
  jwt_validation_pubkeys: field.list('Public keys, PEM.', { default: [] }),
  jwt_supported_algs: field.list('Signature algorithms; all that have public keys without.', { default: [] }),
  bound_issuer: field.string('What iss of a token must be.', { default: '' }),
  provider_config: field.object('Of providers with an API of their own: not offered here.'),
  override_allowed_server_names: field.list('Names that certificates may be for, in place of the host’s.', {
    default: [],
  }),
  namespace_in_state: field.boolean('The state of a login by browser carries the namespace.'),
  skip_jwks_validation: field.boolean('Keep the configuration though the issuer does not answer.', { default: false }),
};

type Given = Values<typeof settings>;

const refuse = (message: string): Error => fail('badRequest', message);

function pairOf(raw: JsonObject, index: number): JwksPair {
  const { jwks_url: url, jwks_ca_pem: ca = '' } = raw;
  const where = `invalid jwks_pairs[${String(index)}]:`;
  if (typeof url !== 'string' || url.trim() === '') throw refuse(`${where} 'jwks_url' must be a non-empty string`);
  if (typeof ca !== 'string') throw refuse(`${where} 'jwks_ca_pem' must be a string`);
  return { url, ca };
}

function configOf(given: Given, before: JwtConfig | undefined): JwtConfig {
  return {
    discoveryUrl: given.oidc_discovery_url,
    discoveryCa: given.oidc_discovery_ca_pem,
    clientId: given.oidc_client_id,
    responseMode: given.oidc_response_mode ?? '',
    responseTypes: given.oidc_response_types,
    jwksUrl: given.jwks_url,
    jwksCa: given.jwks_ca_pem,
    jwksPairs: given.jwks_pairs.map(pairOf),
    publicKeys: given.jwt_validation_pubkeys,
    algorithms: given.jwt_supported_algs,
    boundIssuer: given.bound_issuer,
    defaultRole: given.default_role.toLowerCase(),
    serverNames: given.override_allowed_server_names,
    namespaceInState: given.namespace_in_state ?? before?.namespaceInState ?? true,
  };
}

function checkSource({ discoveryUrl, jwksUrl, jwksCa, jwksPairs, publicKeys, boundIssuer }: JwtConfig): void {
  const sources = [discoveryUrl !== '', jwksUrl !== '', jwksPairs.length > 0, publicKeys.length > 0];
  if (sources.filter(Boolean).length !== 1) {
    throw refuse(
      "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs' or 'oidc_discovery_url' must be set",
    );
  }
  if (jwksPairs.length > 0 && jwksCa !== '') throw refuse("'jwks_ca_pem' cannot be used with 'jwks_pairs'");
  if (jwksPairs.length > 0 && boundIssuer !== '') throw refuse("'bound_issuer' cannot be used with 'jwks_pairs'");
  if (discoveryUrl.includes('.well-known/openid-configuration')) {
    throw refuse("'oidc_discovery_url' contains '.well-known' component");
  }
}

function checkClient({ clientId, discoveryUrl, responseMode, responseTypes }: JwtConfig, secret: string): void {
  if ((clientId === '') !== (secret === '')) {
    throw refuse("both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC");
  }
  if (clientId !== '' && discoveryUrl === '') throw refuse("'oidc_discovery_url' must be set for OIDC");
  if (!responseTypes.every((type) => type === 'code' || type === 'id_token')) {
    throw refuse("invalid response_types: 'code' and 'id_token' are allowed");
  }
  if (responseMode !== 'form_post' && responseTypes.includes('id_token')) {
    throw refuse('query response_mode may not be used with an id_token response_type');
  }
}

function checked(config: JwtConfig, given: Given): void {
  if (Object.keys(given.provider_config ?? {}).length > 0) {
    throw refuse('invalid provider_config: providers with an API of their own are not offered');
  }
  checkSource(config);
  checkClient(config, given.oidc_client_secret);
  const unknown = config.algorithms.find((name) => !isAlgorithm(name));
  if (unknown !== undefined) {
    throw refuse(`invalid jwt_supported_algs: unsupported signing algorithm "${unknown.slice(0, 20)}"`);
  }
}

/**
 * Why the issuer cannot be asked now; undefined: it can. One that is found by discovery may have its first key later, as
 * upstream. Throws what else is wrong with the configuration.
 */
async function problemOf(config: JwtConfig, signal: AbortSignal): Promise<string | undefined> {
  try {
    await (config.discoveryUrl === '' ? keysOf(config) : issuerOf(config)).current(signal);
    return undefined;
  } catch (error) {
    if (isLockstepError(error, 'issuerUnreachable')) return error.detail ?? error.message;
    throw error;
  }
}

/** Whoever is on the way to a plain address can answer with keys of their own. */
function plainAddresses({ discoveryUrl, jwksUrl, jwksPairs }: JwtConfig): readonly string[] {
  const addresses = [discoveryUrl, jwksUrl, ...jwksPairs.map(({ url }) => url)];
  return addresses.some((address) => /^http:/i.test(address))
    ? ['the issuer is reached without TLS: whoever is on the way there can log in as anybody; use https://']
    : [];
}

function shown(config: JwtConfig): JsonObject {
  return {
    bound_issuer: config.boundIssuer,
    default_role: config.defaultRole,
    jwks_ca_pem: config.jwksCa,
    jwks_pairs: config.jwksPairs.map(({ url, ca }) => ({ jwks_url: url, jwks_ca_pem: ca })),
    jwks_url: config.jwksUrl,
    jwt_supported_algs: config.algorithms,
    jwt_validation_pubkeys: config.publicKeys,
    namespace_in_state: config.namespaceInState,
    oidc_client_id: config.clientId,
    oidc_discovery_ca_pem: config.discoveryCa,
    oidc_discovery_url: config.discoveryUrl,
    oidc_response_mode: config.responseMode,
    oidc_response_types: config.responseTypes,
    override_allowed_server_names: config.serverNames,
    provider_config: {},
  };
}

async function written(mount: JwtMount, given: Given, signal: AbortSignal): Promise<Reply> {
  const config = configOf(given, mount.config);
  checked(config, given);
  const problem = await problemOf(config, signal);
  const what = config.discoveryUrl === '' ? 'error checking jwks URL' : 'error checking oidc discovery URL';
  if (problem !== undefined && !given.skip_jwks_validation) throw refuse(`${what}: ${problem}`);
  await mount.view.shared.transact((tx) => {
    mount.putConfig(tx, config, given.oidc_client_secret);
  });
  const warnings = [...(problem === undefined ? [] : [`${what}: ${problem}`]), ...plainAddresses(config)];
  return warnings.length === 0 ? reply.empty : { status: 200, warnings };
}

const { oidc_client_secret: _hidden, skip_jwks_validation: _asked, ...told } = settings;

const config = at('config', {
  help: 'Whose tokens are taken.',
  fields: settings,
  operations: {
    read: {
      summary: 'Read the configuration',
      writes: 'nothing',
      replies: {
        200: {
          ...told,
          // May be empty.
          oidc_response_mode: field.string('How the issuer answers through the browser.'),
          status: field.string('Whether the issuer’s keys are there: valid or invalid.'),
        },
        404: 'empty',
      },
      run: async (mount, _values, call) => {
        const found = mount.config;
        if (found === undefined) return reply.missing;
        const problem = await mount
          .keys(found, call.now)
          .current(call.signal())
          .then(
            () => undefined,
            (error: unknown) => (isLockstepError(error) ? (error.detail ?? error.message) : 'unknown'),
          );
        const data = { ...shown(found), status: problem === undefined ? 'valid' : 'invalid' };
        return problem === undefined
          ? reply.ok(data)
          : { ...reply.ok(data), warnings: [`the issuer's keys cannot be had: ${problem}`] };
      },
    },
    update: {
      summary: 'Configure the method',
      writes: 'shared',
      replies: { 200: 'empty', 204: 'empty' },
      run: (mount, values, call) => written(mount, values, call.signal()),
    },
  },
});

export const configPaths = [config];
