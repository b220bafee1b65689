/** Claims of a login that is only asked about: from pairs, from files, and of service accounts by their names. */
import { isObject, parseJson } from '../client/json.ts';
import type { Context } from './context.ts';
import { CommandError } from './errors.ts';
import { parsePairs, readText, type Data } from './pairs.ts';

const TOKEN = /^[\w-]+\.([\w-]+)\.[\w-]+$/;

/** What a signed token says; undefined for what is none. Its signature goes nowhere. */
function payloadOf(text: string): Data | undefined {
  const payload = TOKEN.exec(text.trim())?.[1];
  if (payload === undefined) return undefined;
  try {
    const claims = parseJson(Buffer.from(payload, 'base64url').toString('utf8'));
    return isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** `@file` is a JSON object, or a signed token of which the payload counts; all else as `parsePairs`. */
async function claimsOf(context: Context, given: string): Promise<Data> {
  const payload = given.startsWith('@') ? payloadOf(readText(given.slice(1))) : undefined;
  return payload ?? parsePairs(context, [given]);
}

/** As an API server says it in projected tokens. */
function ofServiceAccount(account: string, uid: string | undefined): Data {
  const [namespace = '', name = '', ...more] = account.split('/');
  if (namespace === '' || name === '' || more.length > 0) {
    throw new CommandError(`-service-account is NAMESPACE/NAME, not "${account}"`);
  }
  return {
    sub: `system:serviceaccount:${namespace}:${name}`,
    'kubernetes.io': { namespace, serviceaccount: { name, ...(uid === undefined ? {} : { uid }) } },
  };
}

/** Of the registered claims (RFC 7519, section 4.1) those that are numbers: as text no token has them. */
const MOMENTS: ReadonlySet<string> = new Set(['exp', 'iat', 'nbf']);

const withNumbers = (pairs: Data): Data =>
  Object.fromEntries(
    Object.entries(pairs).map(([name, value]) => {
      const isNumber = MOMENTS.has(name) && typeof value === 'string' && /^\d{1,12}$/.test(value);
      return [name, isNumber ? Number(value) : value];
    }),
  );

export interface GivenClaims {
  readonly claims: readonly string[];
  readonly account: string | undefined;
  readonly uid: string | undefined;
}

/** A claim that is given twice by pairs is a list; otherwise the later one counts. */
export async function supposedClaims(context: Context, { claims, account, uid }: GivenClaims): Promise<Data> {
  if (account === undefined && uid !== undefined) throw new CommandError('-uid is that of a -service-account');
  const isPair = (text: string): boolean => !text.startsWith('@') && text !== '-';
  const parts = [account === undefined ? {} : ofServiceAccount(account, uid)];
  for (const whole of claims.filter((text) => !isPair(text))) parts.push(await claimsOf(context, whole));
  parts.push(withNumbers(await parsePairs(context, claims.filter(isPair))));
  return Object.assign({}, ...parts) as Data;
}
