/** How a store proves to its server who it is: `spec.provider.vault.auth`. */
import type { Client } from '../../client/client.ts';
import { signedCallerIdentity, type SignedLogin } from '../../lib/aws/signed-caller-identity.ts';
import type { AwsAuthConfig } from '../aws/config.ts';
import { keysFor } from '../aws/keys.ts';
import { problemOf as awsProblemOf } from '../aws/problem.ts';
import { ProviderProblem, type AccountRefLike, type Credentials, type SecretRefLike } from '../contract.ts';

export interface VaultAuthConfig {
  /** The namespace to log in at, where that is another than the secrets'. */
  readonly namespace?: string;
  readonly tokenSecretRef?: SecretRefLike;
  readonly appRole?: {
    readonly path: string;
    readonly roleId?: string;
    readonly roleRef?: SecretRefLike;
    readonly secretRef: SecretRefLike;
  };
  readonly kubernetes?: {
    readonly mountPath: string;
    readonly role: string;
    readonly serviceAccountRef?: AccountRefLike;
    readonly secretRef?: SecretRefLike;
  };
  readonly jwt?: {
    readonly path: string;
    readonly role?: string;
    readonly secretRef?: SecretRefLike;
    readonly kubernetesServiceAccountToken?: {
      readonly serviceAccountRef: AccountRefLike;
      readonly audiences?: readonly string[];
      readonly expirationSeconds?: number;
    };
  };
  readonly cert?: {
    readonly path?: string;
    readonly vaultRole?: string;
    readonly clientCert?: SecretRefLike;
    /** Of its key. */
    readonly secretRef?: SecretRefLike;
  };
  readonly iam?: AwsAuthConfig & {
    readonly path?: string;
    readonly vaultRole: string;
    readonly region?: string;
    readonly role?: string;
    readonly externalID?: string;
    readonly vaultAwsIamServerID?: string;
  };
  readonly ldap?: PasswordLogin;
  readonly userPass?: PasswordLogin;
}

interface PasswordLogin {
  readonly path: string;
  readonly username: string;
  readonly secretRef?: SecretRefLike;
}

export interface LoggedIn {
  readonly token: string;
  /** Seconds; 0: it does not say. */
  readonly life: number;
}

export type Login = (client: Client, signal: AbortSignal) => Promise<LoggedIn>;

/** Seconds that tokens of service accounts live which are made for a login. */
const ACCOUNT_TOKEN_S = 600;

const trimmed = (text: string): string => text.replace(/\s+$/, '');

async function loginAt(client: Client, path: string, body: object, signal: AbortSignal): Promise<LoggedIn> {
  const { auth } = (await client.write(path, body, { signal, replay: 'unsafe' })) ?? {};
  if (auth === undefined || auth.client_token === '') {
    const why =
      (auth?.mfa_requirement ?? null) === null ? 'the server gave no token' : 'the server wants a second factor';
    throw new ProviderProblem('denied', `cannot log in at ${path}: ${why}`);
  }
  return { token: auth.client_token, life: auth.lease_duration };
}

function appRole(auth: NonNullable<VaultAuthConfig['appRole']>, credentials: Credentials): Login {
  return async (client, signal) => {
    const roleId = auth.roleRef === undefined ? (auth.roleId ?? '') : await credentials.secret(auth.roleRef);
    const secretId = await credentials.secret(auth.secretRef);
    const body = { role_id: trimmed(roleId), secret_id: trimmed(secretId) };
    return loginAt(client, `auth/${auth.path}/login`, body, signal);
  };
}

function kubernetes(auth: NonNullable<VaultAuthConfig['kubernetes']>, credentials: Credentials): Login {
  const { role, mountPath, serviceAccountRef, secretRef } = auth;
  if (serviceAccountRef === undefined && secretRef === undefined) {
    // The controller's own account would lend its rights to whoever may write a store.
    throw new ProviderProblem('invalid', 'auth.kubernetes names neither serviceAccountRef nor secretRef');
  }
  return async (client, signal) => {
    const jwt =
      serviceAccountRef === undefined
        ? await credentials.secret({ key: 'token', ...secretRef })
        : await credentials.token(serviceAccountRef, serviceAccountRef.audiences ?? [], ACCOUNT_TOKEN_S);
    return loginAt(client, `auth/${mountPath}/login`, { role, jwt: trimmed(jwt) }, signal);
  };
}

function jwt(auth: NonNullable<VaultAuthConfig['jwt']>, credentials: Credentials): Login {
  const { path, role = '', secretRef, kubernetesServiceAccountToken: account } = auth;
  if (secretRef === undefined && account === undefined) {
    throw new ProviderProblem('invalid', 'auth.jwt names neither secretRef nor kubernetesServiceAccountToken');
  }
  return async (client, signal) => {
    const token =
      account === undefined
        ? await credentials.secret({ key: 'token', ...secretRef })
        : await credentials.token(
            account.serviceAccountRef,
            [...(account.audiences ?? []), ...(account.serviceAccountRef.audiences ?? [])],
            account.expirationSeconds ?? ACCOUNT_TOKEN_S,
          );
    return loginAt(client, `auth/${path}/login`, { role, jwt: trimmed(token) }, signal);
  };
}

function byPassword({ path, username, secretRef }: PasswordLogin, credentials: Credentials): Login {
  return async (client, signal) => {
    const password = await credentials.secret(secretRef ?? {});
    return loginAt(client, `auth/${path}/login/${username}`, { password: trimmed(password) }, signal);
  };
}

/** The connection itself is the proof. */
function byCertificate({ path = 'cert', vaultRole = '' }: NonNullable<VaultAuthConfig['cert']>): Login {
  const body = vaultRole === '' ? {} : { name: vaultRole };
  return (client, signal) => loginAt(client, `auth/${path}/login`, body, signal);
}

function byIam(auth: NonNullable<VaultAuthConfig['iam']>, credentials: Credentials): Login {
  const { path = 'aws', vaultRole, region = 'us-east-1', vaultAwsIamServerID: serverId, ...whose } = auth;
  const keys = keysFor({ ...whose, region }, credentials);
  return async (client, signal) => {
    let signed: SignedLogin;
    try {
      signed = await signedCallerIdentity({
        region,
        serverId,
        ...(keys === undefined ? {} : { credentials: await keys() }),
      });
    } catch (error) {
      throw awsProblemOf(error, 'sign the login', signal);
    }
    return loginAt(client, `auth/${path}/login`, { role: vaultRole, ...signed }, signal);
  };
}

/** Throws `ProviderProblem` where none, several, or one that is not offered is configured. */
export function loginOf(auth: VaultAuthConfig | undefined, credentials: Credentials): Login {
  const { namespace: _elsewhere, ...methods } = auth ?? {};
  const [name, second] = Object.keys(methods);
  if (name === undefined) throw new ProviderProblem('invalid', 'auth names no method to log in by');
  if (second !== undefined) throw new ProviderProblem('invalid', `auth names both ${name} and ${second}: one of them`);
  const { tokenSecretRef, ldap, userPass } = methods;
  if (tokenSecretRef !== undefined) {
    return async () => ({ token: trimmed(await credentials.secret(tokenSecretRef)), life: 0 });
  }
  if (methods.appRole !== undefined) return appRole(methods.appRole, credentials);
  if (methods.kubernetes !== undefined) return kubernetes(methods.kubernetes, credentials);
  if (methods.jwt !== undefined) return jwt(methods.jwt, credentials);
  if (methods.cert !== undefined) return byCertificate(methods.cert);
  if (methods.iam !== undefined) return byIam(methods.iam, credentials);
  const password = ldap ?? userPass;
  if (password !== undefined) return byPassword(password, credentials);
  throw new ProviderProblem('invalid', `auth.${name} is not offered yet`);
}
