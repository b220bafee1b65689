/** An authority as `openssl ca` keeps it: lists of revocations, and OCSP answers of openssl's own responder. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Made } from './authority.testing.ts';

function openssl(args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync('openssl', args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

export interface Responder extends AsyncDisposable {
  readonly url: string;
}

export class OpensslAuthority implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-openssl-ca-'));
  readonly #authority: Made;
  readonly #entries = new Map<string, string>();
  #responders = 0;

  constructor(authority: Made) {
    this.#authority = authority;
    this.#write('ca.pem', authority.pem);
    this.#write('ca.key', authority.keyPem);
    const policy = 'default_md = sha256\ndefault_crl_days = 1\n';
    const files = 'database = index.txt\ncrlnumber = crlnumber\ncertificate = ca.pem\nprivate_key = ca.key\n';
    this.#write('ca.cnf', `[ca]\ndefault_ca = own\n[own]\n${files}${policy}`);
    this.#write('crlnumber', '1000\n');
    this.#write('index.txt', '');
    this.#write('index.txt.attr', 'unique_subject = no\n');
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#folder, name), text);
  }

  /** What the authority says of it from now on; of others it knows nothing. */
  set({ serial }: Made, status: 'good' | 'revoked'): void {
    const even = serial.length % 2 === 0 ? serial : `0${serial}`;
    const dates = status === 'good' ? '401231235959Z\t' : '401231235959Z\t260101000000Z';
    this.#entries.set(serial, `${status === 'good' ? 'V' : 'R'}\t${dates}\t${even.toUpperCase()}\tunknown\t/CN=x\n`);
    this.#write('index.txt', [...this.#entries.values()].join(''));
  }

  /** PEM of the list as of now. */
  list(...more: readonly string[]): string {
    return openssl(['ca', '-config', 'ca.cnf', '-gencrl', ...more], this.#folder);
  }

  /** Answers as `signer`, the authority itself unless given, by the entries as they are now: openssl behind a server of ours. */
  async responder(signer: Made = this.#authority): Promise<Responder> {
    const name = `responder-${String(++this.#responders)}`;
    const [index, request, response] = [`${name}.txt`, `${name}.req`, `${name}.resp`];
    this.#write(`${name}.pem`, signer.pem);
    this.#write(`${name}.key`, signer.keyPem);
    this.#write(`${index}.attr`, 'unique_subject = no\n');
    this.#write(index, [...this.#entries.values()].join(''));
    const identity = ['-CA', 'ca.pem', '-rsigner', `${name}.pem`, '-rkey', `${name}.key`];
    const args = ['ocsp', '-index', index, ...identity, '-nmin', '5', '-reqin', request, '-respout', response];
    const server = createServer((incoming, outgoing) => {
      const answer = async (): Promise<void> => {
        writeFileSync(join(this.#folder, request), await buffer(incoming));
        openssl(args, this.#folder);
        outgoing.writeHead(200, { 'content-type': 'application/ocsp-response' });
        outgoing.end(readFileSync(join(this.#folder, response)));
      };
      void answer();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
