/** Trust bundles: what SVIDs of a trust domain are verified by (SPIFFE Trust Domain and Bundle, section 4). */
import { trustAnchor, trustAnchorsOfPem } from '../crypto/trust-anchors.ts';
import { keyBounds, KeyList, keysOfEntries } from '../jwt/keys.ts';
import { ServerUnavailable } from '../outgoing/unavailable.ts';
import { isObject, strictObject } from '../jwt/strict-json.ts';

/** Never changes: who has the same bundle has the same keys. */
export interface Bundle {
  /** As it was published. */
  readonly text: string;
  /** undefined: it is not numbered. */
  readonly sequence: number | undefined;
  /** Seconds after which its publisher wants to be asked again. */
  readonly refreshHint: number | undefined;
  /** Of JWT-SVIDs; may be none. */
  readonly keys: KeyList;
  /** Of X.509-SVIDs, DER; may be none. */
  readonly anchors: readonly Uint8Array[];
}

/** Bounds of what is read as a bundle; real ones have a few keys. */
export const bundleBounds = { bytes: keyBounds.documentBytes, keys: keyBounds.keys } as const;

type Entry = Readonly<Record<string, unknown>>;

const malformed = (why: string): ServerUnavailable => new ServerUnavailable(`the trust bundle ${why}`);

function numberOf(document: Entry, name: string): number | undefined {
  const value = document[name];
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw malformed(`has a ${name} that is no number`);
  return Number(value);
}

function anchorOf({ x5c }: Entry): Uint8Array {
  const listed: readonly unknown[] = Array.isArray(x5c) ? x5c : [];
  const [text, ...others] = listed;
  const isBase64 = typeof text === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  const anchor = isBase64 && others.length === 0 ? trustAnchor(Buffer.from(text, 'base64')) : undefined;
  if (anchor === undefined) throw malformed('has an x509-svid key without exactly one certificate of an authority');
  return anchor;
}

/** Without its use, which is none that RFC 7517 knows. */
function keyOf({ use: _use, ...entry }: Entry): Entry {
  // Section 4.2.2: it MUST be set. A key without a name would stand for any.
  if (typeof entry['kid'] !== 'string' || entry['kid'] === '') throw malformed('has a jwt-svid key without a kid');
  return entry;
}

/**
 * A document in the bundle format. Keys of other uses than the two, and of algorithms that no JWT-SVID has, are left out; no
 * keys at all means that nobody is trusted. Throws `ServerUnavailable` for all else.
 */
export function bundleOfDocument(text: string): Bundle {
  const document = strictObject(text, { length: bundleBounds.bytes });
  const raw = document?.['keys'];
  if (document === undefined || !Array.isArray(raw)) throw malformed('is no plain JSON object with keys');
  if (raw.length > bundleBounds.keys) throw malformed(`has more than ${String(bundleBounds.keys)} keys`);
  const entries = raw.filter(isObject);
  return {
    text,
    sequence: numberOf(document, 'spiffe_sequence'),
    refreshHint: numberOf(document, 'spiffe_refresh_hint'),
    keys: keysOfEntries(entries.filter(({ use }) => use === 'jwt-svid').map(keyOf)),
    anchors: entries.filter(({ use }) => use === 'x509-svid').map(anchorOf),
  };
}

/** Certificates of authorities alone, PEM: no JWT-SVID holds by it. Throws `ServerUnavailable`. */
export function bundleOfPem(text: string): Bundle {
  const anchors = text.length > bundleBounds.bytes ? undefined : trustAnchorsOfPem(text);
  if (anchors === undefined || anchors.length > bundleBounds.keys) {
    throw malformed('is no PEM of certificates of authorities');
  }
  return { text, sequence: undefined, refreshHint: undefined, keys: new KeyList([]), anchors };
}

/** In either form. */
export const bundleOf = (text: string): Bundle =>
  text.trimStart().startsWith('{') ? bundleOfDocument(text) : bundleOfPem(text);
