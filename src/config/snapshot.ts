/** Scheduled snapshots as a server takes them: credentials found, and no two that would meet each other's files. */
import type { JsonObject } from '../framework/field.ts';
import type { KeySource } from './kinds.ts';
import type { Reader } from './reader.ts';
import type { KeyMaterial } from './seals.ts';
import type { GivenSnapshot } from './snapshot-schema.ts';

type Credential = 'aws_secret_access_key' | 'aws_session_token';
export interface SnapshotConfig extends Omit<GivenSnapshot, Credential> {
  readonly aws_secret_access_key: KeyMaterial | undefined;
  readonly aws_session_token: KeyMaterial | undefined;
}

/** Where its files lie. */
const placeOf = (given: GivenSnapshot): string =>
  JSON.stringify([
    given.storage_type,
    given.aws_s3_endpoint,
    given.aws_s3_bucket,
    given.path_prefix.replace(/\/$/, ''),
    given.file_prefix,
  ]);

export function snapshotConfigs(
  reader: Reader,
  all: readonly GivenSnapshot[],
  material: (name: string, source: KeySource) => KeyMaterial,
): readonly SnapshotConfig[] {
  const taken = new Map<string, string>();
  return all.map((given) => {
    const { name, aws_secret_access_key: key, aws_session_token: token } = given;
    const place = placeOf(given);
    const other = taken.get(place);
    taken.set(place, name);
    if (other !== undefined) {
      reader.problem('configuration', `snapshot "${name}" and "${other}" need different file_prefix or path_prefix`);
    }
    return {
      ...given,
      aws_secret_access_key: key && material('aws_secret_access_key', key),
      aws_session_token: token && material('aws_session_token', token),
    };
  });
}

/** In Vault's names. Neither keys nor tokens, nor where they come from. */
export function shownSnapshot(config: SnapshotConfig): JsonObject {
  const { interval, retain, file_prefix, path_prefix, storage_type } = config;
  const all = { interval, retain, file_prefix, path_prefix, storage_type };
  if (storage_type === 'local') return { ...all, local_max_space: config.local_max_space };
  return {
    ...all,
    aws_s3_bucket: config.aws_s3_bucket ?? '',
    aws_s3_region: config.aws_s3_region ?? '',
    aws_s3_endpoint: config.aws_s3_endpoint ?? '',
    aws_s3_disable_tls: config.aws_s3_disable_tls,
    aws_s3_force_path_style: config.aws_s3_force_path_style,
    aws_s3_server_side_encryption: config.aws_s3_server_side_encryption,
    aws_s3_enable_kms: config.aws_s3_enable_kms,
    aws_s3_kms_key: config.aws_s3_kms_key ?? '',
  };
}
