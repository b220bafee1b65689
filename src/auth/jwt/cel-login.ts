/** From claims to what a CEL role's program gives their holder: for logins, and for those who ask what one would give. */
import type { Grant } from '../../framework/reply.ts';
import type { Claims } from '../../lib/jwt/claims.ts';
import { grantOfProgram, type KeptTerms } from './cel-grant.ts';
import { noLogin } from './cel-name.ts';
import { failureOf, type Answer } from './cel-program.ts';
import type { RunnableRole } from './cel-role.ts';
import { checkToken } from './login-grant.ts';
import type { JwtConfig } from './mount.ts';

/** Of a text that a program answers, so much is repeated. */
const LONGEST_TEXT = 1_024;
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** It can be made of claims, and goes to whoever sent them: to a terminal, maybe. */
function printable(text: string): string {
  const cut = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
  return cut.replaceAll(UNPRINTABLE, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);
}

function refused(name: string, answer: Exclude<Answer, { readonly kind: 'auth' }>): Error {
  if (answer.kind === 'refusal') {
    return noLogin(name, `blocked authorization with message: ${printable(answer.text)}`);
  }
  if (answer.kind === 'false') return noLogin(name, 'blocked authorization with boolean false return');
  return noLogin(name, `returned unexpected type: ${answer.type}; only pb.Auth{…} logs in`);
}

export interface CelLoggingIn {
  readonly config: JwtConfig;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Of what the issuer has signed. Throws `TokenRefused`, and `invalidCredentials` where the program logs nobody in. */
export function programGrant(
  { name, role, runnable }: RunnableRole,
  { config, now }: CelLoggingIn,
  claims: Claims,
): Grant {
  checkToken({ role, config, now }, claims);
  const answer = runnable.run(name, { claims, now });
  if (answer.kind !== 'auth') throw refused(name, answer);
  return grantOfProgram(name, answer.auth);
}

/** As `programGrant`, for claims of whoever asks: why the program failed is told. */
export function supposedProgramGrant(role: RunnableRole, login: CelLoggingIn, claims: Claims): Grant {
  try {
    return programGrant(role, login, claims);
  } catch (error) {
    const why = failureOf(error);
    if (why === undefined) throw error;
    throw noLogin(role.name, printable(why));
  }
}

/** As upstream, by what the login gave: the token that it was given for is not here to be judged anew. */
export const renewedGrant = ({ ttl, maxTtl, period }: KeptTerms): Grant => ({
  ...{ ttl, maxTtl, period, policies: [], displayName: '', explicitMaxTtl: 0, numUses: 0, renewable: true },
  ...{ boundCidrs: [], noDefaultPolicy: false, type: 'default' },
});
