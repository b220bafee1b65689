/**
 * Time-based one-time passwords (RFC 6238): the codes, and the URL that an authenticator app takes its key from. The
 * algorithm is `otpauth`'s, the HMAC the one that all else here uses.
 */
import { createHmac } from 'node:crypto';
import { HOTP, Secret, TOTP } from 'otpauth/bare';
import { equalSecret } from './hash.ts';

export const totpAlgorithms = ['SHA1', 'SHA256', 'SHA512'] as const;

export interface TotpKey {
  /** Base32 (RFC 4648), as apps show it. */
  readonly secret: string;
  readonly algorithm: (typeof totpAlgorithms)[number];
  readonly digits: 6 | 8;
  /** Seconds. */
  readonly period: number;
}

const hmac = (algorithm: string, key: Uint8Array, message: Uint8Array): Uint8Array =>
  createHmac(algorithm.toLowerCase(), key).update(message).digest();

/** How many periods have passed since 1970. `now` in milliseconds. */
export const totpStep = ({ period }: Pick<TotpKey, 'period'>, now: number): number => Math.floor(now / 1_000 / period);

/** The code of one period. */
export function totpCode({ secret, algorithm, digits }: TotpKey, step: number): string {
  return HOTP.generate({ secret: Secret.fromBase32(secret), algorithm, digits, counter: step, hmac });
}

/** The newest period, at most `skew` off, that a code is of; undefined for none. Each is compared in constant time, and all are. */
export function matchingStep(
  key: TotpKey,
  code: string,
  { now, skew }: { readonly now: number; readonly skew: number },
): number | undefined {
  const current = totpStep(key, now);
  let found: number | undefined;
  for (let step = Math.max(0, current - skew); step <= current + skew; step += 1) {
    if (equalSecret(code, totpCode(key, step))) found = step;
  }
  return found;
}

/** `otpauth://totp/…`, which holds the secret. */
export function totpUrl(key: TotpKey, issuer: string, label: string): string {
  const { secret, algorithm, digits, period } = key;
  return new TOTP({ issuer, label, secret: Secret.fromBase32(secret), algorithm, digits, period }).toString();
}

/** As apps want it. */
export const toBase32 = (bytes: Uint8Array): string => new Secret({ buffer: Uint8Array.from(bytes).buffer }).base32;
