/** What an issuer says of itself (OpenID Connect Discovery 1.0), and its keys. */
import { documentOf, serverUrl, type Reach } from '../outgoing/ask.ts';
import { keyBounds, keysOfDocument, type KeyList, type KeySource } from './keys.ts';
import { ServerUnavailable } from '../outgoing/unavailable.ts';
import { remoteKeys, type RemoteOptions } from './remote-keys.ts';
import { strictObject } from './strict-json.ts';

/** Addresses of an issuer; undefined: it has no such one. */
export interface Issuer {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly authorizationEndpoint: string | undefined;
  readonly tokenEndpoint: string | undefined;
  readonly userinfoEndpoint: string | undefined;
  readonly deviceAuthorizationEndpoint: string | undefined;
  /** How clients say who they are to it; empty: it does not say. */
  readonly clientAuthentication: readonly string[];
}

/** Milliseconds until the last byte of one document. */
export const FETCH_MS = 10_000;
const DOCUMENT_BYTES = 256 * 1024;

function endpoint(value: unknown, secure: boolean): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw new ServerUnavailable('an address in its discovery document is no text');
  // From a secure place nobody is sent on to one where others could answer.
  if (secure && serverUrl(value).protocol !== 'https:') {
    throw new ServerUnavailable('its discovery document names an address without TLS');
  }
  return value;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** `url` is the issuer, without `.well-known/…`. Rejects with `ServerUnavailable`. */
export async function discover(url: string, reach: Reach): Promise<Issuer> {
  const secure = serverUrl(url).protocol === 'https:';
  const address = `${url.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const text = await documentOf(address, { ...reach, timeout: FETCH_MS, bytes: DOCUMENT_BYTES });
  const document = strictObject(text, { length: DOCUMENT_BYTES });
  if (document === undefined) throw new ServerUnavailable('its discovery document is no plain JSON object');
  // Section 4.3: what it calls itself must be what it was asked for as.
  if (document['issuer'] !== url) {
    const said = typeof document['issuer'] === 'string' ? document['issuer'].slice(0, 200) : 'nothing';
    throw new ServerUnavailable(`it calls itself "${said}": give exactly that address`);
  }
  const jwksUri = endpoint(document['jwks_uri'], secure);
  if (jwksUri === undefined) throw new ServerUnavailable('its discovery document names no jwks_uri');
  return {
    issuer: url,
    jwksUri,
    authorizationEndpoint: endpoint(document['authorization_endpoint'], secure),
    tokenEndpoint: endpoint(document['token_endpoint'], secure),
    userinfoEndpoint: endpoint(document['userinfo_endpoint'], secure),
    deviceAuthorizationEndpoint: endpoint(document['device_authorization_endpoint'], secure),
    clientAuthentication: texts(document['token_endpoint_auth_methods_supported']),
  };
}

const fetchDocument = (url: string, reach: Reach): Promise<string> =>
  documentOf(url, { ...reach, timeout: FETCH_MS, bytes: keyBounds.documentBytes });

function keysIn(text: string): KeyList {
  const list = keysOfDocument(text);
  if (list === undefined) throw new ServerUnavailable('its JWKS document has no key that could verify a token');
  return list;
}

/** Rejects with `ServerUnavailable`. */
export async function fetchKeys(url: string, reach: Reach): Promise<KeyList> {
  return keysIn(await fetchDocument(url, reach));
}

/** A document as it was fetched last, before a restart too. */
export interface KeptDocument {
  /** Its age is in milliseconds. */
  readonly held: { readonly text: string; readonly age: number } | undefined;
  /** Told of each document that was fetched. Never rejects. */
  readonly keep: (text: string) => Promise<void>;
}

interface Options extends Omit<RemoteOptions, 'load' | 'held'> {
  readonly kept?: KeptDocument | undefined;
}

function publishedKeys(fetch: () => Promise<string>, { kept, ...options }: Options): KeySource {
  const held = kept?.held;
  const before = held === undefined ? undefined : keysOfDocument(held.text);
  let last = held === undefined || before === undefined ? undefined : { text: held.text, list: before };
  return remoteKeys({
    ...options,
    load: async () => {
      const text = await fetch();
      // The same list for the same text: its keys are made ready once, and are not taken for newer ones.
      if (text !== last?.text) last = { text, list: keysIn(text) };
      const { list } = last;
      await kept?.keep(text);
      return list;
    },
    held: held === undefined || before === undefined ? undefined : { value: before, age: held.age },
  });
}

/** The keys at a JWKS URL. */
export function jwksKeys(url: string, reach: Reach, options: Options = {}): KeySource {
  return publishedKeys(() => fetchDocument(url, reach), options);
}

/** The keys of an issuer that is found by discovery, which is asked anew each time: its `jwks_uri` may move. */
export function discoveredKeys(url: string, reach: Reach, options: Options = {}): KeySource {
  return publishedKeys(async () => fetchDocument((await discover(url, reach)).jwksUri, reach), options);
}
