import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issue } from '../../src/server/certificates.testing.ts';

/** A certificate for the loopback, valid for a day: ECDSA on P-256, for every server the same. */
export async function makeCertificate(
  folder: string,
): Promise<{ readonly certFile: string; readonly keyFile: string; readonly caCertText: string }> {
  const issuer = await issue({ name: 'bench' });
  const issued = await issue({ name: 'localhost', issuer });
  const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  writeFileSync(files.certFile, issued.certPem);
  writeFileSync(files.keyFile, issued.keyPem, { mode: 0o600 });
  return { ...files, caCertText: issuer.certPem };
}
