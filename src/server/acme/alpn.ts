/** Answers TLS-ALPN-01 (RFC 8737) on the listener itself, on every thread that shares its port. */
import { readFileSync } from 'node:fs';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { answerFile } from './place.ts';

/** The protocol that nobody but an ACME server asks for. */
export const ACME_TLS = 'acme-tls/1';
const SERVED = ['h2', 'http/1.1'] as const;

interface Offered {
  readonly servername: string;
  readonly protocols: readonly string[];
}

/**
 * For `ALPNCallback`. Whoever does not ask for that protocol gets the listener's own certificate, a challenge or not; whoever
 * asks while there is none gets no connection.
 */
export function challengeAnswer(challenges: string) {
  return function choose(this: TLSSocket, { servername, protocols }: Offered): string | undefined {
    if (!protocols.includes(ACME_TLS)) return SERVED.find((protocol) => protocols.includes(protocol));
    try {
      const pem = readFileSync(answerFile(challenges, servername));
      this.setKeyCert(createSecureContext({ key: pem, cert: pem }));
      return ACME_TLS;
    } catch {
      return undefined;
    }
  };
}
