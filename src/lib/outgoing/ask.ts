/** What another server says over HTTPS: bounded in time and size, from that address alone. */
import type { RequestOptions } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { codeOrMessage } from '../error-code.ts';
import { hostOf, serverNameOf } from '../server-name.ts';
import { wholeBody } from '../whole-body.ts';
import { authorities } from './authorities.ts';
import { ServerUnavailable } from './unavailable.ts';

/** How a server is reached. */
export interface Reach {
  /** PEM. Given: these authorities alone; absent: those of Node and of this machine. */
  readonly ca?: string | readonly string[] | undefined;
  /** Names that its certificate may be for, in place of the host's. */
  readonly serverNames?: readonly string[] | undefined;
  /** Judges its certificate (DER) in place of the host's name. */
  readonly checkServer?: ((certificate: Uint8Array) => Error | undefined) | undefined;
}

export interface Fetching extends Reach {
  /** Milliseconds until the last byte. */
  readonly timeout: number;
  readonly bytes: number;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

export interface Fetched {
  readonly status: number;
  readonly body: string;
  readonly bytes: Uint8Array;
}

function tlsOptions({ ca, serverNames = [], checkServer }: Reach): RequestOptions {
  const { checkServerIdentity } = process.getBuiltinModule('node:tls');
  const named = (_host: string, certificate: PeerCertificate): Error | undefined => {
    const problems = serverNames.map((name) => checkServerIdentity(name, certificate));
    return problems.includes(undefined) ? undefined : problems[0];
  };
  const trusted = { ca: typeof ca === 'string' ? ca : [...(ca ?? authorities())], minVersion: 'TLSv1.2' as const };
  if (checkServer !== undefined) {
    return Object.assign(trusted, {
      // Whoever judges certificates names whom it trusts, self-signed or not.
      allowPartialTrustChain: true,
      checkServerIdentity: (_host: string, { raw }: PeerCertificate) => checkServer(raw),
    });
  }
  return serverNames.length === 0 ? trusted : Object.assign(trusted, { checkServerIdentity: named });
}

/** Throws `ServerUnavailable` for what is no address of a server. */
export function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ServerUnavailable('its address is no https:// URL');
  }
  if (url.username !== '' || url.password !== '') throw new ServerUnavailable('its address must not carry a password');
  return url;
}

function exchange(url: URL, fetching: Fetching, signal: AbortSignal): Promise<Fetched> {
  const secure = url.protocol === 'https:';
  const { request } = process.getBuiltinModule(secure ? 'node:https' : 'node:http');
  const { method = 'GET', headers = {}, body } = fetching;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const { promise, resolve, reject } = Promise.withResolvers<Fetched>();
  const asking = request(
    url,
    {
      // By default the header Host names the server, whatever the address.
      ...(secure ? Object.assign(tlsOptions(fetching), { servername: serverNameOf(hostOf(url)) }) : {}),
      ...{ method, signal, agent: false },
      headers: { accept: 'application/json', 'accept-encoding': 'identity', ...headers, ...length },
    },
    (message) => {
      const { bytes: most } = fetching;
      wholeBody(message, most, () => new ServerUnavailable(`it answers with more than ${String(most)} bytes`))
        .then((bytes) => ({ status: message.statusCode ?? 0, body: bytes.toString('utf8'), bytes }))
        .then(resolve, reject);
    },
  );
  asking.on('error', reject);
  asking.end(body);
  return promise;
}

/**
 * What stands at the address. A redirect is not followed: where it leads, nobody said that answers may come from. Rejects with
 * `ServerUnavailable`, or with the signal's reason.
 */
export async function askServer(address: string, fetching: Fetching): Promise<Fetched> {
  const url = serverUrl(address);
  const limit = AbortSignal.timeout(fetching.timeout);
  const signal = fetching.signal === undefined ? limit : AbortSignal.any([limit, fetching.signal]);
  try {
    const fetched = await exchange(url, fetching, signal);
    if (fetched.status >= 300 && fetched.status < 400) {
      throw new ServerUnavailable(`${url.origin} answers with a redirect: give the address that it leads to`);
    }
    return fetched;
  } catch (error) {
    fetching.signal?.throwIfAborted();
    if (error instanceof ServerUnavailable) throw error;
    const why = limit.aborted ? `no answer within ${String(fetching.timeout)} ms` : codeOrMessage(error);
    throw new ServerUnavailable(`${url.origin}: ${why}`, { cause: error });
  }
}

/** The body of a 200. */
export async function documentOf(address: string, fetching: Fetching): Promise<string> {
  const { status, body } = await askServer(address, fetching);
  if (status !== 200) throw new ServerUnavailable(`${serverUrl(address).origin} answers ${String(status)}`);
  return body;
}
