import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { fail } from '../errors.ts';
import type { Log, TlsSettings } from './listener.ts';

type Apply = (context: SecureContextOptions) => void;

/** A listener's certificate files, and what of them is in use. */
export class TlsFiles {
  readonly #settings: TlsSettings;
  readonly #log: Log;
  #context: SecureContextOptions;
  #apply: Apply | undefined;

  private constructor(settings: TlsSettings, log: Log, context: SecureContextOptions) {
    this.#settings = settings;
    this.#log = log;
    this.#context = context;
  }

  /** Throws `invalidConfig`, naming the file and what is wrong with it. */
  static async load(settings: TlsSettings, log: Log): Promise<TlsFiles> {
    return new TlsFiles(settings, log, await readContext(settings));
  }

  get options(): TlsOptions {
    const mode = this.#settings.clientCert ?? (this.#settings.clientCaFile === undefined ? 'off' : 'optional');
    return { ...this.#context, requestCert: mode !== 'off', rejectUnauthorized: mode === 'required' };
  }

  watch(apply: Apply): void {
    this.#apply = apply;
  }

  async reload(): Promise<void> {
    try {
      this.#context = await readContext(this.#settings);
      this.#apply?.(this.#context);
    } catch (error) {
      this.#log.error('the certificate was not reloaded', { reason: (error as Error).message });
    }
  }

  close(): void {
    this.#apply = undefined;
  }
}

async function readContext(settings: TlsSettings): Promise<SecureContextOptions> {
  const context: SecureContextOptions = {
    cert: await readPem(settings.certFile),
    key: await readPem(settings.keyFile),
    minVersion: settings.minVersion ?? 'TLSv1.2',
    maxVersion: settings.maxVersion ?? 'TLSv1.3',
    ...(settings.ciphers === undefined ? {} : { ciphers: settings.ciphers }),
    ...(settings.clientCaFile === undefined ? {} : { ca: await readPem(settings.clientCaFile) }),
  };
  createSecureContext(context);
  return context;
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fail('invalidConfig', `cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
}
