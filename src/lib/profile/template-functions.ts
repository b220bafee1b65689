/** What OpenBao's templates may call beside Go's own functions: its page "Username Templating". */
import { sha256 } from '../crypto/hash.ts';
import { randomBase62, uuid } from '../crypto/random.ts';
import { mapRunes, toLower, toUpper } from '../go-template/bytes.ts';
import { fn, type FunctionMap } from '../go-template/function.ts';
import { replaceAll } from '../go-template/sprig/strings.ts';
import { FunctionError } from '../go-template/template-error.ts';

const LONGEST_RANDOM = 1_024n;
/** Of the digest that `truncate_sha256` ends in. */
const DIGEST = 8;

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const hash = (text: string): string => sha256(bytesOf(text)).toString('hex');

function truncated(most: bigint, text: string): string {
  if (most <= 0n) throw new FunctionError('max length must be > 0 but was not');
  return text.length <= most ? text : text.slice(0, Number(most));
}

function truncatedByDigest(most: bigint, text: string): string {
  if (most <= DIGEST) throw new FunctionError(`max length must be > ${String(DIGEST)} but was not`);
  if (text.length <= most) return text;
  const kept = Number(most) - DIGEST;
  return text.slice(0, kept) + hash(text.slice(kept)).slice(0, DIGEST);
}

export const templateFunctions: FunctionMap = {
  random: fn(['int'], ([length]) => {
    if (length < 0n || length > LONGEST_RANDOM) {
      throw new FunctionError(`the length is not between 0 and ${String(LONGEST_RANDOM)}`);
    }
    return randomBase62(Number(length));
  }),
  truncate: fn(['int', 'string'], ([most, text]) => truncated(most, text)),
  truncate_sha256: fn(['int', 'string'], ([most, text]) => truncatedByDigest(most, text)),
  uppercase: fn(['string'], ([text]) => mapRunes(text, toUpper)),
  lowercase: fn(['string'], ([text]) => mapRunes(text, toLower)),
  replace: fn(['string', 'string', 'string'], ([old, by, text], meter) => replaceAll(text, [old, by], meter)),
  sha256: fn(['string'], ([text]) => hash(text)),
  base64: fn(['string'], ([text]) => bytesOf(text).toString('base64')),
  hex: fn(['string'], ([text]) => bytesOf(text).toString('hex')),
  unix_time: fn([], () => String(Math.floor(Date.now() / 1_000))),
  unix_time_millis: fn([], () => String(Date.now())),
  uuid: fn([], () => uuid()),
};
