import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createAuthority, newPrivateKey } from './certificates.ts';
import { servingCertificate, type ServingCertificate } from './serving-certificate.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 29);
const at = (days: number, names = ['hook.system.svc', '127.0.0.1']) => ({
  ...{ commonName: 'hook', names, now: NOW + days * DAY },
});
const first = await servingCertificate(undefined, at(0));
const leafOf = ({ server }: ServingCertificate) => new X509Certificate(server.certificate);
const isOf = (made: ServingCertificate, { authorities }: ServingCertificate): boolean =>
  leafOf(made).verify(new X509Certificate(authorities).publicKey);

test('it is for its names, for a while, and of its authority', () => {
  const leaf = leafOf(first);
  assert.equal(leaf.checkHost('hook.system.svc'), 'hook.system.svc');
  assert.equal(leaf.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(leaf.ca, false);
  assert.equal(isOf(first, first), true);
  assert.equal((leaf.validToDate.getTime() - NOW) / DAY, 90);
});

test('while it is good it is the very one', async () => {
  assert.equal(await servingCertificate(first, at(0)), first);
  assert.equal(await servingCertificate(first, at(59)), first);
  assert.equal(await servingCertificate(first, at(59, ['127.0.0.1'])), first);
});

for (const [what, when] of Object.entries({
  'a third of its time before it ends': at(61),
  'when it has ended': at(91),
  'for other names': at(0, ['hook.system.svc', 'hook.other.svc']),
}))
  test(`it is new, of the same authority, ${what}`, async () => {
    const next = await servingCertificate(first, when);
    assert.equal(next.authorities, first.authorities);
    assert.notEqual(next.server.certificate, first.server.certificate);
    assert.notEqual(next.server.key, first.server.key);
    assert.equal(isOf(next, first), true);
    for (const name of when.names) assert.ok(leafOf(next).subjectAltName?.includes(name), name);
  });

test('the authority is new before it could not outlive what it issues; the one before stays beside it', async () => {
  const next = await servingCertificate(first, at(3_600));
  const [now = '', before = ''] = next.authorities.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];
  assert.equal(before, first.authorities);
  assert.equal(isOf(next, { ...next, authorities: now }), true);
  assert.equal(isOf(next, first), false);
  // Ended, it is left out.
  const last = await servingCertificate(next, at(7_300));
  assert.equal(last.authorities.includes(before), false);
  assert.equal(last.authorities.includes(now), false);
});

const foreign = await createAuthority('foreign', {
  notBefore: new Date(NOW - DAY),
  notAfter: new Date(NOW + 400 * DAY),
});
for (const [what, kept] of Object.entries<ServingCertificate>({
  'nothing that could be read': { authorities: 'x', authorityKey: '', server: { certificate: '', key: '' } },
  'an authority without its key': { ...first, authorityKey: newPrivateKey() },
  'a certificate that issues none as authority': { ...first, authorities: first.server.certificate },
  'another authority': { ...first, authorities: foreign.certificate, authorityKey: foreign.key },
  'a certificate without its key': { ...first, server: { ...first.server, key: newPrivateKey() } },
}))
  test(`what is kept is replaced where it is ${what}`, async () => {
    const next = await servingCertificate(kept, at(0));
    assert.notEqual(next, kept);
    assert.equal(isOf(next, next), true);
    assert.equal(await servingCertificate(next, at(0)), next);
  });
