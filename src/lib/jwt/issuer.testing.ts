/** An issuer of tokens for tests: keys, tokens of any shape, and an HTTPS server that can be down, slow or wrong. */
import { CompactSign, exportJWK, exportSPKI, generateKeyPair, type CryptoKey, type JWK } from 'jose';
import { once } from 'node:events';
import { createServer as createPlain, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } from '../crypto/certificates.ts';

export interface SigningKey {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
  readonly pem: string;
}

export async function signingKey(alg = 'RS256', kid?: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const named = kid === undefined ? {} : { kid };
  const jwk = { ...(await exportJWK(publicKey)), ...named };
  return { alg, kid, privateKey, jwk, pem: await exportSPKI(publicKey) };
}

/** `claims` may be text, for what no JSON library would write. */
export function signed(key: SigningKey, claims: object | string, header: object = {}): Promise<string> {
  const payload = typeof claims === 'string' ? claims : JSON.stringify(claims);
  const named = key.kid === undefined ? {} : { kid: key.kid };
  return new CompactSign(new TextEncoder().encode(payload))
    .setProtectedHeader({ alg: key.alg, ...named, ...header })
    .sign(key.privateKey);
}

const encoded = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Parts that nobody signed. */
export const unsigned = (header: object | string, claims: object | string, signature = ''): string =>
  `${encoded(header)}.${encoded(claims)}.${signature}`;

export const documentOfKeys = (...keys: readonly SigningKey[]): string =>
  JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });

/** `form`: what was posted; `authorization`: the header. */
export interface AskedFor {
  readonly form: URLSearchParams;
  readonly authorization: string | undefined;
}
type Answer = (path: string, response: ServerResponse, asked: AskedFor) => void;

export interface IssuerServer extends AsyncDisposable {
  readonly url: string;
  /** PEM of the authority that its certificate is from. */
  readonly ca: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Answers from now on. */
  readonly answer: (answer: Answer) => void;
}

/** Answers discovery and `/keys` with the document. */
export function publishing(server: () => IssuerServer, document: () => string): Answer {
  return (path, response) => {
    const { url } = server();
    if (path === '/keys') response.end(document());
    else if (path === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
    } else response.writeHead(404).end();
  };
}

export interface IssuerServerOptions {
  readonly tls?: boolean;
  readonly names?: readonly string[];
}

async function listening(handler: RequestListener, { tls = true, names = ['127.0.0.1'] }: IssuerServerOptions) {
  if (!tls) return { server: createPlain(handler), ca: '' };
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const authority = await createAuthority('issuer of tests', validity);
  const key = newPrivateKey();
  const certificate = await issueCertificate({
    ...{ authority, ...validity, publicKey: publicKeyOf(key), commonName: 'issuer', usage: 'server', names },
  });
  const server: Server = createServer({ cert: certificate, key }, handler);
  return { server, ca: authority.certificate };
}

/** On a free port of loopback. */
export async function issuerServer(options: IssuerServerOptions = {}): Promise<IssuerServer> {
  const asked: string[] = [];
  let answering: Answer = (_path, response) => {
    response.writeHead(503).end();
  };
  const { server, ca } = await listening((request, response) => {
    asked.push(request.url ?? '');
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      answering(request.url ?? '', response, { form, authorization: request.headers.authorization });
    });
  }, options);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === false ? 'http' : 'https'}://127.0.0.1:${String(port)}`,
    ca,
    asked,
    answer: (answer) => {
      answering = answer;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
