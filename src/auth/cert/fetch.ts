/** What the method asks of others: published lists of revocations, and OCSP responders. */
import { askServer, serverUrl } from '../../lib/outgoing/ask.ts';
import { ServerUnavailable } from '../../lib/outgoing/unavailable.ts';
import { Outgoing } from '../../lib/outgoing/bounds.ts';
import type { RevocationList } from '../../lib/x509/revocation-list.ts';

const TIMEOUT_MS = 5_000;
const MOST_LIST_BYTES = 1024 * 1024;
const MOST_ANSWER_BYTES = 64 * 1024;
/** Responders whose troubles are remembered, on one thread. */
const MOST_RESPONDERS = 256;

export interface FetchedList {
  readonly der: Uint8Array;
  readonly list: RevocationList;
}

/** Rejects with `issuerUnreachable`, or `CertificateRefused` for what is no list. */
export async function fetchList(url: string): Promise<FetchedList> {
  const { derOfList, parseRevocationList } = await import('../../lib/x509/revocation-list.ts');
  const headers = { accept: '*/*' };
  const { status, bytes } = await askServer(url, { timeout: TIMEOUT_MS, bytes: MOST_LIST_BYTES, headers });
  if (status !== 200) throw new ServerUnavailable(`the address of the list answers ${String(status)}`);
  const der = derOfList(bytes);
  return { der, list: parseRevocationList(der) };
}

const outgoing = new Map<string, Outgoing>();

function outgoingTo(origin: string): Outgoing {
  const known = outgoing.get(origin);
  if (known !== undefined) return known;
  for (const oldest of outgoing.keys()) {
    if (outgoing.size < MOST_RESPONDERS) break;
    outgoing.delete(oldest);
  }
  const made = new Outgoing();
  outgoing.set(origin, made);
  return made;
}

/** DER of the answer. Rejects with `issuerUnreachable`. */
export async function askResponder(url: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return outgoingTo(serverUrl(url).origin).run(async () => {
    const { status, bytes } = await askServer(url, {
      ...{ timeout: TIMEOUT_MS, bytes: MOST_ANSWER_BYTES, method: 'POST', body: request, signal },
      headers: { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' },
    });
    if (status !== 200) throw new ServerUnavailable(`the OCSP responder answers ${String(status)}`);
    return bytes;
  });
}
