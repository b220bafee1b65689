/** Connections to an API server: kept, and never one that was opened as somebody else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { issue } from '../server/certificates.testing.ts';
import { KubernetesApi } from './api.ts';

interface Seen {
  /** The common name of who asks. */
  readonly who: string;
  /** The connection that it came by. */
  readonly port: number;
}

test('requests of one certificate share a connection, and another one, or none, is shown at once', async (t) => {
  const authority = await issue({ name: 'ca' });
  const own = await issue({ name: 'localhost', issuer: authority });
  const server = createServer(
    { cert: own.certPem, key: own.keyPem, ca: authority.certPem, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate() as Partial<PeerCertificate>;
      response.end(JSON.stringify({ who: subject?.CN ?? 'nobody', port: request.socket.remotePort }));
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const clientOf = async (name: string) => {
    const { certPem, keyPem } = await issue({ name, issuer: authority });
    return { cert: certPem, key: keyPem };
  };
  const first = await clientOf('first');
  let certificate: typeof first | undefined = first;
  const { port } = server.address() as AddressInfo;
  const api = new KubernetesApi(
    {
      ...{ name: 'test', server: `https://127.0.0.1:${String(port)}`, ca: authority.certPem, serverName: undefined },
      ...{
        credential: () => Promise.resolve(certificate === undefined ? { token: 'token' } : { certificate }),
        impersonate: {},
      },
    },
    { connections: 1 },
  );
  t.after(() => {
    api.close();
  });
  const ask = async (): Promise<Seen> => (await api.json('/')) as Seen;
  const [one, again] = [await ask(), await ask()];
  assert.deepEqual(again, one);
  assert.equal(one.who, 'first');
  certificate = await clientOf('second');
  const two = await ask();
  assert.equal(two.who, 'second');
  certificate = undefined;
  const none = await ask();
  assert.equal(none.who, 'nobody');
  certificate = first;
  assert.equal((await ask()).who, 'first');
  assert.equal(new Set([one.port, two.port, none.port]).size, 3);
});
