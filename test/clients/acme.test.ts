/** Listeners get their certificates by ACME from pebble, which validates as Let's Encrypt does. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { freePort } from '../../src/cli/up/free-port.ts';
import { Secret } from '../../src/lib/secret.ts';
import { acmeFor } from '../../src/server/acme/acme.testing.ts';
import { ACME_TLS } from '../../src/server/acme/alpn.ts';
import { orderCertificate } from '../../src/server/acme/order.ts';
import { placeOf, preparePlace } from '../../src/server/acme/place.ts';
import { Renewal } from '../../src/server/acme/renewal.ts';
import type { AcmeSettings } from '../../src/server/acme/settings.ts';
import { portOf, quiet, serveOn } from '../../src/server/server.testing.ts';
import { ServerProcess } from '../support/server-process.ts';
import { pebbleModule, pebbleVersion, startPebble, withoutPebble } from './support/pebble.ts';

const skip = await withoutPebble();
const root = mkdtempSync(join(tmpdir(), 'lockstep-pebble-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const NAMES = ['a.lockstep.test', 'b.lockstep.test'] as const;
const DAY = 86_400_000;

function folderOf(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

async function shown(
  port: number,
  options: { protocols?: string[]; servername?: string } = {},
): Promise<X509Certificate> {
  const { protocols = ['http/1.1'], servername = NAMES[0] } = options;
  const socket: TLSSocket = connect({
    ...{ host: '127.0.0.1', port, servername, ALPNProtocols: protocols, rejectUnauthorized: false },
  });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  assert.ok(certificate !== undefined);
  return certificate;
}

test('the module asks for the pebble that the tests say', () => {
  assert.ok(pebbleModule().includes(`github.com/letsencrypt/pebble/v2 v${pebbleVersion}`));
});

test('a server with nothing gets a certificate on its own listener, on whichever thread', { skip }, async () => {
  const folder = folderOf('alpn');
  const port = await freePort();
  await using pebble = await startPebble({ folder, tlsPort: port, httpPort: 1 });
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  writeFileSync(
    join(folder, 'server.hcl'),
    `storage "lmdb" { path = "${folder}/data" }
     workers = 3
     listener "tcp" {
       address = "127.0.0.1:${String(port)}"
       tls_acme_domains = ["${NAMES.join('", "')}"]
       tls_acme_ca_directory = "${pebble.directory}"
       tls_acme_ca_root = "${pebble.rootFile}"
       tls_acme_cache_path = "${folder}/cache"
       tls_acme_disable_http_challenge = true
     }`,
  );
  await using server = new ServerProcess([`-config=${folder}/server.hcl`]);
  await server.line(/listening/);
  await server.line(/a certificate by ACME is in place/);
  await server.line(/the certificate was replaced/);
  const issued = await shown(port);
  assert.match(issued.issuer, /Pebble/);
  assert.equal(issued.subjectAltName, NAMES.map((name) => `DNS:${name}`).join(', '));
  const [place = ''] = readdirSync(join(folder, 'cache'));
  const key = /-----BEGIN PRIVATE KEY-----\n(.{40})/.exec(
    readFileSync(join(folder, 'cache', place, 'certificate.pem'), 'utf8'),
  );
  assert.ok(key?.[1] !== undefined && !server.lines.join('\n').includes(key[1]));
  // Nobody is served by the protocol of the challenge once there is none.
  await assert.rejects(shown(port, { protocols: [ACME_TLS] }));
});

interface World {
  readonly port: number;
  readonly settings: AcmeSettings;
}

/** A listener in this process, and an order that the test makes. */
async function world(port: number, settings: AcmeSettings): Promise<World & AsyncDisposable> {
  await preparePlace(settings);
  const { certificate, challenges } = placeOf(settings);
  const tls = { certFile: certificate, keyFile: certificate, challenges };
  const serving = await serveOn({ kind: 'tcp', port, tls });
  return { port: portOf(serving), settings, [Symbol.asyncDispose]: serving.close };
}

test('by HTTP-01 with an external account, and renewed in time while clients are served', { skip }, async () => {
  const folder = folderOf('http');
  const [port, httpPort] = [await freePort(), await freePort()];
  const external = { id: 'kid-1', key: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' };
  await using pebble = await startPebble({ folder, tlsPort: 1, httpPort, external });
  const settings = acmeFor(join(folder, 'cache'), {
    ...{ domains: NAMES, directory: pebble.directory, rootFile: pebble.rootFile, keyType: 'p384' },
    ...{ challenges: ['http-01'], http: { host: '127.0.0.1', port: httpPort }, email: 'ops@lockstep.test' },
    external: { id: external.id, key: new Secret(external.key) },
  });
  await using listener = await world(port, settings);
  let now = Date.now();
  const errors: string[] = [];
  using renewal = new Renewal({
    settings,
    log: { ...quiet, error: (_, details) => errors.push(String(details?.['reason'])) },
    order: orderCertificate,
    now: () => now,
    after: () => () => undefined,
  });
  const issuedBy = (): X509Certificate => new X509Certificate(readFileSync(placeOf(settings).certificate));
  await renewal.run();
  assert.deepEqual(errors, []);
  const first = issuedBy();
  assert.match(first.issuer, /Pebble/);
  assert.equal(first.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1');
  await renewal.run();
  assert.equal(issuedBy().serialNumber, first.serialNumber);
  now += 61 * DAY;
  await renewal.run();
  const second = issuedBy();
  assert.notEqual(second.serialNumber, first.serialNumber);
  let served = await shown(listener.port);
  while (served.serialNumber !== second.serialNumber) served = await shown(listener.port);
  // Nobody answers on that port between two orders.
  await assert.rejects(fetch(`http://127.0.0.1:${String(httpPort)}/.well-known/acme-challenge/x`));
});

test('a certificate stays where none can be got, and no client sees the answer to a challenge', { skip }, async () => {
  const folder = folderOf('away');
  const port = await freePort();
  await using pebble = await startPebble({ folder, tlsPort: port, httpPort: 1 });
  const settings = acmeFor(join(folder, 'cache'), {
    ...{ domains: NAMES, directory: pebble.directory, rootFile: pebble.rootFile, challenges: ['tls-alpn-01'] },
  });
  await using listener = await world(port, settings);
  const seen: X509Certificate[] = [];
  const errors: string[] = [];
  let now = Date.now();
  using renewal = new Renewal({
    ...{ settings, now: () => now, after: () => () => undefined },
    log: { ...quiet, error: (_, details) => errors.push(String(details?.['reason'])) },
    order: async (...asked) => {
      const done = orderCertificate(...asked);
      const state = { over: false };
      const watched = done.finally(() => {
        state.over = true;
      });
      watched.catch(() => undefined);
      while (!state.over) seen.push(await shown(listener.port));
      await watched;
    },
  });
  await renewal.run();
  assert.deepEqual(errors, []);
  const { certificate } = placeOf(settings);
  const before = readFileSync(certificate, 'utf8');
  assert.ok(seen.length > 1);
  for (const { issuer } of seen) assert.match(issuer, /placeholder|Pebble/);
  while (!(await shown(listener.port)).issuer.includes('Pebble'));
  await pebble[Symbol.asyncDispose]();
  now += 61 * DAY;
  await renewal.run();
  assert.equal(errors.length, 1);
  assert.equal(readFileSync(certificate, 'utf8'), before);
  assert.match((await shown(listener.port)).issuer, /Pebble/);
});
