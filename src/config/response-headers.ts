/** `custom_response_headers` of a listener, as Vault has them: by status, each header with a list of values. */
import type { Json } from '../lib/hcl/free.ts';

/** By `default`, `4xx` or `404`, then by name; several values stand behind one another with `; `. */
type CustomHeaders = Readonly<Record<string, Readonly<Record<string, string>>>>;

const STATUS = /^(?:default|[1-5](?:xx|\d\d))$/;
/** RFC 9110 5.6.2 and 5.5: a token; and ASCII alone, without control characters, which would end the header. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e]*$/;
/** What says how a reply is read or kept, or what the API says in it. */
const OURS = new RegExp(
  '^(?:content-(?:type|length|encoding|range)|transfer-encoding|connection|proxy-connection|http2-settings|keep-alive|te|' +
    'upgrade|trailer|date|cache-control|allow|location|retry-after|www-authenticate|(?:access-control|sec-websocket)-.*|' +
    'x-(?:vault|lockstep|ratelimit)-.*)$',
  'i',
);

/** As Go writes names, so that one name has one spelling: `X-Frame-Options`. */
const headerName = (name: string): string =>
  name.toLowerCase().replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());

const isMap = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && !Array.isArray(value);

const parts = (value: Json): readonly (readonly [string, Json])[] =>
  (Array.isArray(value) ? (value as readonly Json[]) : [value]).flatMap((each) =>
    isMap(each) ? Object.entries(each) : [],
  );

class Wrong extends Error {}

function headersOf(status: string, given: Json): readonly (readonly [string, string])[] {
  return parts(given).map(([name, values]) => {
    const shown = JSON.stringify(name);
    if (!NAME.test(name)) throw new Wrong(`${shown} is no name of a header`);
    if (OURS.test(name)) throw new Wrong(`the header ${shown} is the server's own: leave it out`);
    const texts = Array.isArray(values) ? (values as readonly Json[]) : undefined;
    if (texts === undefined || texts.length === 0 || !texts.every((text) => typeof text === 'string')) {
      throw new Wrong(`${shown} of ${status} must be a list of texts: ["value"]`);
    }
    const value = texts.join('; ');
    if (!VALUE.test(value))
      throw new Wrong(`${shown} of ${status} has a character that no header should have: it takes printable ASCII`);
    return [headerName(name), value];
  });
}

function read(given: Json): CustomHeaders {
  const rules: Record<string, Record<string, string>> = {};
  for (const [status, headers] of parts(given)) {
    if (!STATUS.test(status)) {
      throw new Wrong(`${JSON.stringify(status)} is no status: it takes "default", "4xx" or "404"`);
    }
    rules[status] = { ...rules[status], ...Object.fromEntries(headersOf(status, headers)) };
  }
  return rules;
}

/** What is wrong with them, if anything. */
export function headersProblem(given: Json | undefined): string | undefined {
  try {
    if (given !== undefined) read(given);
    return undefined;
  } catch (error) {
    if (error instanceof Wrong) return `\`custom_response_headers\`: ${error.message}`;
    throw error;
  }
}

/** Of those without a problem. */
export const customHeaders = (given: Json | undefined): CustomHeaders | undefined =>
  given === undefined ? undefined : read(given);
