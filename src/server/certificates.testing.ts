/** Certificates made while tests run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface Issued {
  readonly certificate: X509Certificate;
  readonly keys: CryptoKeyPair;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Wanted {
  readonly name: string;
  readonly issuer?: Issued;
  readonly usages?: KeyUsageFlags;
  readonly notAfter?: Date;
}

let serial = 1;

/** Without an issuer: an authority of its own. */
export async function issue({ name, issuer, usages, notAfter }: Wanted): Promise<Issued> {
  const keys = await cryptoProvider.get().subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const common = {
    serialNumber: String(serial++).padStart(2, '0'),
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: notAfter ?? new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(issuer === undefined, undefined, true),
      new KeyUsagesExtension(
        usages ?? (issuer === undefined ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature),
        true,
      ),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  };
  const certificate =
    issuer === undefined
      ? await X509CertificateGenerator.createSelfSigned({ ...common, name: `CN=${name}`, keys })
      : await X509CertificateGenerator.create({
          ...common,
          subject: `CN=${name}`,
          issuer: issuer.certificate.subject,
          publicKey: keys.publicKey,
          signingKey: issuer.keys.privateKey,
        });
  const pkcs8 = Buffer.from(await cryptoProvider.get().subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`;
  return { certificate, keys, certPem: `${certificate.toString('pem')}\n`, keyPem };
}

export class CertificateDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<CertificateDirectory> {
    return new CertificateDirectory(await mkdtemp(join(tmpdir(), 'lockstep-tls-')));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) await writeFile(this.file(name), text, { mode: 0o600 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

export { KeyUsageFlags };
