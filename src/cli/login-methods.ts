/** How each auth method logs in from the command line: what it takes, and which request it makes. */
import { jwtLogin } from '../client/jwt-login.ts';
import type { Context } from './context.ts';
import { CommandError } from './errors.ts';

export type Config = Readonly<Record<string, string>>;

type Body = Readonly<Record<string, string>>;

interface Parameter {
  readonly help: string;
  /** Asked for on the terminal where it is not given. */
  readonly ask?: string;
  /** Without it the request cannot be made. */
  readonly needed?: boolean;
}

export interface LoginMethod {
  readonly summary: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** Below the mount. */
  readonly path: (config: Config) => string;
  readonly body: (config: Config) => Body | Promise<Body>;
  readonly example: string;
  /** It takes several requests, and a browser between them. */
  readonly browser?: true;
}

function pick(...names: readonly string[]): (config: Config) => Body {
  return (config) => Object.fromEntries(names.flatMap((name) => (name in config ? [[name, config[name] ?? '']] : [])));
}

function withPassword(summary: string, method: string): LoginMethod {
  return {
    summary,
    parameters: {
      username: { help: 'The user.', needed: true },
      password: { help: 'The password; asked for where it is not given.', ask: 'Password (will be hidden): ' },
    },
    path: ({ username = '' }) => `login/${username}`,
    body: pick('password'),
    example: `login -method=${method} username=ada`,
  };
}

const tokenOfWorkload = { help: 'The signed token; jwt=@file takes it from a file.', needed: true };

const oidcParameters = {
  role: { help: 'The role; default: that of the mount.' },
  callbackmode: {
    help: 'Who takes the answer: client (this command), direct (the server) or device. Default: client.',
  },
  listenaddress: { help: 'Where this command listens; default: localhost.' },
  port: { help: 'The port there; default: 8250.' },
  callbackmethod: { help: 'Scheme of the redirect; default: http, or that of the server’s address with direct.' },
  callbackhost: { help: 'Host of the redirect; default: localhost, or that of the server’s address with direct.' },
  callbackport: { help: 'Port of the redirect; default: port, or that of the server with the path of the method.' },
  skip_browser: { help: 'true: only show the address, start no browser.' },
  abort_on_error: { help: 'true: end when no browser can be started.' },
};

/** Imported where somebody logs in so: AWS's library takes its time. */
async function signedForAws(config: Config): Promise<Body> {
  const { signedCallerIdentity } = await import('../lib/aws/signed-caller-identity.ts');
  const { role, region, header_value: serverId, aws_access_key_id: accessKeyId } = config;
  const { aws_secret_access_key: secretAccessKey = '', aws_security_token: sessionToken } = config;
  const credentials =
    accessKeyId === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } };
  const signed = await signedCallerIdentity({ region, serverId, ...credentials }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : '';
    const instead =
      'Give aws_access_key_id and aws_secret_access_key, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE';
    throw new CommandError(`The request to AWS could not be signed: ${why}. ${instead}`);
  });
  return { ...(role === undefined ? {} : { role }), ...signed };
}

export const loginMethods: Readonly<Record<string, LoginMethod>> = {
  token: {
    summary: 'Takes a token as it is and shows what it may do. This is the method where none is named.',
    parameters: {
      token: { help: 'The token; asked for where it is not given.' },
      lookup: { help: 'false: store the token without asking the server about it.' },
    },
    path: () => 'lookup-self',
    body: () => ({}),
    example: 'login',
  },
  approle: {
    summary: 'Logs a program in with the identifier of a role and a secret id.',
    parameters: {
      role_id: { help: 'The identifier of the role.', needed: true },
      secret_id: { help: 'The secret id; secret_id=@file takes it from a file, secret_id=- from standard input.' },
    },
    path: () => 'login',
    body: pick('role_id', 'secret_id'),
    example: 'login -method=approle role_id=3c3d6a1e secret_id=@secret-id',
  },
  userpass: withPassword('Logs in with a user name and a password that the server keeps.', 'userpass'),
  ldap: withPassword('Logs in with a user name and a password that an LDAP directory checks.', 'ldap'),
  oidc: {
    summary: 'Logs a person in through a browser, at an OpenID Connect provider.',
    parameters: oidcParameters,
    browser: true,
    path: () => 'oidc/auth_url',
    body: pick('role'),
    example: 'login -method=oidc role=engineering',
  },
  jwt: {
    summary: 'Logs in with a signed token of an identity provider.',
    parameters: {
      jwt: tokenOfWorkload,
      role: { help: 'The role; default: that of the mount. A CEL role is cel/NAME.' },
    },
    path: ({ role }) => jwtLogin(role).path,
    body: ({ role: named, jwt = '' }) => {
      const { path: _, ...role } = jwtLogin(named);
      return { ...role, jwt };
    },
    example: 'login -method=jwt role=ci jwt=@token',
  },
  kubernetes: {
    summary: 'Logs a pod in with the token of its service account.',
    parameters: { jwt: tokenOfWorkload, role: { help: 'The role.', needed: true } },
    path: () => 'login',
    body: pick('role', 'jwt'),
    example: 'login -method=kubernetes role=web jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token',
  },
  spiffe: {
    summary: 'Logs a workload in with its SVID: a JWT-SVID, or the client certificate of -client-cert and -client-key.',
    parameters: {
      role: { help: 'The role.', needed: true },
      jwt: { help: 'The JWT-SVID; jwt=@file takes it from a file. Without it the client certificate counts.' },
      type: { help: 'jwt or cert; default: jwt where one is given.' },
    },
    path: () => 'login',
    body: pick('role', 'jwt', 'type'),
    example: 'login -method=spiffe role=web jwt=@/run/spiffe/jwt-svid.token',
  },
  aws: {
    summary: 'Logs a user or a role of AWS IAM in, with a request that its keys sign and the server sends to AWS STS.',
    parameters: {
      role: { help: 'The role; default: one with the name of the user or role of AWS.' },
      header_value: { help: 'For the header X-Vault-AWS-IAM-Server-ID, where the server wants it.' },
      region: { help: 'Region of STS that is signed for; default: us-east-1, at the global address.' },
      aws_access_key_id: {
        help: 'The access key; without, AWS’s own chain finds one (environment, profile, instance).',
      },
      aws_secret_access_key: { help: 'Its secret key; aws_secret_access_key=@file takes it from a file.' },
      aws_security_token: { help: 'The session token of keys that are valid for a while.' },
    },
    path: () => 'login',
    body: signedForAws,
    example: 'login -method=aws role=web header_value=vault.example.com',
  },
  cert: {
    summary: 'Logs in with the client certificate of the connection: -client-cert and -client-key.',
    parameters: { name: { help: 'The role; default: whichever the certificate fits.' } },
    path: () => 'login',
    body: pick('name'),
    example: 'login -method=cert -client-cert=cert.pem -client-key=key.pem',
  },
};

/** Checks what was given and asks for what can be asked for. */
export async function completeConfig(context: Context, type: string, given: Config): Promise<Config> {
  const parameters = loginMethods[type]?.parameters ?? {};
  const config: Record<string, string> = { ...given };
  for (const [name, { ask, needed }] of Object.entries(parameters)) {
    if (config[name] !== undefined) continue;
    if (ask !== undefined)
      config[name] = await context.askHidden(ask, `Give ${name}=- and the value on standard input`);
    else if (needed === true) throw new CommandError(`'${name}' must be specified: see 'lockstep auth help ${type}'`);
  }
  return config;
}

export function methodHelp(type: string, { summary, parameters, example }: LoginMethod): string {
  const rows = Object.entries(parameters).map(([name, { help }]) => `  ${name}=<string>\n      ${help}`);
  return [
    `Usage: lockstep login -method=${type} [CONFIG K=V...]`,
    `  ${summary}`,
    `      $ lockstep ${example}`,
    `Configuration:\n\n${rows.join('\n\n')}`,
  ].join('\n\n');
}
