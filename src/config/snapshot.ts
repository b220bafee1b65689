/** Scheduled snapshots as a server takes them: credentials found, and no two that would meet each other's files. */
import type { KeySource } from './kinds.ts';
import type { Reader } from './reader.ts';
import type { KeyMaterial } from './server.ts';
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
