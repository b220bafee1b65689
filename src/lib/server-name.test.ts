import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { checkedFor } from './server-name.ts';
import { make, makeAuthority, SERVER } from './x509/authority.testing.ts';

test('a certificate is checked for what was named, an address too, which is not sent', async (t) => {
  const names = [
    { type: 'dns', value: 'vault.test' },
    { type: 'ip', value: '192.0.2.1' },
  ] as const;
  const issuer = await makeAuthority('CN=root');
  const wanted = { subject: 'CN=server', issuer, names: [...names], extendedKeyUsage: [SERVER] };
  const { pem, keyPem } = await make(wanted);
  const sent: string[] = [];
  const SNICallback = (name: string, done: (error: null) => void): void => {
    sent.push(name);
    done(null);
  };
  const server = createServer({ cert: pem, key: keyPem, SNICallback }, (socket) => {
    socket.on('error', () => undefined).end();
  });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const reached = async (name: string): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, ca: issuer.pem, ...checkedFor(name) });
    try {
      await once(socket, 'secureConnect');
      return 'reached';
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    } finally {
      socket.destroy();
    }
  };
  const refused = 'ERR_TLS_CERT_ALTNAME_INVALID';
  const named = ['vault.test', '192.0.2.1', 'other.test', '192.0.2.2', '127.0.0.1', ''];
  assert.deepEqual(await Promise.all(named.map(reached)), ['reached', 'reached', refused, refused, refused, refused]);
  assert.deepEqual(sent.sort(), ['other.test', 'vault.test']);
});
