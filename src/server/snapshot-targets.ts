/** From the configuration's blocks `snapshot` to what the core takes them by. */
import type { ServerConfig } from '../config/server.ts';
import type { SnapshotConfig } from '../config/snapshot.ts';
import type { ScheduledSnapshot } from '../core/snapshots/scheduled.ts';
import type { JsonObject } from '../framework/field.ts';
import { directoryTarget } from '../lib/snapshot/directory-target.ts';
import type { SnapshotTarget } from '../lib/snapshot/target.ts';

async function targetOf(config: SnapshotConfig): Promise<SnapshotTarget> {
  return directoryTarget({ folder: config.path_prefix, maxSpace: config.local_max_space });
}

/** In Vault's names. Neither keys nor tokens, nor where they come from. */
function shownOf(config: SnapshotConfig): JsonObject {
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

export function schedulesOf({ snapshot }: Pick<ServerConfig, 'snapshot'>): readonly ScheduledSnapshot[] {
  return snapshot.map((config) => ({
    name: config.name,
    interval: config.interval * 1_000,
    retain: config.retain,
    filePrefix: config.file_prefix,
    target: () => targetOf(config),
    shown: shownOf(config),
  }));
}
