import { ApiError } from '../client/api-error.ts';
import type { Auth, Envelope } from '../client/envelope.ts';
import type { Client } from '../client/client.ts';
import { isObject } from '../client/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { cleanPath, unwrapWith } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag, UsageError } from './flags.ts';
import { explained, finishByCode, requirementOf } from './login-mfa.ts';
import { completeConfig, loginMethods, type Config } from './login-methods.ts';
import { parseTextPairs } from './pairs.ts';
import { writeToken } from './token-file.ts';

export const login = command({
  summary: 'Log in, and keep the token for the commands that follow',
  description:
    'The token is stored in ~/.vault-token, readable by its owner alone. Without -method the argument is a token; without ' +
    'an argument it is asked for, "-" reads it from standard input. Configuration of the method are K=V arguments: ' +
    '"auth help TYPE" shows them.',
  args: { usage: '[TOKEN | K=V...]', least: 0, most: Number.POSITIVE_INFINITY },
  flags: {
    method: flag.text('The auth method; default token.', { value: 'type' }),
    mfa: flag.items('A second factor that goes with the login, of a method by its name or id.', {
      value: 'METHOD:CODE',
    }),
    'no-print': flag.boolean('Show nothing.'),
    'no-store': flag.boolean('Do not store the token.'),
    path: flag.text('Where the method is mounted; default: its name.'),
    'token-only': flag.boolean('Show the token alone and do not store it.'),
  },
  output: 'field',
  examples: [
    { note: 'With a token, asked for unseen:', line: 'login' },
    { note: 'By name; the password and a code are asked for:', line: 'login -method=userpass username=ada' },
    {
      note: 'A program, without storing the token:',
      line: 'login -method=approle -token-only role_id=3c3d secret_id=-',
    },
  ],
  run: async (context, { values, args }) => {
    const method = (values.method ?? 'token').toLowerCase();
    if (!Object.hasOwn(loginMethods, method)) {
      const known = Object.keys(loginMethods);
      const instead = didYouMean(method, known) || `. Known are ${known.join(', ')}`;
      throw new UsageError(`Unknown auth method: ${method}${instead}`);
    }
    const mount = cleanPath(values.path ?? method);
    const first = await during('Error authenticating', authenticate(context, { method, mount, args, mfa: values.mfa }));
    const reply = await secondFactor(context, first, values['token-only'] === true);
    if (reply.wrap_info !== undefined) return context.out.envelope(reply);
    if (reply.auth === undefined) throw new CommandError('Error authenticating: the reply has no token', exit.server);
    const tokenOnly = values['token-only'] === true;
    const stored = !tokenOnly && values['no-store'] !== true;
    if (stored) writeToken(context.config.token_file, reply.auth.client_token);
    if (tokenOnly) {
      await context.out.withField('token').envelope(reply);
      return;
    }
    if (values['no-print'] !== true) await show(context, reply, stored);
  },
});

/** The reply to a login that is done. Where nobody can be asked the command fails: there is no token, and it says how to go on. */
async function secondFactor(context: Context, reply: Envelope, tokenOnly: boolean): Promise<Envelope> {
  const requirement = requirementOf(reply);
  if (requirement === undefined) return reply;
  if (context.interactive) return finishByCode(context, context.client.with({ token: '' }), requirement);
  // Whoever reads a token from it must not take anything else for one.
  if (!tokenOnly && context.out.field === undefined) await context.out.envelope(reply);
  throw new CommandError(explained(requirement), exit.server);
}

interface Asked {
  readonly method: string;
  readonly mount: string;
  readonly args: readonly string[];
  /** Each `<method>:<code>`. */
  readonly mfa: readonly string[];
}

/** Vault's header. Throws UsageError. */
function mfaHeader({ method, mfa }: Asked): Readonly<Record<string, string>> {
  if (mfa.length === 0) return {};
  if (method === 'token' || loginMethods[method]?.browser === true) {
    throw new UsageError(`-mfa goes with a login by one request, which -method=${method} is not`);
  }
  const wrong = mfa.some((each) => !/^[\w./-]+:[\w=]+$/.test(each));
  if (wrong) throw new UsageError('invalid value for flag -mfa: expected METHOD:CODE');
  return { 'X-Vault-MFA': mfa.join(',') };
}

async function authenticate(context: Context, asked: Asked): Promise<Envelope> {
  const { method, mount, args } = asked;
  const headers = mfaHeader(asked);
  const config = await configOf(context, method, args);
  // The own token has no place here: it may be stale, which is why somebody logs in.
  const client = context.client.with({ token: '' });
  if (method === 'token') return loginWithToken(client, config);
  const known = loginMethods[method];
  if (known === undefined) throw new UsageError(`Unknown auth method: ${method}`);
  const path = `auth/${mount}/${known.path(config)}`;
  const answer =
    known.browser === true
      ? import('./login-oidc.ts').then(({ loginByBrowser }) => loginByBrowser({ context, client, mount, config }))
      : client.write(path, await known.body(config), { headers });
  const reply = await answer.catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    const code =
      headers['X-Vault-MFA'] === undefined
        ? ''
        : 'Perhaps the code is wrong or used already, or its method has another name; or else:\n';
    const hint =
      `${code}Perhaps no auth method is mounted at ${mount}/ (see \`lockstep auth list\`, or give -path), or too many logins ` +
      'failed: then it is locked for some minutes (operators: `lockstep read sys/locked-users`).';
    throw new CommandError(`Error authenticating: ${error.message}\n${hint}`, exit.server);
  });
  if (reply === undefined) throw new CommandError('Error authenticating: the reply is empty', exit.server);
  return reply;
}

async function configOf(context: Context, method: string, args: readonly string[]): Promise<Config> {
  const [first] = args;
  if (method === 'token' && first !== undefined && !first.includes('=')) {
    if (args.length > 1) throw new UsageError(`Too many arguments (expected 0-1, got ${args.length})`);
    return { token: first === '-' ? (await context.stdin()).trim() : first };
  }
  const config = checkConfig(method, await parseTextPairs(context, args));
  if (method === 'token' && config['token'] === undefined) {
    const instead = 'Give the token on standard input with "login -"';
    return { ...config, token: (await context.askHidden('Token (will be hidden): ', instead)).trim() };
  }
  return completeConfig(context, method, config);
}

type Pairs = Readonly<Record<string, string | readonly string[]>>;

function checkConfig(method: string, pairs: Pairs): Config {
  const known = Object.keys(loginMethods[method]?.parameters ?? {});
  const config: Record<string, string> = {};
  for (const [name, value] of Object.entries(pairs)) {
    if (!known.includes(name)) {
      const meant = didYouMean(name, known);
      throw new UsageError(
        `The method "${method}" takes no ${name}${meant === '' ? '.' : meant} See 'lockstep auth help ${method}'`,
      );
    }
    if (typeof value !== 'string') throw new UsageError(`${name} is given more than once`);
    // A secret from a file or a pipe ends in the newline of whoever wrote it.
    config[name] = value.replace(/\r?\n$/, '');
  }
  return config;
}

async function loginWithToken(client: Client, config: Config): Promise<Envelope> {
  const token = config['token'] ?? '';
  if (token === '') throw new CommandError('Error authenticating: the token is empty');
  if (config['lookup'] === 'false') return replyFor(token, {});
  const found = await during('error looking up token', client.read('auth/token/lookup-self', { token, wrapTtl: '' }));
  const policies = found?.data?.['policies'];
  // Somebody was handed a wrapped token: what is inside is the one to log in with.
  if (Array.isArray(policies) && policies.includes('response-wrapping')) {
    const unwrapped = await unwrapWith(client, token);
    if (unwrapped?.auth !== undefined) return unwrapped;
  }
  return replyFor(token, found?.data ?? {});
}

/** What a login would have answered for a token that is known already. */
function replyFor(token: string, data: Readonly<Record<string, unknown>>): Envelope {
  const texts = (name: string): readonly string[] | null => {
    const value = data[name];
    return Array.isArray(value) ? value.map(String) : null;
  };
  const metadata = data['meta'];
  const ttl = data['ttl'];
  const own = texts('policies');
  const identity = texts('identity_policies');
  const auth: Auth = {
    client_token: token,
    accessor: typeof data['accessor'] === 'string' ? data['accessor'] : '',
    policies: own === null ? null : [...new Set([...own, ...(identity ?? [])])],
    token_policies: own,
    identity_policies: identity,
    metadata: isObject(metadata) ? (metadata as Readonly<Record<string, string>>) : null,
    orphan: false,
    entity_id: '',
    lease_duration: typeof ttl === 'number' ? ttl : 0,
    renewable: data['renewable'] === true,
    mfa_requirement: null,
  };
  const none = { request_id: '', lease_id: '', lease_duration: 0, renewable: false, data: null, warnings: null };
  return { ...none, auth };
}

const success = [
  'Success! You are now authenticated. The token information displayed below is',
  'already stored in the token helper. You do NOT need to run "lockstep login"',
  'again. Future requests will automatically use this token.\n',
].join('\n');
const notStored = [
  'Success! You are now authenticated. The token was not stored: set VAULT_TOKEN',
  'to the token below, or pass it with each request.\n',
].join('\n');
const shadowed = [
  'WARNING! The VAULT_TOKEN environment variable is set, and it goes before the stored',
  'token. Unset it, or give it the new value, for the login to have an effect.\n',
].join('\n');

async function show(context: Context, reply: Envelope, stored: boolean): Promise<void> {
  if (stored && context.config.token !== undefined) context.out.note(shadowed);
  context.out.success(stored ? success : notStored);
  await context.out.envelope(reply);
}
