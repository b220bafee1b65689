import { isUtf8 } from 'node:buffer';
import { fail, isLockstepError } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Limits } from './listener.ts';

export type JsonLimits = Pick<
  Limits,
  'maxJsonDepth' | 'maxJsonString' | 'maxJsonKeys' | 'maxJsonElements' | 'maxJsonStrings' | 'maxJsonMemory'
>;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Estimates of what V8 takes for an object or array, a slot in one, and a string beside its characters. */
const containerBytes = 64;
const elementBytes = 16;
const stringBytes = 24;

/**
 * A request body as one JSON object (RFC 8259). Limits are checked in one pass over the text, before anything is built
 * from it. Two equal keys in one object are refused, since readers differ on which of them counts. Throws
 * `malformedBody`, whose message never repeats the body.
 */
export function parseJsonObject(bytes: Uint8Array, limits: JsonLimits): JsonObject {
  if (!isUtf8(bytes)) throw malformed('it is not UTF-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  new Inspection(text, limits).run();
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed('the top level must be an object');
  }
  return value as JsonObject;
}

function malformed(why: string): Error {
  return fail('malformedBody', `failed to parse JSON input: ${why}`);
}

/** A text without it holds no number that JavaScript would change. */
const SUSPECT = /\d{16}|\d[eE]\+?\d{2}/;

/** Refuses what would come back as another number (RFC 8259, section 6): better no secret than a silently wrong one. */
function keepExact(_key: string, value: unknown, { source }: { readonly source?: string } = {}): unknown {
  if (typeof value !== 'number' || source === undefined) return value;
  const exact = /^-?\d+$/.test(source)
    ? Number.isSafeInteger(value) || String(value) === source
    : Number.isFinite(value);
  if (!exact) throw malformed('a number is too large to be kept exactly: send it as a string');
  return value;
}

function parse(text: string): unknown {
  try {
    return SUSPECT.test(text) ? (JSON.parse(text, keepExact) as unknown) : JSON.parse(text);
  } catch (error) {
    if (isLockstepError(error)) throw error;
    // V8's message quotes the text, which may be a secret: only the position is taken from it.
    const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
    throw malformed(position === undefined ? 'it is not valid JSON' : `it is not valid JSON at position ${position}`);
  }
}

interface Frame {
  /** The keys so far; undefined in a list. */
  readonly keys: Set<string> | undefined;
  elements: number;
}

/** Counts what a text would become. Exact on valid JSON; on anything else `JSON.parse` has the last word. */
class Inspection {
  readonly #text: string;
  readonly #limits: JsonLimits;
  readonly #frames: Frame[] = [];
  #top: Frame | undefined;
  #strings = 0;
  #memory = 0;
  /** The next string is a key. */
  #key = false;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  run(): void {
    const text = this.#text;
    for (let at = 0; at < text.length; at++) {
      switch (text.charCodeAt(at)) {
        case QUOTE:
          at = this.#string(at);
          break;
        case OPEN_OBJECT:
          this.#open(new Set());
          break;
        case OPEN_LIST:
          this.#open(undefined);
          break;
        case CLOSE_OBJECT:
        case CLOSE_LIST:
          this.#close();
          break;
        case COMMA:
          this.#comma();
          break;
        default:
      }
    }
  }

  #open(keys: Set<string> | undefined): void {
    const frame: Frame = { keys, elements: 1 };
    if (this.#frames.push(frame) > this.#limits.maxJsonDepth) {
      throw malformed(`it is nested deeper than ${String(this.#limits.maxJsonDepth)} levels`);
    }
    this.#top = frame;
    this.#key = keys !== undefined;
    this.#spend(containerBytes);
  }

  #close(): void {
    this.#frames.pop();
    this.#top = this.#frames.at(-1);
    this.#key = false;
  }

  #comma(): void {
    const top = this.#top;
    if (top === undefined) return;
    top.elements++;
    this.#key = top.keys !== undefined;
    if (top.keys === undefined && top.elements > this.#limits.maxJsonElements) {
      throw malformed(`a list has more than ${String(this.#limits.maxJsonElements)} elements`);
    }
    this.#spend(elementBytes);
  }

  #spend(bytes: number): void {
    this.#memory += bytes;
    if (this.#memory > this.#limits.maxJsonMemory) {
      throw malformed(`it would take more than ${String(this.#limits.maxJsonMemory)} bytes of memory`);
    }
  }

  /** Returns the position of the closing quote. */
  #string(start: number): number {
    const end = endOfString(this.#text, start);
    if (end < 0) throw malformed('a string does not end');
    if (end - start - 1 > this.#limits.maxJsonString) {
      throw malformed(`a string is longer than ${String(this.#limits.maxJsonString)} characters`);
    }
    if (++this.#strings > this.#limits.maxJsonStrings) {
      throw malformed(`it has more than ${String(this.#limits.maxJsonStrings)} keys and strings`);
    }
    this.#spend(stringBytes + end - start);
    if (this.#key) {
      this.#key = false;
      this.#addKey(this.#text.slice(start, end + 1));
    }
    return end;
  }

  #addKey(quoted: string): void {
    const keys = this.#top?.keys;
    if (keys === undefined) return;
    const key = quoted.includes('\\') ? parse(quoted) : quoted.slice(1, -1);
    if (typeof key !== 'string') return;
    if (keys.has(key)) throw malformed('an object holds the same key twice');
    keys.add(key);
    if (keys.size > this.#limits.maxJsonKeys) {
      throw malformed(`an object has more than ${String(this.#limits.maxJsonKeys)} keys`);
    }
  }
}

/** A quote ends a string unless an odd number of backslashes stands before it. Each run is looked at once. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let run = end;
    while (text.charCodeAt(run - 1) === BACKSLASH) run--;
    if ((end - run) % 2 === 0) return end;
  }
  return -1;
}
