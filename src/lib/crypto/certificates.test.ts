import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import {
  createAuthority,
  createRequest,
  issueCertificate,
  newPrivateKey,
  publicKeyOf,
  publicKeyOfRequest,
} from './certificates.ts';

const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };

test('both sides of a connection prove themselves with certificates of one authority', async () => {
  const authority = await createAuthority('lockstep hub', validity);
  const serverKey = newPrivateKey();
  const clientKey = newPrivateKey();
  const issue = (key: string, usage: 'server' | 'client', names: readonly string[]) =>
    issueCertificate({ authority, publicKey: publicKeyOf(key), commonName: 'eu', usage, names, ...validity });
  const server = createServer({
    key: serverKey,
    cert: await issue(serverKey, 'server', ['localhost', '127.0.0.1']),
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  const peer = once(server, 'secureConnection');
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const cert = await issue(clientKey, 'client', []);
  const client = connect({ port, host: '127.0.0.1', key: clientKey, cert, ca: authority.certificate });
  await once(client, 'secureConnect');
  const [socket] = (await peer) as [TLSSocket];
  assert.equal(socket.authorized, true);
  assert.equal(socket.getPeerCertificate().subject.CN, 'eu');
  client.destroy();
  socket.destroy();
  server.close();
});

test('a request gives its public key alone, and only when its signature holds', async () => {
  const key = newPrivateKey();
  const pem = await createRequest(key, 'CN=somebody-else');
  assert.deepEqual(Buffer.from((await publicKeyOfRequest(pem)) ?? []), Buffer.from(publicKeyOf(key)));
  const body = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${body.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  assert.equal(await publicKeyOfRequest(forged), undefined);
  assert.equal(await publicKeyOfRequest('nonsense'), undefined);
});

test('an issued certificate is no authority', async () => {
  const authority = await createAuthority('hub', validity);
  const key = newPrivateKey();
  const publicKey = publicKeyOf(key);
  const pem = await issueCertificate({ authority, publicKey, commonName: 'eu', usage: 'client', ...validity });
  assert.equal(new X509Certificate(pem).ca, false);
  assert.equal(new X509Certificate(pem).verify(new X509Certificate(authority.certificate).publicKey), true);
});
