/** Where scheduled snapshots go, in the names of Vault's `sys/storage/raft/snapshot-auto/config`. */
import { isAbsolute } from 'node:path';
import { key } from './kinds.ts';
import { named, type Read } from './schema.ts';

const keys = {
  interval: key.duration('Time from one snapshot to the next.', { required: true }),
  retain: key.count('How many snapshots are kept. The newest one, which was read back, always is.', { default: 1 }),
  file_prefix: key.text('What the names of its files begin with.', { default: 'lockstep-snapshot' }),
  path_prefix: key.text('The directory, an absolute path; in a bucket, what the keys of its objects begin with.', {
    default: '',
  }),
  storage_type: key.oneOf(['local', 'aws-s3'])('Where to: a directory, or a bucket of S3 or of what speaks like it.', {
    required: true,
  }),
  local_max_space: key.bytes('How much its snapshots may take in the directory; one that takes more fails. 0: any.', {
    default: 0,
  }),
  aws_s3_bucket: key.text('The bucket; it must be there.'),
  aws_s3_region: key.text('Of the bucket; by default as the environment of AWS says.'),
  aws_s3_endpoint: key.url('Of a service that speaks like S3, such as `https://minio.example:9000`.'),
  aws_s3_disable_tls: key.boolean('Take an `aws_s3_endpoint` that is `http://`.', { default: false }),
  aws_s3_force_path_style: key.boolean('The bucket stands in the path, not in the host name.', { default: false }),
  aws_s3_server_side_encryption: key.boolean('Ask for encryption by S3 (AES256), beside that of the barrier.', {
    default: false,
  }),
  aws_s3_enable_kms: key.boolean('Ask for encryption by a key of AWS KMS.', { default: false }),
  aws_s3_kms_key: key.text("The key's id; by default the account's own for S3."),
  aws_access_key_id: key.text('By default credentials come from where the AWS SDK looks: environment, files, role.'),
  aws_secret_access_key: key.keySource('`file:///path`, `env://VARIABLE`, or the text itself.'),
  aws_session_token: key.keySource('`file:///path`, `env://VARIABLE`, or the text itself.'),
} as const;

type Given = { readonly name: string } & Read<typeof keys>;

const isPlainName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text);
/** No `.`, `..` or empty part that would lead elsewhere; a slash at the end is left out of account. */
const isPlainPath = (text: string): boolean =>
  text
    .replace(/\/$/, '')
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..');

function checkLocal({ path_prefix }: Given): string | undefined {
  if (!isAbsolute(path_prefix)) return '`path_prefix` must be the absolute path of a directory';
  return path_prefix === '/' || isPlainPath(path_prefix.slice(1))
    ? undefined
    : '`path_prefix` must not hold `.`, `..` or an empty part';
}

function checkS3(given: Given): string | undefined {
  const { aws_s3_bucket: bucket = '', path_prefix, aws_s3_endpoint: endpoint = '' } = given;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) return '`aws_s3_bucket` must name a bucket';
  if (path_prefix !== '' && !isPlainPath(path_prefix)) {
    return '`path_prefix` must neither begin with a slash nor hold `.`, `..` or an empty part';
  }
  if (endpoint.startsWith('http:') && !given.aws_s3_disable_tls) {
    return '`aws_s3_endpoint` is plain: use https, or set `aws_s3_disable_tls`';
  }
  if (given.aws_s3_kms_key !== undefined && !given.aws_s3_enable_kms) {
    return '`aws_s3_kms_key` goes with `aws_s3_enable_kms`';
  }
  return checkCredentials(given);
}

function checkCredentials(given: Given): string | undefined {
  const { aws_access_key_id: id, aws_secret_access_key: secret, aws_session_token: token } = given;
  if ((id === undefined) !== (secret === undefined)) {
    return '`aws_access_key_id` and `aws_secret_access_key` go together';
  }
  return token !== undefined && id === undefined ? '`aws_session_token` goes with `aws_access_key_id`' : undefined;
}

export const snapshot = named('Takes snapshots by itself, into a directory or a bucket. Can be repeated.', {
  labels: ['name'],
  many: true,
  keys,
  check: (given) => {
    if (!isPlainName(given.name)) return 'its name must be letters, digits, `.`, `_` and `-`';
    if (!isPlainName(given.file_prefix)) return '`file_prefix` must be letters, digits, `.`, `_` and `-`';
    if (given.retain < 1) return '`retain` must be at least 1';
    if (given.interval < 1) return '`interval` must be at least a second';
    return given.storage_type === 'local' ? checkLocal(given) : checkS3(given);
  },
});

/** One block `snapshot`, as it was read. */
export type GivenSnapshot = Given;
