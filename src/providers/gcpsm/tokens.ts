/** What the ways to a token of Google have in common. */
import { ProviderProblem } from '../contract.ts';
import { askForToken, bearerOf, type Bearer } from '../oauth.ts';
import { endpointOf } from './endpoints.ts';

export const WHOM = 'Google';
export const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
/** RFC 8693. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';
/** Seconds that a token of a service account lives that is made for a login. */
export const ACCOUNT_TOKEN_S = 900;

export const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

const secondsUntil = (moment: unknown): number => {
  const life = typeof moment === 'string' ? Math.floor((Date.parse(moment) - Date.now()) / 1_000) : 0;
  return Number.isFinite(life) && life > 0 ? life : 0;
};

/** A token of that account of Google, by one that may ask for it; without an account that one itself. */
export async function byImpersonation(bearer: Bearer, account: string, signal: AbortSignal): Promise<Bearer> {
  if (account === '') return bearer;
  if (!/^[\w.+-]+@[\w.-]+$/.test(account))
    throw invalid('the service account of Google is no address: name@project.iam…');
  const path = `/v1/projects/-/serviceAccounts/${encodeURIComponent(account)}:generateAccessToken`;
  const url = new URL(`${endpointOf('iamcredentials')}${path}`);
  const body = { json: { scope: [SCOPE] } };
  const made = await askForToken({ whom: WHOM, url, anywhere: true, body, bearer: bearer.token }, signal);
  return bearerOf({ access_token: made['accessToken'], expires_in: secondsUntil(made['expireTime']) }, WHOM);
}
