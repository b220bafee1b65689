/**
 * Snapshots in a bucket of S3 or of what speaks like it. An object is there once its upload is complete, and what came of
 * it is read back; one that does not come back as it was sent is removed.
 */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  S3Client,
  type PutObjectCommandInput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { Readable } from 'node:stream';
import { fail, isLockstepError } from '../../errors.ts';
import { failpoint } from '../failpoint.ts';
import type { Kept, Putting, SnapshotTarget } from './target.ts';

export interface S3TargetOptions {
  readonly bucket: string;
  /** What keys begin with; empty, or ending in a slash. */
  readonly prefix: string;
  readonly client: Pick<S3ClientConfig, 'region' | 'forcePathStyle' | 'credentials'> & { readonly endpoint?: string };
  readonly encryption: Pick<PutObjectCommandInput, 'ServerSideEncryption' | 'SSEKMSKeyId'>;
  /** Bytes of a part of an upload, at least 5 MiB. */
  readonly partBytes?: number;
  /** Milliseconds of silence that end a request. */
  readonly quiet?: number;
}

const PART_BYTES = 16 * 1024 * 1024;
const QUIET_MS = 60_000;
/** A node that ends waits so long for what it drops. */
const DROP_MS = 5_000;

/** The service's own name for what went wrong, such as `NoSuchBucket`; its message may quote what was sent. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return error.name === 'Error' && code !== '' ? code : error.name;
}

const REMEDIES: Readonly<Record<string, string>> = {
  NoSuchBucket: 'make the bucket',
  AccessDenied: 'let its credentials list, get, put and delete objects there',
  InvalidAccessKeyId: 'give it credentials that are known there',
  SignatureDoesNotMatch: 'give it the secret key of its access key',
  CredentialsProviderError: 'set aws_access_key_id and aws_secret_access_key, or the environment of AWS',
};

class S3Target implements SnapshotTarget {
  readonly #options: S3TargetOptions;
  readonly #client: S3Client;

  constructor(options: S3TargetOptions) {
    this.#options = options;
    const { quiet = QUIET_MS } = options;
    this.#client = new S3Client({
      ...options.client,
      requestHandler: { connectionTimeout: quiet, socketTimeout: quiet },
      // What is sent is checked by reading it back; services that speak like S3 do not know the newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  readonly urlOf = (name: string): string => {
    const { bucket, prefix } = this.#options;
    return `s3://${bucket}/${prefix}${name}`;
  };

  readonly list = async (prefix: string, signal: AbortSignal): Promise<readonly Kept[]> => {
    const { bucket, prefix: folder } = this.#options;
    return this.#named(signal, async () => {
      const kept: Kept[] = [];
      const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: bucket, Prefix: folder + prefix });
      for await (const { Contents = [] } of pages) {
        signal.throwIfAborted();
        for (const { Key = '', Size = 0 } of Contents) {
          const name = Key.slice(folder.length);
          if (name.startsWith(prefix) && !name.includes('/')) kept.push({ name, bytes: Size });
        }
      }
      return kept;
    });
  };

  readonly put = async (putting: Putting, prefix: string, signal: AbortSignal): Promise<void> => {
    const { bucket, prefix: folder } = this.#options;
    await this.#named(signal, async () => {
      await this.#dropUnfinished(prefix, signal);
      try {
        await this.#upload(putting, signal);
      } catch (error) {
        // As well as it can be done now; the next one does it otherwise.
        await this.#dropUnfinished(putting.name, AbortSignal.timeout(DROP_MS)).catch(() => undefined);
        throw error;
      }
      failpoint('scheduled.uploaded');
      try {
        await putting.check(await this.#content(putting.name, signal));
      } catch (error) {
        await this.#client.send(new DeleteObjectCommand({ Bucket: bucket, Key: folder + putting.name }));
        throw error;
      }
    });
  };

  readonly read = (name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> =>
    this.#named(signal, () => this.#content(name, signal));

  readonly remove = async (name: string, signal: AbortSignal): Promise<void> => {
    const { bucket, prefix } = this.#options;
    const command = new DeleteObjectCommand({ Bucket: bucket, Key: prefix + name });
    await this.#named(signal, () => this.#client.send(command, { abortSignal: signal }));
  };

  async #upload({ name, content }: Putting, signal: AbortSignal): Promise<void> {
    const { bucket, prefix, encryption, partBytes = PART_BYTES } = this.#options;
    const upload = new Upload({
      client: this.#client,
      params: {
        ...encryption,
        ...{ Bucket: bucket, Key: prefix + name, Body: Readable.from(content(), { objectMode: false }) },
        ContentType: 'application/gzip',
      },
      partSize: partBytes,
      // Memory is bounded by the parts that are on their way.
      queueSize: 2,
    });
    const abort = (): void => void upload.abort();
    signal.addEventListener('abort', abort);
    try {
      signal.throwIfAborted();
      await upload.done();
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Parts of uploads that a crash has cut off: they cost, and nothing shows them. */
  async #dropUnfinished(prefix: string, signal: AbortSignal): Promise<void> {
    const { bucket, prefix: folder } = this.#options;
    const { Uploads = [] } = await this.#client.send(
      new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: folder + prefix }),
      { abortSignal: signal },
    );
    for (const { Key, UploadId } of Uploads) {
      await this.#client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), {
        abortSignal: signal,
      });
    }
  }

  async #content(name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { bucket, prefix } = this.#options;
    const command = new GetObjectCommand({ Bucket: bucket, Key: prefix + name });
    const { Body } = await this.#client.send(command, { abortSignal: signal });
    if (!(Body instanceof Readable)) throw fail('internal', `${this.urlOf(name)} came without content`);
    return Body;
  }

  /** Errors of the service and of the way there say which bucket, why, and what to do. */
  async #named<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (isLockstepError(error)) throw error;
      const { bucket, client } = this.#options;
      const code = codeOf(error);
      const where = client.endpoint === undefined ? '' : ` at ${client.endpoint}`;
      const remedy = REMEDIES[code] ?? 'look at the bucket, its credentials and the way there';
      throw fail(
        code === 'NoSuchKey' ? 'notFound' : 'internal',
        `the bucket ${bucket}${where} failed (${code}): ${remedy}`,
        {
          cause: error,
        },
      );
    }
  }
}

export function s3Target(options: S3TargetOptions): SnapshotTarget {
  return new S3Target(options);
}
