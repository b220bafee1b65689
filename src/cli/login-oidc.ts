/** `login -method=oidc`: the browser comes back to a listener on this machine, or to the server, or is on another device. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiError } from '../client/api-error.ts';
import type { Client } from '../client/client.ts';
import type { Envelope } from '../client/envelope.ts';
import { randomBase62 } from '../lib/crypto/random.ts';
import { createServer } from '../lib/node-http.ts';
import type { Context } from './context.ts';
import { CommandError, exit } from './errors.ts';
import { onInterrupt } from './interrupt.ts';

type Config = Readonly<Record<string, string>>;

export interface Browsing {
  readonly context: Context;
  /** Without a token. */
  readonly client: Client;
  readonly mount: string;
  readonly config: Config;
}

/** How long somebody may take at the issuer. */
const PATIENCE_MS = 120_000;
const MOST_FORM = 256 * 1024;

const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1';

/** The redirect that was registered for this way of logging in. */
export function redirectUri(config: Config, mount: string, server: string): string {
  const isDirect = config['callbackmode'] === 'direct' && URL.canParse(server);
  const usual = new URL(isDirect ? server : `http://localhost:${config['port'] ?? '8250'}`);
  const { callbackmethod = usual.protocol.slice(0, -1), callbackhost = usual.hostname, callbackport } = config;
  const given = callbackport === undefined ? undefined : `:${callbackport}`;
  const own = usual.port === '' ? '' : `:${usual.port}`;
  return `${callbackmethod}://${callbackhost}${given ?? `${own}${isDirect ? `/v1/auth/${mount}` : ''}`}/oidc/callback`;
}

const PROGRAMS: Readonly<Record<string, string>> = { darwin: 'open', linux: 'xdg-open' };

/** Whether a browser could be started. */
async function startBrowser(url: string): Promise<boolean> {
  const program = PROGRAMS[process.platform];
  // The address comes from the server: what is no web page is nothing to open.
  if (program === undefined || !/^https?:\/\//i.test(url)) return false;
  const browser = spawn(program, [url], { stdio: 'ignore', detached: true });
  browser.unref();
  return once(browser, 'spawn').then(
    () => true,
    () => false,
  );
}

async function show({ context, config }: Browsing, url: string, userCode: string | undefined): Promise<void> {
  const started = isTrue(config['skip_browser']) ? undefined : await startBrowser(url);
  const what = started === true ? 'Launching browser to' : 'Open the following link in your browser';
  context.out.note(`Complete the login via your OIDC provider. ${what}:\n\n    ${url}\n\n`);
  if (started === false && isTrue(config['abort_on_error'])) throw new CommandError('no browser could be started');
  context.out.note('Waiting for OIDC authentication to complete...');
  if (userCode !== undefined) context.out.note(`When prompted, enter code ${userCode}\n`);
}

interface Begun {
  readonly url: string;
  readonly nonce: string;
  readonly state: string | undefined;
  readonly interval: number;
  readonly userCode: string | undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

async function begin({ context, client, mount, config }: Browsing): Promise<Begun> {
  const nonce = randomBase62(20);
  const redirect = redirectUri(config, mount, context.config.address);
  const { role = '' } = config;
  const asked = { role, redirect_uri: redirect, client_nonce: nonce };
  const reply = await client.write(`auth/${mount}/oidc/auth_url`, asked);
  const data = reply?.data ?? {};
  const url = textOf(data['auth_url']);
  if (url === undefined) {
    const remedy = 'it must be among allowed_redirect_uris of the role';
    throw new CommandError(
      `Unable to authorize role "${role}" with redirect_uri "${redirect}": ${remedy}`,
      exit.server,
    );
  }
  const interval = Number(data['poll_interval'] ?? Number.NaN);
  return { url, nonce, state: textOf(data['state']), interval, userCode: textOf(data['user_code']) };
}

/** Until the login is over, on another device or at the server. */
async function polled({ client, mount }: Browsing, begun: Begun, signal: AbortSignal): Promise<Envelope | undefined> {
  const { state, nonce } = begun;
  let seconds = Math.max(1, begun.interval);
  for (;;) {
    await pause(seconds * 1_000, undefined, { signal }).catch(() => {
      throw new CommandError('interrupted');
    });
    try {
      return await client.write(`auth/${mount}/oidc/poll`, { state, client_nonce: nonce });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.errors.includes('slow_down')) seconds *= 2;
      else if (!error.errors.includes('authorization_pending')) throw error;
    }
  }
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_FORM) throw new CommandError('the answer of the issuer is too long');
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

function answer(response: ServerResponse, status: number, text: string): void {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', connection: 'close' };
  response.writeHead(status, headers).end(`${text}\n`);
}

/** What the browser brings to the listener, when it is of this login; undefined for anything else that comes along. */
async function broughtBy(request: IncomingMessage, state: string): Promise<Config | undefined> {
  // Any page that the browser has open can ask for `//`, which is no address: it must not end the login.
  const target = `http://localhost${request.url ?? '/'}`;
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (url?.pathname !== '/oidc/callback') return undefined;
  const given = request.method === 'POST' ? await formOf(request) : url.searchParams;
  if (given.get('state') !== state) return undefined;
  const names = ['code', 'error', 'error_description', 'error_uri'];
  const present = names.flatMap((name) => (given.has(name) ? [[name, given.get(name) ?? '']] : []));
  return { state, ...(Object.fromEntries(present) as Config) };
}

/** Listens for the browser of this login, and ends it with what that brings. */
async function listened(browsing: Browsing, begun: Begun, signal: AbortSignal): Promise<Envelope | undefined> {
  const { client, mount, config } = browsing;
  const state = new URL(begun.url).searchParams.get('state') ?? '';
  const { promise, resolve, reject } = Promise.withResolvers<Envelope | undefined>();
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const brought = await broughtBy(request, state);
    if (brought === undefined) {
      answer(response, 404, 'This is not the login that is waited for.');
      return;
    }
    try {
      const query = { ...brought, client_nonce: begun.nonce };
      const reply = await client.read(`auth/${mount}/oidc/callback`, { query, replay: 'unsafe' });
      answer(response, 200, 'Logged in. You can close this window and go back to your command line.');
      resolve(reply);
    } catch (error) {
      answer(response, 400, 'The login failed: your command line says why.');
      throw error;
    }
  };
  const server = createServer((request, response) => {
    take(request, response).catch(reject);
  });
  server.once('error', reject);
  server.listen(Number(config['port'] ?? 8250), config['listenaddress'] ?? 'localhost');
  const abort = (): void => {
    // Nobody came, or the user ended it.
    reject(new CommandError(`no login came back within ${String(PATIENCE_MS / 1_000)} seconds`));
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([once(server, 'listening'), promise]);
    await show(browsing, begun.url, undefined);
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    server.close();
  }
}

/** Logs in. Throws `CommandError`, and what the client throws. */
export async function loginByBrowser(browsing: Browsing): Promise<Envelope | undefined> {
  const mode = browsing.config['callbackmode'] ?? 'client';
  if (!['client', 'direct', 'device'].includes(mode)) {
    throw new CommandError('callbackmode is one of client, direct, device');
  }
  const begun = await begin(browsing);
  if (mode === 'client' && begun.state !== undefined) {
    throw new CommandError('the role has another callback_mode: give callbackmode=direct or callbackmode=device');
  }
  using interrupt = onInterrupt();
  if (mode === 'client') {
    return listened(browsing, begun, AbortSignal.any([interrupt.signal, AbortSignal.timeout(PATIENCE_MS)]));
  }
  if (begun.state === undefined || !Number.isFinite(begun.interval)) {
    throw new CommandError(`the role has another callback_mode than ${mode}`);
  }
  await show(browsing, begun.url, begun.userCode);
  return polled(browsing, begun, interrupt.signal);
}
