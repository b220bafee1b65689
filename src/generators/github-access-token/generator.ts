import { isObject, parseJson } from '../../client/json.ts';
import { pkcs8Pem } from '../../lib/crypto/private-keys.ts';
import { ProviderProblem, type SecretRefLike } from '../../providers/contract.ts';
import { ask } from '../../providers/webhook/request.ts';
import type { Generator } from '../contract.ts';

export interface GithubAccessTokenConfig {
  /** Of the API, without a path below it. */
  readonly url?: string;
  readonly appID: string;
  readonly installID: string;
  readonly repositories?: readonly string[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly auth: { readonly privateKey: { readonly secretRef: SecretRefLike } };
}

const API = 'https://api.github.com';
const TIMEOUT_MS = 20_000;
/** Seconds that the proof lives, and how far it is dated back for a clock that goes slow: GitHub takes ten minutes at most. */
const LIFE_S = 300;
const BACK_S = 10;

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

function addressOf({ url = '', installID }: GithubAccessTokenConfig): URL {
  const base = url === '' ? API : url.replace(/\/+$/, '');
  if (!/^https?:\/\//.test(base) || !URL.canParse(base)) throw invalid('url is no http:// or https:// address');
  if (!/^\d+$/.test(installID)) throw invalid('installID is the number of an installation');
  return new URL(`${base}/app/installations/${installID}/access_tokens`);
}

/** Who asks, as GitHub has apps prove it: a JWT by RS256. */
async function proofOf({ appID, auth }: GithubAccessTokenConfig, pem: string): Promise<string> {
  const key = pkcs8Pem(pem);
  if (key === undefined) {
    const { name = '', key: at = '' } = auth.privateKey.secretRef;
    throw invalid(`"${at}" of the Secret "${name}" is no private key in PEM, as GitHub gives one for an app`);
  }
  const { SignJWT, importPKCS8 } = await import('jose');
  const now = Math.floor(Date.now() / 1_000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(appID)
    .setIssuedAt(now - BACK_S)
    .setExpirationTime(now + LIFE_S)
    .sign(await importPKCS8(key, 'RS256'));
}

/** A token of an installation of a GitHub app, valid for an hour. */
export const githubAccessToken: Generator<GithubAccessTokenConfig> = {
  kind: 'GithubAccessToken',
  generate: async (config, credentials, signal) => {
    const url = addressOf(config);
    const proof = await proofOf(config, await credentials.secret(config.auth.privateKey.secretRef));
    const { repositories = [], permissions } = config;
    const wanted = {
      ...(permissions === undefined ? {} : { permissions }),
      ...(repositories.length === 0 ? {} : { repositories }),
    };
    const answer = await ask(
      {
        ...{ method: 'POST', url, timeout: TIMEOUT_MS, ca: undefined },
        anywhere: credentials.store.kind === 'ClusterSecretStore',
        headers: {
          authorization: `Bearer ${proof}`,
          accept: 'application/vnd.github+json',
          'content-type': 'application/json',
          'user-agent': 'lockstep',
        },
        body: Buffer.from(JSON.stringify(wanted)),
      },
      signal,
    );
    const token = answer === undefined ? undefined : tokenIn(answer);
    if (token !== undefined) return { values: new Map([['token', Buffer.from(token, 'utf8')]]) };
    throw new ProviderProblem(
      'unsuitable',
      `GitHub gives no token: is installation ${config.installID} one of this app?`,
    );
  },
};

function tokenIn(answer: Uint8Array): string | undefined {
  try {
    const parsed = parseJson(Buffer.from(answer).toString('utf8'));
    const token = isObject(parsed) ? parsed['token'] : undefined;
    return typeof token === 'string' && token !== '' ? token : undefined;
  } catch {
    // What the parser says may repeat the answer.
    return undefined;
  }
}
