/** The seals of a configuration, with what the environment says of them. */
import { Secret } from '../lib/secret.ts';
import type { KeySource } from './kinds.ts';
import { variable, type Environment } from './overlay.ts';
import type { Reader } from './reader.ts';
import type { GivenSeal } from './seal-schema.ts';

/** 32 bytes: in a file, whose permissions the seal checks, or the text itself in base64 or hex. */
export type KeyMaterial =
  { readonly from: 'file'; readonly path: string } | { readonly from: 'value'; readonly value: Secret<string> };
export interface StaticKey {
  readonly id: string;
  readonly key: KeyMaterial;
}

interface Common {
  readonly name: string;
  readonly priority: number;
  readonly disabled: boolean;
}
type Of<T extends GivenSeal['type']> = Extract<GivenSeal, { readonly type: T }>;

export interface StaticConfig extends Common {
  readonly type: 'static';
  readonly current: StaticKey;
  readonly previous: StaticKey | undefined;
}
/** The transit engine of another server. */
export interface TransitConfig extends Omit<Of<'transit'>, 'token' | 'name'>, Common {
  readonly token: KeyMaterial;
}
export interface AwsKmsConfig extends Common {
  readonly type: 'awskms';
  readonly kms_key_id: string;
  readonly region: string;
  readonly endpoint: string | undefined;
  /** undefined: AWS's own chain finds some. */
  readonly credentials:
    | {
        readonly access_key: KeyMaterial;
        readonly secret_key: KeyMaterial;
        readonly session_token: KeyMaterial | undefined;
      }
    | undefined;
}
export type SealConfig = (Common & { readonly type: 'shamir' }) | StaticConfig | TransitConfig | AwsKmsConfig;

/** At least one. */
export function sealConfigs(reader: Reader, given: readonly GivenSeal[], env: Environment): readonly SealConfig[] {
  const all = given.map((each) => sealConfig(reader, each, env));
  judge(reader, all);
  // Vault's files name no shamir block to migrate to it: all that they hold is disabled then.
  return all.some(({ disabled }) => !disabled)
    ? all.filter(({ type, disabled }) => type !== 'shamir' || !disabled)
    : [
        { type: 'shamir', name: 'shamir', priority: 1, disabled: false },
        ...all.filter(({ type }) => type !== 'shamir'),
      ];
}

function judge(reader: Reader, all: readonly SealConfig[]): void {
  const taken = new Set<string>();
  for (const { name } of all) {
    if (taken.has(name)) reader.problem('configuration', `two seals have the name "${name}": give each its \`name\``);
    taken.add(name);
  }
  const enabled = all.filter(({ disabled }) => !disabled);
  if (enabled.length > 1 && enabled.some(({ type }) => type === 'shamir')) {
    reader.problem('configuration', 'seal "shamir" goes with no other: people hold the unseal key, or machines do');
  }
}

function sealConfig(reader: Reader, given: GivenSeal, env: Environment): SealConfig {
  const common = { name: given.name ?? given.type, priority: given.priority, disabled: given.disabled };
  const material = (name: string, source: KeySource): KeyMaterial => keyMaterial(reader, name, source, env);
  switch (given.type) {
    case 'shamir':
      return { type: 'shamir', ...common };
    case 'transit':
      return { ...given, ...common, token: material('token', given.token) };
    case 'awskms':
      return awsKms(reader, given, { common, env, material });
    case 'static': {
      const previous = given.previous_key && material('previous_key', given.previous_key);
      return {
        ...{ type: 'static', ...common },
        current: { id: given.current_key_id, key: material('current_key', given.current_key) },
        previous: previous && { id: given.previous_key_id ?? '', key: previous },
      };
    }
  }
}

interface Around {
  readonly common: Common;
  readonly env: Environment;
  readonly material: (name: string, source: KeySource) => KeyMaterial;
}

/** As in Vault: the environment goes before the block, except for credentials. */
function awsKms(reader: Reader, given: Of<'awskms'>, { common, env, material }: Around): AwsKmsConfig {
  const kms_key_id = variable(env, 'AWSKMS_SEAL_KEY_ID') ?? given.kms_key_id;
  if (kms_key_id === undefined) reader.problem('configuration', '`kms_key_id` of seal "awskms" is missing');
  const { access_key, secret_key, session_token } = given;
  if ((access_key === undefined) !== (secret_key === undefined)) {
    reader.problem('configuration', '`access_key` and `secret_key` of seal "awskms" go together');
  }
  const found = (name: string): KeyMaterial | undefined =>
    env[name] ? { from: 'value', value: new Secret(env[name]) } : undefined;
  const pair =
    access_key !== undefined && secret_key !== undefined
      ? {
          access_key: material('access_key', access_key),
          secret_key: material('secret_key', secret_key),
          session_token: session_token && material('session_token', session_token),
        }
      : {
          access_key: found('AWS_ACCESS_KEY_ID'),
          secret_key: found('AWS_SECRET_ACCESS_KEY'),
          session_token: found('AWS_SESSION_TOKEN'),
        };
  const { access_key: id, secret_key: secret } = pair;
  return {
    ...{ type: 'awskms', ...common, kms_key_id: kms_key_id ?? '' },
    region: [env['AWS_REGION'], env['AWS_DEFAULT_REGION'], given.region].find((each) => each) ?? 'us-east-1',
    endpoint: env['AWS_KMS_ENDPOINT'] || given.endpoint,
    credentials: id && secret && { access_key: id, secret_key: secret, session_token: pair.session_token },
  };
}

export function keyMaterial(reader: Reader, name: string, source: KeySource, env: Environment): KeyMaterial {
  if (source.from !== 'variable') return source;
  const value = env[source.variable];
  if (value === undefined || value === '') {
    reader.problem('configuration', `\`${name}\` names the environment variable ${source.variable}, which is not set`);
  }
  return { from: 'value', value: new Secret(value ?? '') };
}
