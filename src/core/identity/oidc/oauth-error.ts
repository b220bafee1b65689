/** Errors in OAuth's own shape (RFC 6749, sections 4.1.2.1 and 5.2; RFC 6750, section 3), which clients' libraries read. */
import { field } from '../../../framework/field.ts';
import type { Reply } from '../../../framework/reply.ts';

export const errorFields = {
  error: field.string('One of the codes of OAuth 2.0 and OpenID Connect.'),
  error_description: field.string('What was wrong.'),
} as const;

/** Of the token endpoint; none of its replies may be kept. */
export const TOKEN_HEADERS = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const;

const TOKEN_STATUS = { invalid_client: 401, server_error: 500 } as const;

export type TokenError =
  'invalid_request' | 'invalid_client' | 'invalid_grant' | 'unsupported_grant_type' | 'server_error';

export function tokenError(error: TokenError, description: string): Reply {
  const status = error === 'invalid_client' || error === 'server_error' ? TOKEN_STATUS[error] : 400;
  const basic = error === 'invalid_client' ? { 'WWW-Authenticate': 'Basic' } : {};
  return { status, bare: { error, error_description: description }, headers: { ...TOKEN_HEADERS, ...basic } };
}

const USERINFO_STATUS = { invalid_request: 400, invalid_token: 401, access_denied: 403 } as const;

export function userinfoError(error: keyof typeof USERINFO_STATUS, description: string): Reply {
  const bare = { error, error_description: description };
  const challenge = `Bearer error="${error}",error_description="${description}"`;
  return {
    ...{ status: USERINFO_STATUS[error], bare },
    ...(error === 'access_denied' ? {} : { headers: { 'WWW-Authenticate': challenge } }),
  };
}
