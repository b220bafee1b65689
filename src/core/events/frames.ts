/** The JSON text frames of `lockstep.changes.v1`. What a client sends is checked here before anything looks at it. */
import { encodeIndex, type Index } from '../freshness.ts';
import type { DataChange } from '../../framework/plugin.ts';

export const PROTOCOL = 'lockstep.changes.v1';

export type ClosingReason = 'slow' | 'revoked' | 'sealed' | 'shutdown' | 'badAck' | 'invalid';

export interface Welcome {
  readonly nonce: string;
  readonly index: Index;
  readonly resumed: boolean;
  /** Seconds within which something is sent. */
  readonly heartbeat: number;
}

export const frames = {
  welcome: ({ index, ...rest }: Welcome): string =>
    JSON.stringify({ kind: 'welcome', ...rest, index: encodeIndex(index) }),
  /** `type`: where the operation does not say what happened. */
  event: (index: Index, path: string, { operation, version }: DataChange, type?: string): string =>
    JSON.stringify({
      ...{ kind: 'event', index: encodeIndex(index), path, operation },
      ...(type === undefined ? {} : { type }),
      ...(version === undefined ? {} : { version }),
    }),
  /** A mount left its path, or much of it changed at once: everything below may read otherwise. */
  mount: (index: Index, path: string): string =>
    JSON.stringify({ kind: 'event', index: encodeIndex(index), path: `${path}*`, operation: 'mount' }),
  mark: (index: Index): string => JSON.stringify({ kind: 'mark', index: encodeIndex(index) }),
  closing: (reason: ClosingReason, resume: Index): string =>
    JSON.stringify({ kind: 'closing', reason, resume: encodeIndex(resume) }),
} as const;

/** One file, or whatever else holds a secret, as the consumer has it in place. */
export interface InPlace {
  /** Absent where there are no versions. */
  readonly version: number | undefined;
  readonly digest: string;
}

export interface Ack {
  readonly index: string;
  readonly nonce: string;
  readonly files: ReadonlyMap<string, InPlace>;
}

/** Bytes of one message of a client. */
export const MAX_CLIENT_FRAME = 262_144;
const MAX_FILES = 4_096;
const MAX_TEXT = 1_024;
const MAX_PATH = 2_048;
const DIGEST = /^[0-9a-f]{64}$/;

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown, most: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= most;

function inPlace(value: unknown): InPlace | undefined {
  if (!isObject(value)) return undefined;
  const { version, digest } = value;
  if (typeof digest !== 'string' || !DIGEST.test(digest)) return undefined;
  if (version === undefined || version === null) return { version: undefined, digest };
  return Number.isSafeInteger(version) && (version as number) > 0 ? { version: version as number, digest } : undefined;
}

function filesOf(value: unknown): Ack['files'] | undefined {
  if (value === undefined) return new Map();
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > MAX_FILES) return undefined;
  const files = new Map<string, InPlace>();
  for (const [path, given] of entries) {
    const file = inPlace(given);
    if (file === undefined || !isText(path, MAX_PATH)) return undefined;
    files.set(path, file);
  }
  return files;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** undefined: no frame that a client may send. Never throws. Keys that are not known do not count. */
export function parseClientFrame(text: string): Ack | undefined {
  const frame = text.length > MAX_CLIENT_FRAME ? undefined : parse(text);
  if (!isObject(frame) || frame['kind'] !== 'ack') return undefined;
  const { index, nonce } = frame;
  const files = filesOf(frame['files']);
  if (files === undefined || !isText(index, MAX_TEXT) || !isText(nonce, 128)) return undefined;
  return { index, nonce, files };
}
