/** Texts: trimming, case, patterns, encodings, digests, numbers in them, the time. */
import { digest, hmacSha256, md5Hex, takeKey } from '../../crypto/hash.ts';
import { mapRunes, toBytes, toLower, toText, toUpper } from '../bytes.ts';
import { fn, type FunctionMap, type GoFunction, variadic } from '../function.ts';
import { fitsInt, fitsUint, parseDecimal, parseFloat64 } from '../number.ts';
import { trimSpace } from '../print.ts';
import type { Clock } from '../sprig/dates.ts';
import { encodingFunctions } from '../sprig/encoding.ts';
import { regexFunctions } from '../sprig/regex.ts';
import { replaceAll, stringFunctions } from '../sprig/strings.ts';
import { FunctionError } from '../template-error.ts';
import { GoTime } from '../time/time.ts';
import { int64, SizedInt, type Value } from '../value.ts';

const buffer = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');

/** A function of sprig that is called otherwise here. */
function called(map: FunctionMap, name: string, order: readonly number[]): GoFunction {
  const own = map[name];
  if (own === undefined) throw new Error(`there is no function ${name}`);
  return {
    params: order.map(() => 'string' as const),
    variadic: undefined,
    call: (args, meter) =>
      own.call(
        order.map((place) => args[place] ?? ''),
        meter,
      ),
  };
}

const decode = called(encodingFunctions, 'b64dec', [0]);

/** Sprig gives the error as text; here it is one. */
function decoded(text: string, name: string, meter: Parameters<GoFunction['call']>[1]): Value {
  const value = decode.call([text], meter);
  const plain = text.replace(/[\r\n]/g, '');
  const whole = plain.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(plain);
  if (!whole) throw new FunctionError(`${name}: ${typeof value === 'string' ? value : ''}`);
  return value;
}

function urlDecoded(text: string, meter: Parameters<GoFunction['call']>[1]): Value {
  const wrong = text.search(/[+/]/);
  if (wrong >= 0) throw new FunctionError(`base64URLDecode: illegal base64 data at input byte ${wrong}`);
  return decoded(text.replaceAll('-', '+').replaceAll('_', '/'), 'base64URLDecode', meter);
}

/** The first letter of each word; the rest stays. */
function titled(bytes: string): string {
  const words = /[\p{L}\p{M}\p{N}_]+(?:['’.:·][\p{L}\p{M}\p{N}_]+)*/gu;
  const title = (word: string): string => word.replace(/\p{L}/u, (letter) => letter.toUpperCase());
  return toBytes(toText(bytes).replace(words, title));
}

function indented(spaces: bigint, text: string): string {
  if (spaces < 0n) throw new FunctionError('indent value must be a positive integer');
  return text.replace(/^(?=[^\n])/gm, ' '.repeat(Number(spaces)));
}

const unread = (name: string): FunctionError =>
  new FunctionError(`${name}: strconv.${name.replace('p', 'P')}: invalid syntax`);

/** `true` and its kin, as Go's strconv.ParseBool. */
function boolean(text: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False|)$/.test(text)) return false;
  throw unread('parseBool');
}

function integer(text: string, name: 'parseInt' | 'parseUint'): bigint {
  const value = text === '' ? 0n : name === 'parseUint' && /^[+-]/.test(text) ? undefined : parseDecimal(text);
  if (value === undefined || !(name === 'parseInt' ? fitsInt(value) : fitsUint(value))) throw unread(name);
  return value;
}

function float(text: string): number {
  const value = text === '' ? 0 : parseFloat64(text);
  if (value === undefined) throw unread('parseFloat');
  return value;
}

const RFC3339 = '2006-01-02T15:04:05Z07:00';

function timestamp(clock: Clock): GoFunction {
  return variadic([], 'string', (_, layouts) => {
    if (layouts.length > 1) {
      throw new FunctionError(`timestamp: wrong number of arguments, expected 0 or 1, but got ${layouts.length}`);
    }
    const [layout = RFC3339] = layouts;
    const now = clock();
    return layout === 'unix' ? String(Math.floor(now / 1000)) : new GoTime(BigInt(now) * 1_000_000n).format(layout);
  });
}

export const textFunctions = (clock: Clock): FunctionMap => ({
  base64Decode: fn(['string'], ([text], meter) => decoded(text, 'base64Decode', meter)),
  base64Encode: fn(['string'], ([text]) => buffer(text).toString('base64')),
  base64URLDecode: fn(['string'], ([text], meter) => urlDecoded(text, meter)),
  base64URLEncode: fn(['string'], ([text]) =>
    buffer(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
  ),
  hmacSHA256Hex: fn(['string', 'string'], ([message, key]) =>
    hmacSha256(takeKey(buffer(key)), buffer(message)).toString('hex'),
  ),
  indent: fn(['int', 'string'], ([spaces, text], meter) => {
    meter.make((text.split('\n').length + 1) * Math.max(0, Number(spaces)) + text.length);
    return indented(spaces, text);
  }),
  md5sum: fn(['string'], ([text]) => md5Hex(buffer(text))),
  parseBool: fn(['string'], ([text]) => boolean(text)),
  parseFloat: fn(['string'], ([text]) => float(text)),
  parseInt: fn(['string'], ([text]) => int64(integer(text, 'parseInt'))),
  parseUint: fn(['string'], ([text]) => new SizedInt('uint64', integer(text, 'parseUint'))),
  regexMatch: called(regexFunctions, 'mustRegexMatch', [0, 1]),
  regexReplaceAll: called(regexFunctions, 'regexReplaceAll', [0, 2, 1]),
  replaceAll: fn(['string', 'string', 'string'], ([old, by, text], meter) => replaceAll(text, [old, by], meter)),
  sha256Hex: fn(['string'], ([text]) => digest('sha2-256', buffer(text)).toString('hex')),
  timestamp: timestamp(clock),
  toLower: fn(['string'], ([text]) => mapRunes(text, toLower)),
  toTitle: fn(['string'], ([text]) => titled(text)),
  toUpper: fn(['string'], ([text]) => mapRunes(text, toUpper)),
  trim: called(stringFunctions, 'trimAll', [0, 1]),
  trimPrefix: called(stringFunctions, 'trimPrefix', [0, 1]),
  trimSpace: fn(['string'], ([text]) => trimSpace(text)),
  trimSuffix: called(stringFunctions, 'trimSuffix', [0, 1]),
});
