/** `lockstep server -dev-tls`: an authority and a certificate for one run, in files under the names that Vault gives them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DevTlsFiles } from '../config/server.ts';
import { fail } from '../errors.ts';
import { errorCode } from '../lib/error-code.ts';

/** Disposing removes what was written: the key is of no use after the run. */
export interface DevelopmentTls extends DevTlsFiles, Disposable {
  /** The file of the authority's certificate, for clients. Its key is not kept. */
  readonly authority: string;
}

const DAY_MS = 86_400_000;
const NAMES = ['localhost', 'localhost4', 'localhost6', 'localhost.localdomain', '127.0.0.1', '::1'];

/** In `folder`, or in one of its own. `now`: milliseconds since the epoch. Throws `invalidConfig` where it cannot be written. */
export async function developmentTls(folder: string | undefined, now: number): Promise<DevelopmentTls> {
  const { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } =
    await import('../lib/crypto/certificates.ts');
  // A client whose clock is a little behind may come.
  const notBefore = new Date(now - 60_000);
  const authority = await createAuthority('Lockstep development CA', { notBefore, notAfter: new Date(now + 3_650 * DAY_MS) }); // prettier-ignore
  const key = newPrivateKey();
  const host = hostname();
  const certificate = await issueCertificate({
    ...{ authority, publicKey: publicKeyOf(key), commonName: host, usage: 'server' },
    names: [...new Set([...NAMES, host])],
    ...{ notBefore, notAfter: new Date(now + 365 * DAY_MS) },
  });
  const at = folder === undefined ? mkdtempSync(join(tmpdir(), 'lockstep-tls-')) : resolve(folder);
  const path = (name: string): string => join(at, `vault-${name}.pem`);
  const files = { authority: path('ca'), certificate: path('cert'), key: path('key') };
  const remove = (): void => {
    for (const each of Object.values(files)) rmSync(each, { force: true });
    if (folder === undefined) rmSync(at, { recursive: true, force: true });
  };
  try {
    write(files.authority, authority.certificate, 0o644);
    write(files.certificate, certificate, 0o600);
    write(files.key, key, 0o600);
  } catch (error) {
    remove();
    const why = `the certificates cannot be written to ${at} (${errorCode(error)})`;
    throw fail('invalidConfig', `${why}: give -dev-tls-cert-dir a directory that is there and can be written`);
  }
  return { ...files, [Symbol.dispose]: remove };
}

/** Made anew: neither the rights of a file that a killed server left stay, nor is a link followed. */
function write(path: string, text: string, mode: number): void {
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode, flag: 'wx' });
}
