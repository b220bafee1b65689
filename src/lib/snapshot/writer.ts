/**
 * Writes a snapshot into a file: an uncompressed tar of `meta.json`, `state.bin`, `SHA256SUMS` and `SHA256SUMS.sealed`,
 * as Vault's clients expect them. A file, since tar wants sizes first, and since the moment of a snapshot must not last as
 * long as a slow client's download.
 */
import type { FileHandle } from 'node:fs/promises';
import { fail } from '../../errors.ts';
import { sha256, sha256Digest } from '../crypto/hash.ts';
import {
  CHUNK_KEY,
  encodeMeta,
  META,
  META_BYTES,
  SEALED_SUMS,
  SNAPSHOT_FORMAT,
  STATE,
  SUMS,
  sumsText,
  type ChunkHead,
  type Origin,
  type SnapshotMeta,
} from './meta.ts';
import { encodeRecord, type SnapshotRecord } from './records.ts';
import { BLOCK, paddingOf, tarHeader } from './tar.ts';

/** A chunk is closed once it holds this much; one large record can make it larger. */
export const CHUNK_BYTES = 1024 * 1024;
const STATE_AT = BLOCK + META_BYTES + BLOCK;

export class SnapshotWriter {
  readonly #file: FileHandle;
  readonly #digest = sha256Digest();
  #at = STATE_AT;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #records = 0;
  #chunks = 0;

  /** `file` is empty and open for writing; it stays the caller's to close. */
  constructor(file: FileHandle) {
    this.#file = file;
  }

  add(record: SnapshotRecord): void {
    const bytes = encodeRecord(record);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#records += 1;
  }

  get isChunkFull(): boolean {
    return this.#pendingBytes >= CHUNK_BYTES;
  }

  /** Writes what has been added as one chunk. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const body = Buffer.concat(this.#pending);
    const head: ChunkHead = {
      number: (this.#chunks += 1),
      records: this.#pending.length,
      bytes: body.length,
      sha256: sha256(body).toString('hex'),
    };
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#append(encodeRecord({ key: CHUNK_KEY, value: Buffer.from(JSON.stringify(head)) }));
    await this.#append(body);
  }

  /** `seal` makes the proof that whoever holds the keys has written these sums. */
  async finish(
    origin: Origin & Pick<SnapshotMeta, 'time'>,
    seal: (sums: string) => Uint8Array | string,
  ): Promise<SnapshotMeta> {
    await this.flush();
    const bytes = this.#at - STATE_AT;
    const meta: SnapshotMeta = {
      ...origin,
      ...{ format: SNAPSHOT_FORMAT, records: this.#records, chunks: this.#chunks, bytes },
    };
    const text = encodeMeta(meta);
    if (text.length !== META_BYTES) throw fail('internal', `${META} does not fit into ${String(META_BYTES)} bytes`);
    await this.#write(Buffer.alloc(paddingOf(bytes)));
    const sums = sumsText(sha256(text).toString('hex'), this.#digest.hex());
    await this.#entry(SUMS, Buffer.from(sums));
    await this.#entry(SEALED_SUMS, Buffer.from(seal(sums)));
    await this.#write(Buffer.alloc(2 * BLOCK));
    const front = [tarHeader({ name: META, size: META_BYTES }), text, tarHeader({ name: STATE, size: bytes })];
    await writeAt(this.#file, Buffer.concat(front), 0);
    return meta;
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#digest.update(bytes);
    await this.#write(bytes);
  }

  async #entry(name: string, content: Buffer): Promise<void> {
    const padding = Buffer.alloc(paddingOf(content.length));
    await this.#write(Buffer.concat([tarHeader({ name, size: content.length }), content, padding]));
  }

  async #write(bytes: Buffer): Promise<void> {
    await writeAt(this.#file, bytes, this.#at);
    this.#at += bytes.length;
  }
}

/** All of the bytes: a write can take a part of them, and a full disk says so only with the next one. */
async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
