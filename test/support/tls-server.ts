/** A real server with TLS listeners and the method `cert`, as a process, and clients of it with certificates of their own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request, type AgentOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { make, makeAuthority, makeClient, SERVER, type Made } from '../../src/lib/x509/authority.testing.ts';
import { ServerProcess, type Answer } from './server-process.ts';

export interface TlsServer {
  readonly folder: string;
  readonly token: string;
  /** PEM file of the authority of the server's own certificate. */
  readonly caFile: string;
  readonly ca: string;
  /** `https://127.0.0.1:…`: asks for certificates and takes any; of the second kind: only those of `authority`; never. */
  readonly open: string;
  readonly strict: string;
  readonly never: string;
  readonly plain: string;
  /** Whose clients the role `web` takes; `inter` is below it. */
  readonly authority: Made;
  readonly inter: Made;
}

/** `chain` is what is shown, its own first. */
export const identity = (...chain: readonly Made[]): AgentOptions => ({
  cert: chain.map(({ pem }) => pem).join(''),
  ...(chain[0] === undefined ? {} : { key: chain[0].keyPem }),
});

export interface Asking {
  readonly tls?: AgentOptions;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Instead of one that is used once. */
  readonly agent?: Agent;
}

/** Over a connection of its own. */
export async function askTls(server: TlsServer, url: string, method: string, asking: Asking = {}): Promise<Answer> {
  const { tls = {}, token, headers = {}, body, agent = new Agent({ ca: server.ca, ...tls }) } = asking;
  const sent = request(url, {
    ...{ agent, method },
    headers: { ...headers, ...(token === undefined ? {} : { 'x-vault-token': token }) },
  });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [message] = (await once(sent, 'response')) as [IncomingMessage];
  const text = await textOf(message);
  if (asking.agent === undefined) agent.destroy();
  return { status: message.statusCode ?? 0, text, json: text === '' ? {} : (JSON.parse(text) as Answer['json']) };
}

async function listening(server: ServerProcess, count: number): Promise<readonly string[]> {
  const found = new Set<string>();
  for (let at = 0; found.size < count; at += 1) {
    const [, address] = await server.line(/listening.*address=(\S+)/, at);
    if (address !== undefined) found.add(address);
  }
  return [...found];
}

/** The order in which they came up is not that of the configuration. */
async function kindOf(server: TlsServer, address: string): Promise<'open' | 'strict' | 'never'> {
  const stranger = identity(await makeClient('CN=x', await makeAuthority('CN=stranger')));
  const login = await askTls(server, `${address}/v1/auth/cert/login`, 'POST', { tls: stranger }).catch(() => undefined);
  if (login === undefined) return 'strict';
  return login.text.includes('no client certificate found') ? 'never' : 'open';
}

async function configured(folder: string, authority: Made): Promise<{ caFile: string; ca: string; config: string }> {
  const own = await makeAuthority('CN=servers');
  const names = [{ type: 'ip', value: '127.0.0.1' } as const, { type: 'dns', value: 'localhost' } as const];
  const certificate = await make({ subject: 'CN=server', issuer: own, extendedKeyUsage: [SERVER], names });
  const files = { 'ca.pem': own.pem, 'server.pem': certificate.pem, 'server.key': certificate.keyPem };
  for (const [name, pem] of Object.entries({ ...files, 'clients.pem': authority.pem })) {
    writeFileSync(join(folder, name), pem, { mode: 0o600 });
  }
  const at = (name: string): string => `"${join(folder, name)}"`;
  const tls = `address = "127.0.0.1:0" tls_cert_file = ${at('server.pem')} tls_key_file = ${at('server.key')}`;
  const config = `
    storage "lmdb" { path = ${at('data')} }
    listener "tcp" { address = "127.0.0.1:0" tls_disable = true }
    listener "tcp" { ${tls} }
    listener "tcp" { ${tls} tls_require_and_verify_client_cert = true tls_client_ca_file = ${at('clients.pem')} }
    listener "tcp" { ${tls} tls_disable_client_certs = true }
    workers = 2`;
  return { caFile: join(folder, 'ca.pem'), ca: own.pem, config };
}

/** Unsealed, with `auth/cert`; ended with the test. */
export async function tlsServer(t: TestContext): Promise<TlsServer> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-tls-server-'));
  const authority = await makeAuthority('CN=authority');
  const inter = await makeAuthority('CN=inter', { issuer: authority });
  const { config, ...trust } = await configured(folder, authority);
  writeFileSync(join(folder, 'server.hcl'), config);
  const server = new ServerProcess([`-config=${join(folder, 'server.hcl')}`]);
  t.after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const addresses = await listening(server, 4);
  const plain = addresses.find((address) => address.startsWith('http:')) ?? '';
  const ask = async (
    method: string,
    path: string,
    body: object,
    token = '',
  ): Promise<Readonly<Record<string, unknown>>> => {
    const headers = token === '' ? {} : { 'x-vault-token': token };
    const response = await fetch(`${plain}/v1/${path}`, { method, headers, body: JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  };
  const made = await ask('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
  const token = String(made['root_token']);
  await ask('PUT', 'sys/unseal', { key: (made['keys'] as readonly string[])[0] });
  await ask('POST', 'sys/auth/cert', { type: 'cert' }, token);
  await ask('POST', 'auth/cert/certs/web', { certificate: authority.pem, token_policies: 'web' }, token);
  const known = { folder, token, plain, authority, inter, ...trust, open: '', strict: '', never: '' };
  const kinds: Record<string, string> = {};
  for (const address of addresses.filter((each) => each !== plain)) kinds[await kindOf(known, address)] = address;
  return { ...known, ...kinds };
}
