/**
 * The parts of a durable KV write and nothing else, to stand beside ours: how fast a server of Node can be that does this much
 * for a request. HTTP, JSON, two AES-GCM, three HMACs, a line of a log before and after, one durable write and one LMDB
 * transaction for those that come together. No tokens, policies, mounts, versions, metrics, errors or other threads; nothing
 * that it stores can be read.
 */
import { createSecretKey, randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, write, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../src/cli/up/free-port.ts';
import { encryptGcm } from '../../src/lib/crypto/aes-gcm.ts';
import { hmacSha256Hex, sha256 } from '../../src/lib/crypto/hash.ts';
import { prepareDirectory } from '../../src/storage/lmdb/data-directory.ts';
import { openEnvironment } from '../../src/storage/lmdb/environment.ts';
import { logKey } from '../../src/storage/lmdb/view.ts';
import { installed } from './installed.ts';
import type { Access } from './prepare.ts';
import { Program } from './program.ts';
import type { Place, Server } from './server.ts';

const VERSIONS = Buffer.alloc(564, 'v');
const REPLY = Buffer.from(
  JSON.stringify({ request_id: 'x'.repeat(36), data: { created_time: 'x'.repeat(24), version: 3 } }),
);
const ENTRY = 'x'.repeat(700);
/** The journal of the store is written in place, too. */
const JOURNAL_BYTES = 4 * 1024 * 1024;
const PAGE = 4_096;

interface Written {
  readonly key: string;
  readonly records: readonly Buffer[];
  readonly response: ServerResponse;
}

class Parts {
  readonly #key = createSecretKey(randomBytes(32));
  readonly #environment;
  readonly #audit: number;
  readonly #journal: number;
  readonly #write = promisify(write);
  #at = 0;
  #sequence = 0;
  #lines: string[] = [];
  #asked: { readonly path: string; readonly body: Buffer; readonly response: ServerResponse }[] = [];
  #waiting: Written[] = [];
  #flushing = false;

  constructor(folder: string) {
    const { O_RDWR, O_DSYNC } = constants;
    const data = join(folder, 'data');
    prepareDirectory(data);
    this.#environment = openEnvironment(data);
    this.#audit = openSync(join(folder, 'audit.log'), 'a');
    const journal = join(folder, 'journal');
    const filled = openSync(journal, 'w');
    writeSync(filled, Buffer.alloc(JOURNAL_BYTES));
    closeSync(filled);
    this.#journal = openSync(journal, O_RDWR | O_DSYNC);
  }

  ask(request: IncomingMessage, response: ServerResponse): void {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      if (this.#asked.push({ path: request.url ?? '', body: Buffer.concat(pieces), response }) === 1) {
        setImmediate(() => this.#take());
      }
    });
  }

  #record(values: readonly string[]): void {
    const hashes = values.map((value) => hmacSha256Hex(this.#key, value));
    this.#lines.push(`{"hashes":${JSON.stringify(hashes)},"entry":"${ENTRY}"}\n`);
  }

  #writeLines(): void {
    if (this.#lines.length > 0) writeSync(this.#audit, this.#lines.join(''));
    this.#lines = [];
  }

  #take(): void {
    const asked = this.#asked.map(({ path, body, response }) => {
      const { data } = JSON.parse(body.toString()) as { readonly data: Readonly<Record<string, string>> };
      this.#record(Object.values(data));
      return { path, data, response };
    });
    this.#asked = [];
    this.#writeLines();
    for (const { path, data, response } of asked) {
      const records = [Buffer.from(JSON.stringify(data)), VERSIONS].map((value) =>
        encryptGcm(this.#key, value, Buffer.from(path)),
      );
      this.#waiting.push({ key: path, records, response });
    }
    if (!this.#flushing) void this.#flush();
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const frame = Buffer.concat(group.flatMap(({ records }) => [...records, sha256(Buffer.concat(records))]));
      if (this.#at + frame.length > JOURNAL_BYTES) this.#at = 0;
      const place = this.#at;
      this.#at += Math.ceil(frame.length / PAGE) * PAGE;
      await Promise.all([this.#write(this.#journal, frame, 0, frame.length, place), this.#put(group)]);
      for (const { response } of group) {
        this.#record(['x'.repeat(24)]);
        response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': REPLY.length });
      }
      this.#writeLines();
      for (const { response } of group) response.end(REPLY);
    }
    this.#flushing = false;
  }

  #put(group: readonly Written[]): Promise<boolean> {
    const { root, data, log } = this.#environment;
    return root.batch(() => {
      for (const { key, records } of group) {
        for (const [at, record] of records.entries()) void data.put(`${key}/${String(at)}`, record);
        this.#sequence += 1;
        void log.put(logKey(this.#sequence), Buffer.concat(records));
      }
    });
  }
}

function serve(port: number, folder: string): void {
  const parts = new Parts(folder);
  const server = createServer((request, response) => parts.ask(request, response));
  server.listen(port, '127.0.0.1', () => console.log('the parts are up'));
}

/** With the flags that a server of ours is given. */
export async function startParts({ folder }: Place): Promise<Server> {
  const port = await freePort();
  const args = [...installed().flags, import.meta.filename, String(port), folder];
  const program = await Program.start({ command: process.execPath, args, ready: /^the parts are up/ });
  const urls = { http: `http://127.0.0.1:${port}` };
  return { title: 'parts', version: '', program, urls, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

export const NO_ACCESS: Access = { token: 'none', secrets: '', roleId: '', secretId: '', ciphertext: undefined };

const [, main, port, folder] = process.argv;
if (main === import.meta.filename && folder !== undefined) serve(Number(port), folder);
