/** What comes by chance, anew at each rendering. The engine has none: whoever wants these functions registers them. */
import { randomBytes, randomIndexes, uuid } from '../../crypto/random.ts';
import { encodeRune, runeCount, runesOf } from '../bytes.ts';
import { fn, type FunctionMap } from '../function.ts';
import type { Meter } from '../meter.ts';
import { FunctionError } from '../template-error.ts';
import { int } from '../value.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const ASCII = Array.from({ length: 95 }, (_none, place) => String.fromCharCode(32 + place)).join('');

const drawn = (letters: string) =>
  fn(['int'], ([count], meter) => {
    if (count < 0n) throw new FunctionError(`requested random string length ${count} is less than 0.`);
    meter.make(8 * Number(count));
    return randomIndexes(letters.length, Number(count))
      .map((place) => letters.charAt(place))
      .join('');
  });

export const chanceFunctions: FunctionMap = {
  randAlphaNum: drawn(LETTERS + DIGITS),
  randAlpha: drawn(LETTERS),
  randNumeric: drawn(DIGITS),
  randAscii: drawn(ASCII),
  randInt: fn(['int', 'int'], ([least, end]) => {
    if (end <= least) throw new FunctionError('invalid argument to Intn');
    return int(least + below(end - least));
  }),
  randBytes: fn(['int'], ([count], meter) => {
    if (count < 0n) throw new FunctionError('runtime error: makeslice: len out of range');
    meter.make(2 * Number(count));
    return randomBytes(Number(count)).toString('base64');
  }),
  shuffle: fn(['string'], ([text], meter) => shuffled(text, meter)),
  uuidv4: fn([], () => uuid()),
};

/** Each equally likely: 64 bits more than needed leave no favour that could be seen. */
function below(bound: bigint): bigint {
  return BigInt(`0x${randomBytes(24).toString('hex')}`) % bound;
}

/** Fisher and Yates. */
function shuffled(text: string, meter: Meter): string {
  meter.step(runeCount(text));
  meter.make(16 * text.length);
  const runes = Array.from(runesOf(text), ({ code }) => encodeRune(code));
  for (let last = runes.length - 1; last > 0; last--) {
    const other = Number(below(BigInt(last + 1)));
    [runes[last], runes[other]] = [runes[other] ?? '', runes[last] ?? ''];
  }
  return runes.join('');
}
