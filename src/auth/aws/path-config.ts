/** `config/client`: how AWS is asked. `config/identity`: what identities are made of its answers. */
import { fail } from '../../errors.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { isRegion } from '../../lib/aws/sts-address.ts';
import { defined } from '../../lib/defined.ts';
import {
  DEFAULT_CONFIG,
  DEFAULT_METADATA,
  iamAliases,
  metadataNames,
  type AwsConfig,
  type IdentityConfig,
  type MetadataName,
} from './config.ts';
import type { AwsMount } from './mount.ts';

const at = pathsOf<AwsMount>();

const shownClient = {
  access_key: field.string('Access key that IAM is asked with; AWS’s own chain finds one without.'),
  allowed_sts_header_values: field.list('Headers that may be signed besides those that AWS’s libraries sign.'),
  endpoint: field.string('Address of EC2: not asked.'),
  iam_endpoint: field.string('Address of IAM, where it is another than AWS’s.'),
  iam_server_id_header_value: field.string(
    'What the header X-Vault-AWS-IAM-Server-ID of signed requests must be: the name of this server.',
  ),
  max_retries: field.integer('How often IAM is asked again; below zero as AWS’s library has it.'),
  sts_endpoint: field.string('Address of STS; by default https://sts.amazonaws.com, or that of sts_region.'),
  sts_region: field.string('Region of STS.'),
  use_sts_region_from_client: field.boolean('Ask STS of the region that the request is signed for.'),
};

const clientFields = { ...shownClient, secret_key: field.secret('Secret key of access_key.') };

type GivenClient = Values<typeof clientFields>;

const refuse = (message: string): Error => fail('badRequest', message);

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** Whoever is on the way to STS could log in as anybody. */
function checkEndpoint(name: string, address: string): void {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname));
  if (!isSecure) throw refuse(`${name} is no https:// address`);
  if (url.href !== `${url.origin}/`) throw refuse(`${name} has a host and a port alone`);
}

function checkConfig({ stsRegion, stsEndpoint, iamEndpoint, maxRetries, allowedHeaders }: AwsConfig): void {
  if (stsRegion !== '' && !isRegion(stsRegion)) throw refuse('sts_region is no region, such as eu-central-1');
  if (stsEndpoint !== '') checkEndpoint('sts_endpoint', stsEndpoint);
  if (iamEndpoint !== '') checkEndpoint('iam_endpoint', iamEndpoint);
  if (maxRetries > 10) throw refuse('max_retries is at most 10');
  if (!allowedHeaders.every((name) => /^[a-z\d-]{1,128}$/.test(name))) {
    throw refuse('allowed_sts_header_values has names of headers');
  }
}

function configOf(given: GivenClient, before: AwsConfig): AwsConfig {
  const changes = defined({
    accessKey: given.access_key,
    iamEndpoint: given.iam_endpoint,
    stsEndpoint: given.sts_endpoint,
    stsRegion: given.sts_region,
    useStsRegionFromClient: given.use_sts_region_from_client,
    serverId: given.iam_server_id_header_value,
    allowedHeaders: given.allowed_sts_header_values?.map((name) => name.toLowerCase()),
    maxRetries: given.max_retries,
  });
  const config: AwsConfig = { ...before, ...changes };
  checkConfig(config);
  return config;
}

const shown = (config: AwsConfig): JsonObject => ({
  access_key: config.accessKey,
  allowed_sts_header_values: config.allowedHeaders,
  endpoint: '',
  iam_endpoint: config.iamEndpoint,
  iam_server_id_header_value: config.serverId,
  max_retries: config.maxRetries,
  sts_endpoint: config.stsEndpoint,
  sts_region: config.stsRegion,
  use_sts_region_from_client: config.useStsRegionFromClient,
});

const NO_SERVER_ID = 'iam_server_id_header_value is not set: what is signed for another server logs in here too';

const client = at('config/client', {
  help: 'How AWS is asked.',
  fields: clientFields,
  operations: {
    read: {
      summary: 'Read how AWS is asked',
      writes: 'nothing',
      replies: { 200: shownClient, 404: 'empty' },
      run: (mount) => {
        const found = mount.configIn(mount.view.shared);
        if (found === undefined) return reply.missing;
        const answer = reply.ok(shown(found));
        return found.serverId === '' ? { ...answer, warnings: [NO_SERVER_ID] } : answer;
      },
    },
    update: {
      summary: 'Write how AWS is asked',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, given) => {
        await mount.view.shared.transact((tx) => {
          const next = configOf(given, mount.configIn(tx) ?? DEFAULT_CONFIG);
          const secretKey = given.secret_key ?? mount.secretsIn(tx).secretKey;
          if ((next.accessKey === '') !== (secretKey === '')) {
            throw refuse('access_key and secret_key are set together');
          }
          mount.put(tx, next, { secretKey });
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Forget how AWS is asked',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount) => {
        await mount.view.shared.transact((tx) => {
          mount.remove(tx);
        });
        return reply.empty;
      },
    },
  },
});

const identityFields = {
  iam_alias: field.enum('What the alias of an entity is: the id of the role, or one of the principal.', iamAliases),
  iam_metadata: field.list(`What aliases and tokens carry: default, or of ${metadataNames.join(', ')}.`),
};

const isMetadata = (name: string): name is MetadataName => metadataNames.some((known) => known === name);

function metadataOf(given: readonly string[]): readonly MetadataName[] {
  const all = given.flatMap((name): readonly string[] => (name === 'default' ? DEFAULT_METADATA : [name]));
  const odd = all.find((name) => !isMetadata(name));
  if (odd !== undefined) {
    throw refuse(`iam_metadata: "${odd.slice(0, 64)}" is none of default, ${metadataNames.join(', ')}`);
  }
  return [...new Set(all.filter(isMetadata))];
}

const identity = at('config/identity', {
  help: 'What identities are made of AWS’s answers.',
  fields: identityFields,
  operations: {
    read: {
      summary: 'Read what identities are made of',
      writes: 'nothing',
      replies: { 200: identityFields },
      run: (mount) => {
        const { iamAlias, iamMetadata } = mount.identityIn(mount.view.shared);
        return reply.ok({ iam_alias: iamAlias, iam_metadata: iamMetadata });
      },
    },
    update: {
      summary: 'Write what identities are made of',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, given) => {
        const iamMetadata = given.iam_metadata === undefined ? undefined : metadataOf(given.iam_metadata);
        await mount.view.shared.transact((tx) => {
          const changes = defined({ iamAlias: given.iam_alias, iamMetadata });
          mount.putIdentity(tx, { ...mount.identityIn(tx), ...changes } satisfies IdentityConfig);
        });
        return reply.empty;
      },
    },
  },
});

export const configPaths = [client, identity];
