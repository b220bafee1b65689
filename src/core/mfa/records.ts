/** What is kept of login MFA: methods, what asks for them, and what they know of an entity. Ids are UUIDs. */
import { fail } from '../../errors.ts';
import type { TotpKey } from '../../lib/crypto/totp.ts';

/** A second factor, as its administrator set it up. */
export interface MethodRecord {
  readonly id: string;
  readonly type: 'totp';
  /** Unique in its namespace; empty where it has none. */
  readonly name: string;
  readonly totp: TotpConfig;
}

export interface TotpConfig extends Omit<TotpKey, 'secret'> {
  readonly issuer: string;
  /** Bytes of a new secret. */
  readonly keySize: number;
  /** Pixels on each side; 0: no picture. */
  readonly qrSize: number;
  /** Periods that a code may be off, before and after. */
  readonly skew: number;
  /** Wrong codes before a pause. */
  readonly maxAttempts: number;
  /** Who has no secret yet may make one in the middle of a login. */
  readonly selfEnrollment: boolean;
}

/** Whose logins need which factors. Any of the methods will do. */
export interface EnforcementRecord {
  readonly id: string;
  readonly name: string;
  readonly methods: readonly string[];
  readonly accessors: readonly string[];
  readonly types: readonly string[];
  readonly groups: readonly string[];
  readonly entities: readonly string[];
}

/** The secret that an entity shares with one method, as it was when the secret was made. */
export interface TotpSecret extends TotpKey {
  readonly skew: number;
  /** The period of the newest code that was taken: none of it or before counts any more. */
  readonly last?: number;
  /** Wrong codes in a row, and when the last one came, in milliseconds. */
  readonly wrong?: {
    readonly count: number;
    readonly at: number;
    /** How often there were too many, before these. Absent: never. */
    readonly rounds?: number;
  };
}

/** Bounds of our own; what is within them is Vault's to decide. */
const LEAST_KEY = 10;
const MOST_KEY = 256;
const MOST_QR = 1_000;
const LONGEST_PERIOD = 86_400;
const MOST_ATTEMPTS = 1_000;

/** Throws `badRequest`, in Vault's words where it has some. */
export function checkTotp(config: TotpConfig): TotpConfig {
  const { issuer, period, keySize, qrSize, skew, maxAttempts } = config;
  const rules: readonly (readonly [wrong: boolean, message: string])[] = [
    [issuer === '', 'issuer must be set'],
    [
      issuer.length > 256 || /[\p{C}:]/u.test(issuer),
      'issuer has more than 256 characters, a colon, or one that cannot be printed',
    ],
    [period <= 0, 'period must be greater than zero'],
    [period > LONGEST_PERIOD, 'period must be at most 24h'],
    [keySize <= 0, 'key_size must be greater than zero'],
    [
      keySize < LEAST_KEY || keySize > MOST_KEY,
      `key_size must be between ${String(LEAST_KEY)} and ${String(MOST_KEY)} bytes`,
    ],
    [qrSize < 0 || qrSize > MOST_QR, `qr_size must be between 0 and ${String(MOST_QR)}`],
    [skew !== 0 && skew !== 1, 'skew must be 0 or 1'],
    [maxAttempts < 0, 'max_validation_attempts must be greater than zero'],
    [maxAttempts > MOST_ATTEMPTS, `max_validation_attempts must be at most ${String(MOST_ATTEMPTS)}`],
  ];
  const found = rules.find(([wrong]) => wrong);
  if (found !== undefined) throw fail('badRequest', found[1]);
  return config;
}
