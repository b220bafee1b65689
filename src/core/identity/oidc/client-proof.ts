/** Which client asks the token endpoint, by its secret in a header or in the body (RFC 6749, section 2.3.1). */
import { equalSecret } from '../../../lib/crypto/hash.ts';
import type { OidcRecords } from './oidc-store.ts';
import type { ClientRecord } from './records.ts';

export interface Credentials {
  readonly id: string;
  readonly secret: string;
}

/** Each part is form-encoded before it is put together. */
function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** Of `Authorization: Basic …`; undefined where there is none that can be read. */
export function basicCredentials(header: string | undefined): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const at = text.indexOf(':');
  if (at < 0) return undefined;
  const [id, secret] = [formDecoded(text.slice(0, at)), formDecoded(text.slice(at + 1))];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** undefined: there is no such client, or its secret is another one. A public client proves nothing here. */
export function provenClient(records: OidcRecords, { id, secret }: Credentials): ClientRecord | undefined {
  const client = records.clientOfId(id);
  if (client === undefined) return undefined;
  if (client.type === 'public') return client;
  const expected = records.clientSecret(client.id);
  return expected !== undefined && equalSecret(secret, expected) ? client : undefined;
}
