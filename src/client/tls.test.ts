import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from './client.ts';
import { ConnectionError } from './connection-error.ts';
import type { TlsSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-client-tls-'));
const at = (name: string): string => join(folder, name);
const pem = (name: string): string => readFileSync(at(name), 'utf8');
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
const days = ['-days', '2', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

function issue(name: string, ...extensions: string[]): void {
  openssl('req', '-new', '-subj', `/CN=${name}`, ...days.slice(2), '-keyout', `${name}.key`, '-out', `${name}.csr`);
  writeFileSync(at(`${name}.ext`), extensions.join('\n'));
  const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...ca, '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`);
}

before(() => {
  openssl('req', '-x509', '-subj', '/CN=ca', ...days, '-keyout', 'ca.key', '-out', 'ca.pem');
  issue('good', 'subjectAltName=DNS:vault.example,IP:127.0.0.1', 'keyUsage=digitalSignature');
  issue('named', 'subjectAltName=DNS:vault.example');
  issue('keyonly', 'subjectAltName=IP:127.0.0.1', 'keyUsage=critical,keyCertSign');
  issue('client', 'extendedKeyUsage=clientAuth');
});

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close().closeAllConnections();
});

async function serve(name: string, more: object = {}): Promise<string> {
  const server = createServer({ cert: pem(`${name}.pem`), key: pem(`${name}.key`), ...more }, (_request, response) => {
    response.end('{"data":{}}');
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function ask(address: string, tls: TlsSettings): Promise<void> {
  const client = new Client({ address, tls, maxRetries: 0 });
  try {
    assert.deepEqual((await client.read('a'))?.data, {});
  } finally {
    client.close();
  }
}

async function refused(address: string, tls: TlsSettings, message: RegExp): Promise<void> {
  await assert.rejects(ask(address, tls), (error) => {
    assert.ok(error instanceof ConnectionError, String(error));
    assert.ok(error.message.startsWith(address) || error.code === 'LOCAL_FILE', error.message);
    assert.match(error.message, message);
    assert.equal(error.sent, false);
    return true;
  });
}

test('trusts the CA that is named: as a file, as text, in a folder', async () => {
  const address = await serve('good');
  await ask(address, { caCert: at('ca.pem') });
  await ask(address, { caCertText: pem('ca.pem') });
  await ask(address, { caPath: folder });
  await ask(address, { skipVerify: true });
});

test('an unknown CA is refused, the remedy named', async () => {
  const address = await serve('good');
  await refused(address, {}, /-ca-cert or VAULT_CACERT/);
  await refused(address, { caCert: at('client.pem') }, /-ca-cert or VAULT_CACERT/);
});

test('a certificate for another name needs -tls-server-name', async () => {
  const address = await serve('named');
  await refused(address, { caCert: at('ca.pem') }, /-tls-server-name/);
  await ask(address, { caCert: at('ca.pem'), serverName: 'vault.example' });
  await refused(address, { caCert: at('ca.pem'), serverName: 'other.example' }, /-tls-server-name/);
});

test('a Host header does not decide what name the certificate is checked for', async () => {
  const address = await serve('named');
  const client = new Client({ address, tls: { caCert: at('ca.pem') }, maxRetries: 0 });
  await assert.rejects(client.read('a', { headers: { host: 'vault.example' } }), /-tls-server-name/);
  client.close();
});

test('a key usage without digitalSignature is named', async () => {
  await refused(await serve('keyonly'), { caCert: at('ca.pem') }, /lacks digitalSignature/);
});

test('a client certificate is shown where the server wants one', async () => {
  const address = await serve('good', { ca: pem('ca.pem'), requestCert: true, rejectUnauthorized: true });
  const identity = { clientCert: at('client.pem'), clientKey: at('client.key') };
  await ask(address, { caCert: at('ca.pem'), ...identity });
  await assert.rejects(ask(address, { caCert: at('ca.pem') }), ConnectionError);
});

test('a missing certificate file is named, and read again once it is there', async () => {
  const address = await serve('good');
  await refused(address, { caCert: at('none.pem') }, /none\.pem/);
  await refused(address, { caCert: at('ca.pem'), clientKey: at('none.key') }, /client key .*none\.key/);
  const client = new Client({ address, tls: { caCert: at('late.pem') }, maxRetries: 0 });
  await assert.rejects(client.read('a'), ConnectionError);
  writeFileSync(at('late.tmp'), pem('ca.pem'));
  renameSync(at('late.tmp'), at('late.pem'));
  assert.deepEqual((await client.read('a'))?.data, {});
  client.close();
});
