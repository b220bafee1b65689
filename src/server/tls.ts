import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { fail, isLockstepError } from '../errors.ts';
import { NO_SESSION_TICKETS } from '../lib/crypto/session-tickets.ts';
import { watchFiles } from './file-watch.ts';
import type { Log, TlsSettings } from './listener.ts';
import { errorCode } from '../lib/error-code.ts';

/** What OpenSSL is given; a new one replaces all of the old. */
export type TlsContext = SecureContextOptions & { readonly cert: Buffer; readonly key: Buffer };
type Apply = (context: TlsContext) => void;

/** A listener's certificate files, and what of them is in use. */
export class TlsFiles {
  readonly #settings: TlsSettings;
  readonly #log: Log;
  #context: TlsContext;
  #apply: Apply | undefined;
  #stop: (() => void) | undefined;
  /** What was last complained about, so that it is said once. */
  #refused = '';
  #turn: Promise<void> = Promise.resolve();

  private constructor(settings: TlsSettings, log: Log, context: TlsContext) {
    this.#settings = settings;
    this.#log = log;
    this.#context = context;
  }

  /** Throws `invalidConfig`, naming the file and what is wrong with it. */
  static async load(settings: TlsSettings, log: Log): Promise<TlsFiles> {
    const files = new TlsFiles(settings, log, await readContext(settings));
    await files.#inspect();
    return files;
  }

  get options(): TlsOptions {
    const mode = modeOf(this.#settings);
    return { ...this.#context, requestCert: mode !== 'off', rejectUnauthorized: mode === 'required' };
  }

  /** As `TlsSettings.challenges`. */
  get challenges(): string | undefined {
    return this.#settings.challenges;
  }

  /** What is known of the certificates that clients show; undefined where they are not asked. */
  get clientCertificates(): 'shown' | 'verified' | undefined {
    if (modeOf(this.#settings) === 'off') return undefined;
    return this.#settings.clientCaFile === undefined ? 'shown' : 'verified';
  }

  /** Calls `apply` with each new pair that fits together, until closed. */
  watch(apply: Apply): void {
    const { certFile, keyFile, clientCaFile } = this.#settings;
    this.#apply = apply;
    const paths = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
    this.#stop = watchFiles(paths, () => void this.reload());
  }

  /** Never throws: files that cannot be used are logged, and the old ones stay. */
  reload(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#reload());
    return this.#turn;
  }

  close(): void {
    this.#stop?.();
    this.#apply = undefined;
  }

  async #reload(): Promise<void> {
    try {
      const files = await readFiles(this.#settings);
      // Told of whatever happens in their folder, a log that lies there too: nothing is made of what is known.
      if (isSame(files, this.#context)) {
        this.#refused = '';
        return;
      }
      const next = contextOf(this.#settings, files);
      this.#refused = '';
      this.#context = next;
      this.#apply?.(next);
      this.#log.info('the certificate was replaced', { file: this.#settings.certFile });
      await this.#inspect();
    } catch (error) {
      const reason = isLockstepError(error) ? error.message : 'it cannot be read';
      // A pair is written file by file: the first half alone does not fit, and the second is noticed by itself.
      if (reason !== this.#refused) this.#log.error('the certificate was not replaced, the old one stays', { reason });
      this.#refused = reason;
    }
  }

  /** Certificates that some clients will refuse are served, since others take them; but it is said. */
  async #inspect(): Promise<void> {
    // Loaded here alone: a server without TLS starts faster without it.
    const { inspectCertificate } = await import('./certificate.ts');
    for (const { problem, remedy } of inspectCertificate(this.#context.cert)) {
      this.#log.error(problem, { file: this.#settings.certFile, remedy });
    }
  }
}

const modeOf = ({ clientCert = 'optional' }: TlsSettings): NonNullable<TlsSettings['clientCert']> => clientCert;

/**
 * A resumed session keeps of what the client showed the first certificate alone, and the verdict of authorities that may have
 * been replaced since: where certificates are asked for, each connection shows them anew (TLS 1.2 and 1.3).
 */
const RESUMES_NONE = { secureOptions: NO_SESSION_TICKETS } as const;

type Files = Pick<TlsContext, 'cert' | 'key' | 'ca'>;

function isSame(a: Files, b: Files): boolean {
  const ca = ({ ca: bytes }: Files): Buffer => (Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0));
  return a.cert.equals(b.cert) && a.key.equals(b.key) && ca(a).equals(ca(b));
}

async function readFiles({ certFile, keyFile, clientCaFile }: TlsSettings): Promise<Files> {
  const cert = await readPem(certFile);
  // One file for both is read once: between two reads another may have taken its place.
  const key = keyFile === certFile ? cert : await readPem(keyFile);
  return clientCaFile === undefined ? { cert, key } : { cert, key, ca: await readPem(clientCaFile) };
}

const readContext = async (settings: TlsSettings): Promise<TlsContext> =>
  contextOf(settings, await readFiles(settings));

function contextOf(settings: TlsSettings, { cert, key, ca }: Files): TlsContext {
  const { certFile, keyFile, clientCaFile } = settings;
  tryContext({ cert }, `${certFile} is not a PEM certificate chain, leaf first`);
  tryContext({ key }, `${keyFile} is not an unencrypted PEM private key`);
  tryContext({ cert, key }, `${keyFile} is not the key of the first certificate in ${certFile}: give a matching pair`);
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw fail('invalidConfig', `${clientCaFile ?? ''} holds no PEM certificate`);
  }
  const context: TlsContext = {
    cert,
    key,
    minVersion: settings.minVersion ?? 'TLSv1.2',
    maxVersion: settings.maxVersion ?? 'TLSv1.3',
    ...(settings.ciphers === undefined ? {} : { ciphers: settings.ciphers }),
    ...(settings.groups === undefined ? {} : { ecdhCurve: settings.groups }),
    // Without any, Node would verify by the authorities of the web.
    ca: ca ?? [],
    ...(modeOf(settings) === 'off' ? {} : RESUMES_NONE),
  };
  tryContext(context, 'the TLS versions, ciphers or key exchanges of this listener are not known to OpenSSL');
  return context;
}

function tryContext(options: SecureContextOptions, problem: string): void {
  try {
    createSecureContext(options);
  } catch (error) {
    // OpenSSL's reason ("bad decrypt", "no start line") quotes nothing of the file.
    const reason = error instanceof Error ? /([^:]+)$/.exec(error.message)?.[1]?.trim() : undefined;
    throw fail('invalidConfig', reason === undefined ? problem : `${problem} (${reason})`, { cause: error });
  }
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fail('invalidConfig', `cannot read ${path} (${errorCode(error)}): check the path and who may read it`);
  }
}
