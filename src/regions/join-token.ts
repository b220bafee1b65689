/**
 * What a new region proves itself with, once: a secret for one name, the hub's address, and the pin of the hub's authority.
 * Passed in a file or the environment, never as an argument (design rule 20).
 */
import { fail } from '../errors.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import { randomBytes } from '../lib/crypto/random.ts';

export interface JoinToken {
  readonly region: string;
  /** `host:port` of the hub's cluster listener. */
  readonly hub: string;
  /** SHA-256 of the authority's certificate, hex. */
  readonly pin: string;
  /** 256 random bits, base64url. */
  readonly secret: string;
}

const PREFIX = 'lsj.';
const FORMAT = 1;
const MAX_TEXT = 2_048;

/** One hour. */
export const JOIN_TOKEN_MS = 3_600_000;

export const newJoinSecret = (): string => randomBytes(32).toString('base64url');
/** What the hub keeps of it. */
export const hashJoinSecret = (secret: string): string => sha256(`join:${secret}`).toString('hex');

export function encodeJoinToken({ region, hub, pin, secret }: JoinToken): string {
  return PREFIX + Buffer.from(JSON.stringify([FORMAT, region, hub, pin, secret])).toString('base64url');
}

/** Throws `badRequest`; the message never repeats the token. */
export function decodeJoinToken(text: string): JoinToken {
  const trimmed = text.trim();
  const invalid = (): Error =>
    fail('badRequest', 'this is not a join token: take the output of `lockstep regions add`');
  if (!trimmed.startsWith(PREFIX) || trimmed.length > MAX_TEXT) throw invalid();
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(trimmed.slice(PREFIX.length), 'base64url').toString('utf8'));
  } catch {
    throw invalid();
  }
  if (!Array.isArray(parts) || parts.length !== 5 || parts.slice(1).some((part) => typeof part !== 'string'))
    throw invalid();
  const [format, region, hub, pin, secret] = parts as [unknown, string, string, string, string];
  if (format !== FORMAT)
    throw fail('formatVersion', 'this join token is of another version of Lockstep than this node');
  if (!/^[0-9a-f]{64}$/.test(pin)) throw invalid();
  return { region, hub, pin, secret };
}
