import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } from '../../lib/crypto/certificates.ts';
import { quiet } from '../server.testing.ts';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { acmeFor } from './acme.testing.ts';
import { orderCertificate } from './order.ts';
import { answerFile, dueAt, placeOf, preparePlace, putFile, putIssued } from './place.ts';
import { pauseAfter, Renewal } from './renewal.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-acme-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const DAY = 86_400_000;

async function certificate(from: number, to: number): Promise<string> {
  const made = await createAuthority('of a test', { notBefore: new Date(from), notAfter: new Date(to) });
  return made.key + made.certificate;
}

test('a place is its user’s alone, and holds what can be served from the start', async () => {
  const settings = acmeFor(join(root, 'fresh'));
  const place = placeOf(settings);
  await preparePlace(settings);
  assert.equal(statSync(settings.cachePath).mode & 0o777, 0o700);
  assert.equal(statSync(place.certificate).mode & 0o777, 0o600);
  const first = readFileSync(place.certificate, 'utf8');
  assert.equal(dueAt(first), 0);
  assert.match(new X509Certificate(first).subjectAltName ?? '', /a\.lockstep\.test.*b\.lockstep\.test/);
  await preparePlace(settings);
  assert.equal(readFileSync(place.certificate, 'utf8'), first);
  writeFileSync(place.certificate, first.slice(0, 300));
  await preparePlace(settings);
  assert.equal(dueAt(readFileSync(place.certificate, 'utf8')), 0);
  const left = answerFile(place.challenges, 'a.lockstep.test');
  await putFile(left, 'x');
  await preparePlace(settings);
  assert.deepEqual(readdirSync(place.challenges), []);
  chmodSync(settings.cachePath, 0o750);
  await assert.rejects(preparePlace(settings), { code: 'unsafeDirectory' });
});

test('other names and another server have another place; a name makes no path', () => {
  const settings = acmeFor('/c');
  const { certificate: one, challenges } = placeOf(settings);
  assert.equal(placeOf({ ...settings, domains: [...settings.domains] }).certificate, one);
  assert.notEqual(placeOf({ ...settings, domains: ['a.lockstep.test'] }).certificate, one);
  assert.notEqual(placeOf({ ...settings, directory: 'https://127.0.0.1:2/dir' }).certificate, one);
  assert.match(answerFile(challenges, '../../etc/passwd'), /\/challenges\/[0-9a-f]{64}\.pem$/);
});

test('a certificate is ordered when two thirds of its time are over, and what fails is tried with growing pauses', async () => {
  const settings = acmeFor(join(root, 'renewal'));
  const { certificate: file } = placeOf(settings);
  await preparePlace(settings);
  const ordered: string[] = [];
  const pauses: number[] = [];
  let now = 0;
  let refuse = true;
  const errors: string[] = [];
  using renewal = new Renewal({
    ...{ settings, now: () => now, random: () => 1 },
    log: { ...quiet, error: (message) => errors.push(message) },
    order: async (_, challenge) => {
      ordered.push(challenge);
      if (refuse) throw new Error('refused');
      await putFile(file, await certificate(now, now + 90 * DAY));
    },
    after: (milliseconds) => {
      pauses.push(milliseconds);
      return () => undefined;
    },
  });
  const before = readFileSync(file, 'utf8');
  for (let tries = 0; tries < 3; tries += 1) await renewal.run();
  assert.deepEqual(ordered, ['tls-alpn-01', 'http-01', 'tls-alpn-01']);
  assert.deepEqual(
    pauses.splice(0),
    [5, 10, 20].map((minutes) => minutes * 60_000),
  );
  assert.equal(errors.length, 3);
  assert.equal(readFileSync(file, 'utf8'), before);
  refuse = false;
  await renewal.run();
  await renewal.run();
  assert.equal(ordered.length, 4);
  now = 60 * DAY - 1_000;
  await renewal.run();
  assert.equal(ordered.length, 4);
  now = 60 * DAY + 1_000;
  await renewal.run();
  assert.equal(ordered.length, 5);
  assert.ok(pauses.every((pause) => pause >= 60_000 && pause <= 3_600_000));
});

test('what cannot be served for the names that were asked for takes nothing’s place', async () => {
  const settings = acmeFor(join(root, 'issued'));
  await preparePlace(settings);
  const { certificate: file } = placeOf(settings);
  const before = readFileSync(file, 'utf8');
  const validity = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + DAY) };
  const authority = await createAuthority('of a test', validity);
  const [key, other] = [newPrivateKey(), newPrivateKey()];
  const issued = (names: readonly string[], to = validity.notAfter) => {
    const issuing = { authority, publicKey: publicKeyOf(key), commonName: 'x', usage: 'server', names } as const;
    return issueCertificate({ ...issuing, notBefore: validity.notBefore, notAfter: to });
  };
  const good = await issued(settings.domains);
  const cases = [
    { chain: 'an error page', key, problem: /no certificate in PEM/ },
    { chain: good, key: other, problem: /of another key/ },
    { chain: await issued(['a.lockstep.test']), key, problem: /not for b\.lockstep\.test/ },
    { chain: await issued(settings.domains, new Date(Date.now() - 1_000)), key, problem: /it ended at/ },
  ];
  for (const { problem, ...pair } of cases) {
    await assert.rejects(putIssued(settings, pair), problem);
    assert.equal(readFileSync(file, 'utf8'), before);
  }
  await putIssued(settings, { chain: good, key });
  assert.equal(readFileSync(file, 'utf8'), `${good.trimEnd()}\n${key}`);
});

test('a file that was broken or lost is ordered anew, and one that comes due at once is not ordered again and again', async () => {
  const settings = acmeFor(join(root, 'broken'));
  const { certificate: file } = placeOf(settings);
  await preparePlace(settings);
  const pauses: number[] = [];
  const errors: unknown[] = [];
  let orders = 0;
  let lasts = -DAY;
  using renewal = new Renewal({
    ...{ settings, now: () => 0, random: () => 1 },
    log: { ...quiet, error: (_, details) => errors.push(details?.['reason']) },
    order: async () => {
      orders += 1;
      await putFile(file, await certificate(-90 * DAY, lasts));
    },
    after: (milliseconds) => {
      pauses.push(milliseconds);
      return () => undefined;
    },
  });
  for (let round = 0; round < 3; round += 1) await renewal.run();
  assert.deepEqual(
    pauses.splice(0),
    [5, 10, 20].map((minutes) => minutes * 60_000),
  );
  assert.match(String(errors[0]), /check the clock/);
  lasts = 90 * DAY;
  for (const broken of [() => writeFileSync(file, 'an error page'), () => rmSync(file)]) {
    broken();
    const before = orders;
    await renewal.run();
    assert.equal(orders, before + 1);
    assert.equal(errors.length, 3);
  }
});

test('an ACME server that never comes to an end is given up, and the next order has its turn', async () => {
  const silent = createServer((request, response) => {
    // What was asked first is whether anybody is there.
    if (request.headers['user-agent'] === undefined) response.end();
    else response.writeHead(200, { 'Content-Type': 'application/json' }).write(' ');
  });
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const settings = acmeFor(join(root, 'silent'), {
    directory: `http://127.0.0.1:${String((silent.address() as AddressInfo).port)}/dir`,
  });
  await preparePlace(settings);
  try {
    for (let round = 0; round < 2; round += 1) await assert.rejects(orderCertificate(settings, 'tls-alpn-01', 200));
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

test('pauses have a bound, and half of each is chance', () => {
  assert.equal(pauseAfter(1, 0), 150_000);
  assert.equal(pauseAfter(100, 1), 6 * 3_600_000);
});
