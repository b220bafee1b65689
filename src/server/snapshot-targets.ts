/** From the configuration's blocks `snapshot` to what the core takes them by. */
import { readFile } from 'node:fs/promises';
import type { KeyMaterial } from '../config/seals.ts';
import type { ServerConfig } from '../config/server.ts';
import { shownSnapshot, type SnapshotConfig } from '../config/snapshot.ts';
import type { ScheduledSnapshot } from '../core/snapshots/scheduled.ts';
import { defined } from '../lib/defined.ts';
import { directoryTarget } from '../lib/snapshot/directory-target.ts';
import type { S3TargetOptions } from '../lib/snapshot/s3-target.ts';
import type { SnapshotTarget } from '../lib/snapshot/target.ts';

async function targetOf(config: SnapshotConfig): Promise<SnapshotTarget> {
  if (config.storage_type === 'local') {
    return directoryTarget({ folder: config.path_prefix, maxSpace: config.local_max_space });
  }
  // Loaded when it is first needed: a start must not wait for it.
  const { s3Target } = await import('../lib/snapshot/s3-target.ts');
  const { aws_s3_endpoint: endpoint, aws_s3_region: region, path_prefix: prefix } = config;
  const credentials = await credentialsOf(config);
  return s3Target({
    bucket: config.aws_s3_bucket ?? '',
    prefix: prefix === '' ? '' : `${prefix.replace(/\/$/, '')}/`,
    client: {
      forcePathStyle: config.aws_s3_force_path_style,
      ...defined({ endpoint, region, credentials }),
    },
    encryption: encryptionOf(config),
  });
}

/** undefined: the SDK finds them. */
async function credentialsOf(config: SnapshotConfig) {
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secret, aws_session_token: token } = config;
  if (accessKeyId === undefined || secret === undefined) return undefined;
  const sessionToken = token && (await textOf(token));
  return {
    accessKeyId,
    secretAccessKey: await textOf(secret),
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
}

const textOf = async (material: KeyMaterial): Promise<string> =>
  material.from === 'value' ? material.value.expose() : (await readFile(material.path, 'utf8')).trim();

function encryptionOf(config: SnapshotConfig): S3TargetOptions['encryption'] {
  const { aws_s3_enable_kms: kms, aws_s3_kms_key: key, aws_s3_server_side_encryption: aes } = config;
  if (kms) return { ServerSideEncryption: 'aws:kms', ...(key === undefined ? {} : { SSEKMSKeyId: key }) };
  return aes ? { ServerSideEncryption: 'AES256' } : {};
}

export function schedulesOf({ snapshot }: Pick<ServerConfig, 'snapshot'>): readonly ScheduledSnapshot[] {
  return snapshot.map((config) => ({
    name: config.name,
    interval: config.interval * 1_000,
    retain: config.retain,
    filePrefix: config.file_prefix,
    target: once(() => targetOf(config)),
    shown: shownSnapshot(config),
  }));
}

/** Kept once it was opened, however often the node is sealed; what failed is tried again. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
