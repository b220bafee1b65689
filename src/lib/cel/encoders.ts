/** `base64` of cel-go, and OpenBao's `json.encode`. */
import { library } from './library.ts';
import { compareTexts } from './order.ts';
import { durationText, timestampText } from './times.ts';
import type { CelFunc, CelValue } from '@bufbuild/cel';

/** With its padding or without. As Go's decoder, it passes over ends of lines. */
function fromBase64(given: string): Uint8Array {
  const text = given.replaceAll(/[\r\n]/g, '');
  const bare = text.replace(/={1,2}$/, '');
  const isPadded = bare.length === text.length || text.length % 4 === 0;
  if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1 || !isPadded) throw new Error('the text is no base64');
  return new Uint8Array(Buffer.from(bare, 'base64'));
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** As Go writes a text: so that it may stand in HTML. */
const ESCAPED = /[<>&\u2028\u2029]/g;
const jsonText = (text: string): string =>
  JSON.stringify(text).replace(ESCAPED, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

function jsonNumber(value: bigint | number): string {
  if (typeof value === 'bigint') {
    // Beyond this, a reader of JSON would take it for another number.
    const isSafe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    return isSafe ? String(value) : `"${String(value)}"`;
  }
  if (!Number.isFinite(value)) throw new Error('JSON has no number that is not finite');
  return JSON.stringify(value);
}

function member([key, value]: readonly [CelValue, CelValue]): [string, CelValue] {
  if (typeof key !== 'string') throw new Error('in JSON, the keys of a map are texts');
  return [key, value];
}

function jsonObject(value: Exclude<CelValue, string | number | bigint | boolean | null>): string {
  const { cel, protobuf, reflection, wellKnown } = library();
  if (value instanceof Uint8Array) return jsonText(toBase64(value));
  if (cel.isCelUint(value)) return jsonNumber(value.value);
  if (cel.isCelList(value)) return `[${Array.from(value, json).join(',')}]`;
  if (cel.isCelMap(value)) {
    const members = Array.from(value.entries(), member).sort(([left], [right]) => compareTexts(left, right));
    return `{${members.map(([name, each]) => `${jsonText(name)}:${json(each)}`).join(',')}}`;
  }
  const message = reflection.isReflectMessage(value) ? value.message : undefined;
  if (protobuf.isMessage(message, wellKnown.TimestampSchema)) return JSON.stringify(timestampText(message));
  if (protobuf.isMessage(message, wellKnown.DurationSchema)) return JSON.stringify(durationText(message));
  throw new Error('json.encode takes no messages and no types');
}

/** Members in the order of their names. */
function json(value: CelValue): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return jsonText(value);
  if (typeof value === 'bigint' || typeof value === 'number') return jsonNumber(value);
  return jsonObject(value);
}

export function encoderFunctions(): CelFunc[] {
  const { cel } = library();
  const { BYTES, DYN, STRING } = cel.CelScalar;
  return [
    cel.celFunc('base64.encode', [BYTES], STRING, toBase64),
    cel.celFunc('base64.decode', [STRING], BYTES, fromBase64),
    cel.celFunc('json.encode', [DYN], STRING, json),
  ];
}
