import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { httpEnd, streamEnd } from '../../../../test/support/audit-ends.ts';
import { takeKey } from '../../../lib/crypto/hash.ts';
import { issue } from '../../../server/certificates.testing.ts';
import { spoolCipher, type SpoolCipher } from './cipher.ts';
import { entry, newPath, open, root, tcp } from './spool.testing.ts';

test('entries that hold secrets lie encrypted in the spool, and only their own key opens them', async () => {
  const folder = newPath();
  const cipher = (byte: number): SpoolCipher => spoolCipher(takeKey(Buffer.alloc(32, byte)));
  const secret = entry(0, ',"password":"CANARY"');
  {
    await using device = await open('socket', tcp(1), { folder, cipher: cipher(1) });
    await Promise.all([device.record(secret), device.record(secret)]);
  }
  const piece = join(folder, '000000000001.log');
  const text = readFileSync(piece, 'utf8');
  assert.match(text, /^\d+ ![A-Za-z0-9+/=]+\n\d+ ![A-Za-z0-9+/=]+\n$/);
  const [first, second] = text.split('\n');
  assert.notEqual(first, second);
  // A changed byte is an entry that nobody gets, and that is said.
  writeFileSync(
    piece,
    text.replace(/(.)(.)(==?)?\n$/, (_, a: string, b: string) => `${b}${a}==\n`),
  );
  rmSync(join(folder, 'cursor'), { force: true });
  const warnings: string[] = [];
  await using end = await httpEnd();
  {
    await using device = await open('http', { uri: end.uri }, { folder, cipher: cipher(1), warnings });
    await device.record(secret);
    await device.delivered?.();
  }
  assert.equal(end.arrived.text, secret + secret);
  assert.equal(warnings.length, 1);
  {
    await using device = await open('socket', tcp(1), { folder, cipher: cipher(1) });
    await device.record(secret);
  }
  await using other = await open('http', { uri: end.uri }, { folder, cipher: cipher(2), warnings });
  await other.record(entry(1));
  await other.delivered?.();
  assert.equal(end.arrived.text, secret + secret + entry(1));
  assert.match(warnings.at(-1) ?? '', /cannot be decrypted/);
});

test('an end that answers nothing does not hold up the end of its device', async () => {
  const server = await streamEnd({ serve: (socket) => socket.resume() });
  await using _ = server;
  const uri = `http://127.0.0.1:${String(server.port)}/`;
  const device = await open('http', { uri, write_timeout: '1h' });
  await device.record(entry(0));
  await device[Symbol.asyncDispose]();
});

test('a server must prove itself by the authority that the configuration names', async () => {
  const authority = await issue({ name: 'authority' });
  const other = await issue({ name: 'other' });
  const { certPem: cert, keyPem: key } = await issue({ name: '127.0.0.1', issuer: authority });
  const bodies: string[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    request.on('data', (piece: Buffer) => bodies.push(piece.toString()));
    request.on('end', () => response.writeHead(204).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const uri = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
  const file = (name: string, pem: string): string => {
    writeFileSync(join(root, name), pem);
    return join(root, name);
  };
  for (const [options, said] of [
    [{}, /cannot be reached: (?:UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/],
    [{ tls_ca_cert: file('other.pem', other.certPem) }, /cannot be reached: (?:UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT)/],
  ] as const) {
    await using device = await open('http', { uri, ...options });
    await device.record(entry(0));
    await assert.rejects(device.delivered?.() ?? Promise.resolve(), said);
  }
  assert.deepEqual(bodies, []);
  await using device = await open('http', { uri, tls_ca_cert: file('ca.pem', authority.certPem) });
  await device.record(entry(1));
  await device.delivered?.();
  assert.deepEqual(bodies, [entry(1)]);
});
