/** TLS certificates over real connections to a real server with threads that read. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentialsOf, isRefusal } from '../../src/agent/credentials.ts';
import { Client } from '../../src/client/client.ts';
import { clientSettings } from '../../src/agent/agent.ts';
import { agentConfig } from '../../src/config/agent.ts';
import { parseHcl } from '../../src/lib/hcl/index.ts';
import { silent } from '../../src/lib/log.ts';
import { makeAuthority, makeClient } from '../../src/lib/x509/authority.testing.ts';
import { REFUSED } from '../../src/lib/x509/refusal.ts';
import { executable } from '../clients/support/server.ts';
import { run } from '../clients/support/run.ts';
import { askTls, identity, tlsServer, type Asking } from '../support/tls-server.ts';
import type { Answer } from '../support/server-process.ts';

const LOGIN = '/v1/auth/cert/login';
const errorOf = ({ json }: Answer): unknown => (json['errors'] as readonly string[] | undefined)?.[0];
const authOf = ({ json }: Answer) => (json['auth'] ?? {}) as Readonly<Record<string, unknown>>;

test('a client logs in by what its handshake has shown, on any connection and thread', async (t) => {
  const server = await tlsServer(t);
  const web = await makeClient('CN=web', server.inter);
  const login = (asking: Asking, at = server.open) => askTls(server, `${at}${LOGIN}`, 'POST', asking);
  const chain = identity(web, server.inter);

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const answer = await login({ tls: { ...chain, maxVersion } });
    assert.deepEqual([answer.status, authOf(answer)['policies']], [200, ['default', 'web']], maxVersion);
  }
  assert.equal(errorOf(await login({})), 'no client certificate found');
  assert.equal(errorOf(await login({ tls: identity(web) })), REFUSED, 'without the intermediate');
  assert.equal(errorOf(await login({ tls: chain }, server.never)), 'no client certificate found');
  const forged = { 'x-forwarded-client-cert': Buffer.from(web.der).toString('base64') };
  const plain = await fetch(`${server.plain}${LOGIN}`, { method: 'POST', headers: forged, body: '{}' });
  assert.deepEqual(await plain.json(), { errors: ['no client certificate found'] });

  // Each a connection of its own, so that all threads have some.
  const all = await Promise.all(Array.from({ length: 24 }, () => login({ tls: chain })));
  assert.deepEqual([...new Set(all.map(({ status }) => status))], [200]);
  assert.equal(new Set(all.map((each) => authOf(each)['entity_id'])).size, 1);

  // Node's own agent resumes sessions wherever a server lets it: what the first handshake has shown is shown again.
  const agent = new Agent({ ca: server.ca, ...chain, keepAlive: false, maxCachedSessions: 10 });
  for (let at = 0; at < 3; at += 1) assert.equal((await login({ agent })).status, 200);
  agent.destroy();

  const session = connect(server.open, { ca: server.ca, cert: String(chain.cert), key: String(chain.key) });
  const stream = session.request({ ':method': 'POST', ':path': LOGIN });
  stream.end('{}');
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  assert.equal(headers[':status'], 200);
  stream.resume();
  session.close();
  await once(session, 'close');
});

test('what a client must not be let in by', async (t) => {
  const server = await tlsServer(t);
  const login = (asking: Asking, at = server.open) => askTls(server, `${at}${LOGIN}`, 'POST', asking);
  const web = await makeClient('CN=web', server.authority);
  const twin = await makeAuthority('CN=authority');
  const HOUR = 3_600_000;
  const wrong = {
    'another authority of that name': [await makeClient('CN=web', twin), twin],
    expired: [await makeClient('CN=web', server.authority, { notAfter: Date.now() - HOUR })],
    'not yet valid': [await makeClient('CN=web', server.authority, { notBefore: Date.now() + HOUR })],
    'for servers': [await makeClient('CN=web', server.authority, { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] })],
    'a line end in a name': [
      await makeClient('CN=web', server.authority, { names: [{ type: 'dns', value: 'a\n.example' }] }),
    ],
    'many certificates': [web, ...Array.from({ length: 20 }, () => server.inter)],
  };
  for (const [what, chain] of Object.entries(wrong)) {
    assert.equal(errorOf(await login({ tls: identity(...chain) })), REFUSED, what);
  }
  // OpenSSL itself ends a handshake with more than 100 KiB.
  const huge = identity(web, ...Array.from({ length: 400 }, () => server.inter));
  await assert.rejects(login({ tls: huge }));
  assert.equal((await login({ tls: identity(web) })).status, 200);
  // Where authorities are named, the handshake decides first.
  assert.equal((await login({ tls: identity(web) }, server.strict)).status, 200);
  await assert.rejects(login({ tls: identity(await makeClient('CN=web', twin)) }, server.strict));
  await assert.rejects(login({}, server.strict));
});

test('a token is renewed over a connection with the same certificate alone; within a request it is one login', async (t) => {
  const server = await tlsServer(t);
  const web = await makeClient('CN=web', server.authority);
  const again = await makeClient('CN=web', server.authority, { keys: web.keys });
  const answer = await askTls(server, `${server.open}${LOGIN}`, 'POST', { tls: identity(web) });
  const token = String(authOf(answer)['client_token']);
  const renew = async (asking: Asking) =>
    (await askTls(server, `${server.open}/v1/auth/token/renew-self`, 'POST', { ...asking, token, body: {} })).status;
  assert.deepEqual(
    [await renew({ tls: identity(web) }), await renew({ tls: identity(again) }), await renew({})],
    [200, 400, 400],
  );
  const body = { policy: 'path "sys/mounts" { capabilities = ["read"] }' };
  await askTls(server, `${server.open}/v1/sys/policies/acl/web`, 'PUT', { token: server.token, body });
  const inline = async (asking: Asking) => {
    const headers = { 'x-vault-inline-auth-path': 'auth/cert/login' };
    return askTls(server, `${server.open}/v1/sys/mounts`, 'GET', { ...asking, headers });
  };
  assert.equal((await inline({ tls: identity(web) })).status, 200);
  assert.equal((await inline({})).status, 400);
});

test('the command line and the agent log in with files, and the agent notices new ones', async (t) => {
  const server = await tlsServer(t);
  const [cert, key] = [join(server.folder, 'client.pem'), join(server.folder, 'client.key')];
  const put = async (subject: string, issuer = server.authority): Promise<void> => {
    const made = await makeClient(subject, issuer);
    writeFileSync(cert, made.pem);
    writeFileSync(key, made.keyPem, { mode: 0o600 });
  };
  await put('CN=web');
  const args = [`-address=${server.open}`, `-ca-cert=${server.caFile}`, `-client-cert=${cert}`, `-client-key=${key}`];
  const login = ['login', ...args, '-method=cert', '-no-store', '-token-only', 'name=web'];
  const home = { ...process.env, HOME: server.folder };
  const { code, stdout, stderr } = await run(executable, login, { env: home });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^hvs\./);

  const method = `method "cert" { config { name = "web" client_cert = "${cert}" client_key = "${key}" } }`;
  const text = `vault { address = "${server.open}" ca_cert = "${server.caFile}" }
    auto_auth { ${method} sink "file" { config { path = "/run/t" } } }`;
  const config = agentConfig([parseHcl(text)], {}, {});
  const client = new Client({ ...clientSettings(config), maxRetries: 0 });
  t.after(() => {
    client.close();
  });
  const credentials = credentialsOf(config.method, silent, [cert, key]);
  assert.deepEqual(credentials.files, [cert, key]);
  const first = await credentials.login(client);
  const renew = (token: string) => client.write('auth/token/renew-self', {}, { token });
  assert.ok((await renew(first.token.expose())) !== undefined, 'the agent renews over the same connections');
  assert.equal(await credentials.changed(), false);
  await put('CN=web', await makeAuthority('CN=stranger'));
  assert.equal(await credentials.changed(), true);
  await assert.rejects(credentials.login(client), isRefusal);
  await put('CN=other');
  const second = await credentials.login(client);
  await assert.rejects(renew(first.token.expose()), isRefusal);
  assert.ok((await renew(second.token.expose())) !== undefined);
});

test('the agent is told what is missing for the method', () => {
  const load =
    (method: string, vault = '') =>
    () =>
      agentConfig(
        [
          parseHcl(
            `vault { ${vault} }\nauto_auth { method "cert" { ${method} } sink "file" { config { path = "/t" } } }`,
          ),
        ],
        {},
        {},
      );
  assert.throws(load('config {}'), /give `client_cert` and `client_key`/);
  assert.throws(load('config { client_cert = "/c" }'), /belong together/);
  load('config {}', 'client_cert = "/c" client_key = "/k"')();
  const own = load('config { client_cert = "/own" client_key = "/k" }', 'client_cert = "/c" client_key = "/l"')();
  assert.deepEqual([own.server.client_cert, own.server.client_key], ['/own', '/k']);
});
