import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import { parseJsonObject } from './json.ts';
import type { Limits } from './listener.ts';
import { decodeForm } from './path.ts';

export interface Body {
  readonly body: JsonObject | undefined;
  readonly rawBody?: Uint8Array;
}

export type Incoming = IncomingMessage | Http2ServerRequest;

const none: Body = Object.freeze({ body: undefined });
/** Beside forms, what Vault hands to its engines unparsed. */
const opaque = new Set(['application/octet-stream', 'application/x-gzip', 'application/gzip', 'application/x-tar']);

/** Thrown when the client went away in the middle of its body: there is nobody to answer. */
export class Gone extends Error {}

/** All of the body, or `bodyTooLarge` as soon as that is certain. The rest is then left unread. */
export function readBody(request: Incoming, limits: Limits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const declared = Number(request.headers['content-length'] ?? 0);
    const tooLarge = (): Error =>
      fail('bodyTooLarge', `the request body is larger than ${String(limits.maxBody)} bytes`);
    if (declared > limits.maxBody) {
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    let whole = false;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= limits.maxBody) return;
      request.off('data', onData);
      chunks.length = 0;
      reject(tooLarge());
    };
    request.on('data', onData);
    request.once('end', () => {
      whole = true;
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    // Node times the bodies of HTTP/1.1 itself.
    if (request.httpVersionMajor >= 2 && limits.readTimeout > 0) {
      const timer = setTimeout(() => {
        reject(fail('requestTimeout'));
      }, limits.readTimeout);
      request.once('close', () => {
        clearTimeout(timer);
      });
      request.once('end', () => {
        clearTimeout(timer);
      });
    }
    // Each request closes in the end, and an error is costly to make.
    const onGone = (): void => {
      if (!whole) reject(new Gone('the client closed the connection before its body was complete'));
    };
    request.once('error', onGone);
    request.once('aborted', onGone);
    request.once('close', onGone);
  });
}

/** Bytes to what handlers see. Vault looks at the content type only to tell forms and opaque bytes from JSON. */
export function parseBody(bytes: Buffer, contentType: string, limits: Limits): Body {
  if (bytes.length === 0) return none;
  if (opaque.has(contentType)) return { body: undefined, rawBody: bytes };
  // curl labels whatever `-d` sends a form: it is one only if it does not look like JSON.
  if (contentType === 'application/x-www-form-urlencoded' && !looksLikeJson(bytes)) {
    return { body: parseForm(bytes, limits), rawBody: bytes };
  }
  if (isNothing(bytes)) return none;
  return { body: parseJsonObject(bytes, limits) };
}

function looksLikeJson(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 512).toString('latin1').trimStart();
  return start.startsWith('{') || start.startsWith('[');
}

/** Blank, or `null`, which clients in Go send where they have no data. */
function isNothing(bytes: Buffer): boolean {
  const isInk = (byte: number): boolean => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09;
  const start = bytes.findIndex(isInk);
  if (start === -1) return true;
  const end = bytes.findLastIndex(isInk) + 1;
  return end - start === 4 && bytes.toString('latin1', start, end) === 'null';
}

/** A name given several times is a list. */
function parseForm(bytes: Buffer, limits: Limits): JsonObject {
  const form = new Map<string, string | string[]>();
  const pairs = bytes.toString('latin1').split('&', limits.maxJsonKeys + 1);
  if (pairs.length > limits.maxJsonKeys) {
    throw fail('badRequest', `the form has more than ${String(limits.maxJsonKeys)} fields`);
  }
  for (const pair of pairs) {
    if (pair === '') continue;
    const [name = '', ...rest] = pair.split('=');
    const key = decodeForm(name);
    const value = decodeForm(rest.join('='));
    const known = form.get(key);
    if (known === undefined) form.set(key, value);
    else form.set(key, Array.isArray(known) ? [...known, value] : [known, value]);
  }
  return Object.fromEntries(form);
}
