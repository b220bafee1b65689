/** Cross-origin requests of browsers (WHATWG Fetch, "CORS protocol"), as `sys/config/cors` allows them. */
import type { IncomingHttpHeaders } from 'node:http';
import { USUAL_CORS_HEADERS } from '../core/node-config.ts';
import type { CorsConfig } from '../framework/request.ts';
import { encodeErrors, type Encoded } from './envelope.ts';

const METHODS = 'DELETE,GET,OPTIONS,PATCH,POST,PUT,LIST,SCAN';
const allowedMethods: ReadonlySet<string> = new Set(METHODS.split(','));
/** Seconds for which a browser need not ask again. */
const MAX_AGE = '300';

export interface Judged {
  /** For the reply, whatever it is. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole reply: a preflight, or a refusal. */
  readonly answer?: Encoded;
}

/** undefined: the request does not come from a page of another origin, or nothing is said of such. */
export function judgeOrigin(
  cors: CorsConfig | undefined,
  method: string,
  headers: IncomingHttpHeaders,
): Judged | undefined {
  const { origin } = headers;
  if (cors === undefined || origin === undefined || origin === '') return undefined;
  const wanted = headers['access-control-request-method'];
  if (method === 'OPTIONS' && !allowedMethods.has(wanted ?? '')) {
    return { headers: {}, answer: encodeErrors(405, []) };
  }
  if (!cors.origins.includes('*') && !cors.origins.includes(origin)) {
    return { headers: { Vary: 'Origin' }, answer: encodeErrors(403, ['origin not allowed']) };
  }
  const allowed = {
    'Access-Control-Allow-Origin': origin,
    Vary: 'Origin',
    ...(cors.credentials ? { 'Access-Control-Allow-Credentials': 'true' } : {}),
  };
  if (method !== 'OPTIONS') return { headers: allowed };
  const told = {
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': [...USUAL_CORS_HEADERS, ...cors.headers].join(','),
    'Access-Control-Max-Age': MAX_AGE,
    'Cache-Control': 'no-store',
  };
  return { headers: allowed, answer: { status: 200, headers: told, body: '' } };
}
