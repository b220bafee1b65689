/** For tests of certificates by ACME. */
import type { AcmeSettings } from './settings.ts';

export function acmeFor(cachePath: string, changes: Partial<AcmeSettings> = {}): AcmeSettings {
  return {
    ...{ cachePath, domains: ['a.lockstep.test', 'b.lockstep.test'], directory: 'https://127.0.0.1:1/dir' },
    ...{ rootFile: undefined, email: undefined, external: undefined, keyType: 'p256' },
    challenges: ['tls-alpn-01', 'http-01'],
    http: { host: '127.0.0.1', port: 0 },
    ...changes,
  };
}
