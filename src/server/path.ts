import { fail } from '../errors.ts';
import { checkSegments } from '../lib/path-segments.ts';

/** Letters, digits, `-`, `_`, `~`: what a path is mostly made of. The dot is looked at with care. */
const plain = /^[\w\-~/]+(?:\.[\w\-~]+)*$/;
/** What must not stand raw in a request target (RFC 3986 3.3): blanks, control bytes, anything not ASCII, `\`, `#`. */
const forbidden = /[\u0000-\u0020\u007f-\uffff\\#]/;
/**
 * The canonical form of a path below `/v1/`: percent-decoded once. What has a second spelling is refused with 400, never
 * mended, since policies, audit and forwarding all compare paths as text (rule 29): empty, `.` and `..` segments, encoded
 * slashes, bytes that are not UTF-8, characters that cannot be printed.
 */
export function canonicalPath(raw: string): string {
  if (plain.test(raw) && !raw.includes('//') && !raw.startsWith('/')) return raw;
  if (forbidden.test(raw)) throw fail('badRequest', 'the path holds a character that must be percent-encoded');
  if (/%2f/i.test(raw)) throw fail('badRequest', 'the path holds an encoded slash (%2F)');
  const path = raw.includes('%') ? decode(raw) : raw;
  checkSegments(path, 'the path');
  return path;
}

function decode(raw: string): string {
  try {
    // Refuses truncated escapes, overlong forms and surrogates (RFC 3629).
    return decodeURIComponent(raw);
  } catch {
    throw fail('badRequest', 'the path is not valid percent-encoded UTF-8');
  }
}

const noQuery: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);

/** The last value of each name; `+` is a blank. Names and values that are not valid UTF-8 are refused with 400. */
export function parseQuery(raw: string): Readonly<Record<string, string>> {
  if (raw === '') return noQuery;
  const query = Object.create(null) as Record<string, string>;
  for (const pair of raw.split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const name = decodeForm(at < 0 ? pair : pair.slice(0, at));
    query[name] = at < 0 ? '' : decodeForm(pair.slice(at + 1));
  }
  return query;
}

/** Decoding of `application/x-www-form-urlencoded` (WHATWG URL 5.1), but strict. */
export function decodeForm(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw fail('badRequest', 'the query or form is not valid percent-encoded UTF-8');
  }
}
