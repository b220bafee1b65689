/** Access tokens of a cloud (RFC 6749): one request that shows who asks. */
import { isObject, parseJson } from '../client/json.ts';
import { ProviderProblem } from './contract.ts';
import { exchange, problemKindOf, type WebAnswer, type WebRequest } from './web-request.ts';

export interface Bearer {
  readonly token: string;
  /** Seconds; 0: it is not said. */
  readonly life: number;
}

/** Rejects with `ProviderProblem`. */
export type BearerLogin = (signal: AbortSignal) => Promise<Bearer>;

type Json = Readonly<Record<string, unknown>>;

export interface TokenRequest extends Pick<WebRequest, 'whom' | 'url' | 'anywhere'> {
  /** Sent as a form, or as JSON. */
  readonly body: { readonly form: Readonly<Record<string, string>> } | { readonly json: Json };
  readonly bearer?: string;
}

export const REQUEST_MS = 15_000;

/** The object that a body is; undefined: it is none. */
export function objectOf({ body }: WebAnswer): Json | undefined {
  try {
    const parsed = parseJson(Buffer.from(body).toString('utf8'));
    return isObject(parsed) ? parsed : undefined;
  } catch {
    // What the parser says may repeat the answer.
    return undefined;
  }
}

const textAt = (json: Json | undefined, name: string): string => {
  const value = json?.[name];
  return typeof value === 'string' ? value : '';
};

/** Entra ends with what differs from try to try; a condition says the same as long as nothing changes. */
const lasting = (said: string): string => said.split(/\s*\r?\n|\s*(?:Trace|Correlation) ID:/)[0]?.slice(0, 300) ?? '';

/** RFC 6749, section 5.2, and `error` as an object as Google's other services have it. */
function refused({ whom, url }: TokenRequest, answer: WebAnswer): ProviderProblem {
  const { status } = answer;
  const json = objectOf(answer);
  const inner = json?.['error'];
  const code = isObject(inner) ? textAt(inner, 'status') : textAt(json, 'error');
  const said = isObject(inner) ? textAt(inner, 'message') : textAt(json, 'error_description');
  const kind = status === 400 && code !== '' ? 'denied' : problemKindOf(status);
  const words = [String(status), code, lasting(said)].filter((each) => each !== '').join(': ');
  return new ProviderProblem(kind, `cannot log in: ${whom} at ${url.host} answers ${words}`);
}

/** What is answered to it. Rejects with `ProviderProblem`, or with the reason of the signal. */
export async function askForToken(asking: TokenRequest, signal: AbortSignal): Promise<Json> {
  const { whom, url, anywhere, body, bearer } = asking;
  const [type, text] =
    'form' in body
      ? ['application/x-www-form-urlencoded', new URLSearchParams(body.form).toString()]
      : ['application/json', JSON.stringify(body.json)];
  const headers = { 'content-type': type, accept: 'application/json' };
  const answer = await exchange(
    {
      ...{ whom, url, anywhere, method: 'POST', timeout: REQUEST_MS, body: Buffer.from(text) },
      headers: bearer === undefined ? headers : { ...headers, authorization: `Bearer ${bearer}` },
    },
    signal,
  );
  if (answer.status !== 200) throw refused(asking, answer);
  return objectOf(answer) ?? {};
}

/** `access_token` and `expires_in` (RFC 6749, section 5.1). Throws `ProviderProblem`, which does not repeat the answer. */
export function bearerOf(json: Json, whom: string): Bearer {
  const token = textAt(json, 'access_token');
  const life = Number(json['expires_in'] ?? 0);
  // A line end would begin another header.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new ProviderProblem('unreachable', `cannot log in: ${whom} gave no token`);
  return { token, life: Number.isFinite(life) && life > 0 ? life : 0 };
}
