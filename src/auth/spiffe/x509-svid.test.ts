import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Extension, KeyUsageFlags, type JsonGeneralNames } from '@peculiar/x509';
import { ask } from '../../../test/support/node.ts';
import {
  makeAuthority,
  makeClient,
  SERVER,
  CLIENT,
  SIGNS,
  type Made,
  type Wanted,
} from '../../lib/x509/authority.testing.ts';
import { REFUSED } from '../../lib/x509/refusal.ts';
import { AUDIENCE, bundleText, DOMAIN, enabledMethod, ID } from './mount.testing.ts';

const uri = (value: string): JsonGeneralNames[number] => ({ type: 'url', value });
const svid = (issuer: Made, more: Partial<Wanted> = {}): Promise<Made> =>
  makeClient('C=US,O=SPIRE', issuer, { names: [uri(ID)], extendedKeyUsage: [CLIENT, SERVER], ...more });
const base64 = ({ der }: Made): string => Buffer.from(der).toString('base64');
const authorityOf = (name: string, called = name): Promise<Made> =>
  makeAuthority(`CN=${called}`, { names: [uri(`spiffe://${name}`)] });

/** With a static bundle of one authority and the role `app`. */
async function domainWith(authority: Made) {
  const method = await enabledMethod();
  const anchors = [base64(authority)];
  await method.must('config', { trust_domain: DOMAIN, profile: 'static', bundle: bundleText({ anchors }) });
  await method.role('app', { token_policies: 'web' });
  return method;
}

test('an X.509-SVID logs in, also below an authority in between; its SPIFFE ID is the entity', async () => {
  const root = await authorityOf(DOMAIN);
  const between = await makeAuthority('CN=between', { issuer: root });
  await using domain = await domainWith(root);
  const direct = await domain.loginBy([(await svid(root)).der]);
  assert.equal(direct.status, 200);
  assert.deepEqual(direct.auth?.['metadata'], { role: 'app', spiffe_id: ID, workload_id: 'ns/shop/sa/app' });
  const below = await domain.loginBy([(await svid(between)).der, between.der], { type: 'cert' });
  assert.equal(below.auth?.['entity_id'], direct.auth['entity_id']);
  const lacking = await domain.loginBy([(await svid(between)).der]);
  assert.match(lacking.refusal ?? '', /^no path: /);
});

test('what is no X.509-SVID of the trust domain is refused, and the audit knows why', async () => {
  const [root, other] = [await authorityOf(DOMAIN), await authorityOf('other.test')];
  await using domain = await domainWith(root);
  await domain.role('app', { workload_id_patterns: '*' });
  const of = (name: string): Partial<Wanted> => ({ names: [uri(name)] });
  const { digitalSignature, keyAgreement, keyCertSign, cRLSign } = KeyUsageFlags;
  const cases: Readonly<Record<string, readonly [Partial<Wanted>, RegExp, Made?]>> = {
    'without a name': [{ names: [] }, /^not an SVID: /],
    'with a DNS name alone': [{ names: [{ type: 'dns', value: DOMAIN }] }, /^not an SVID: /],
    'with two URIs': [{ names: [uri(ID), uri(`${ID}-2`)] }, /^not an SVID: /],
    'with one URI twice': [{ names: [uri(ID), uri(ID)] }, /^not an SVID: /],
    'with another URI beside it': [{ names: [uri(ID), uri('https://example.org/')] }, /^not an SVID: /],
    'of the trust domain itself': [of(`spiffe://${DOMAIN}`), /^not an SVID: /],
    'of another trust domain': [of('spiffe://other.test/ns/shop/sa/app'), /^subject: /],
    'of a trust domain in capitals': [of('spiffe://EXAMPLE.org/ns/shop/sa/app'), /^not an SVID: /],
    'of a trust domain with a dot behind': [of('spiffe://example.org./ns/shop/sa/app'), /^subject: /],
    'with a port': [of('spiffe://example.org:1/ns/shop/sa/app'), /^not an SVID: /],
    'with dots in the path': [of('spiffe://example.org/ns/shop/../admin'), /^not an SVID: /],
    'with a query': [of(`${ID}?a=b`), /^not an SVID: /],
    'that is an authority': [{ authority: { isAuthority: true }, keyUsage: SIGNS }, /^not an SVID: /],
    'that may sign certificates': [{ keyUsage: digitalSignature | keyCertSign }, /^not an SVID: /],
    'that may sign lists of revocations': [{ keyUsage: digitalSignature | cRLSign }, /^not an SVID: /],
    'that may not sign handshakes': [{ keyUsage: keyAgreement }, /^not an SVID: /],
    'for servers alone': [{ extendedKeyUsage: [SERVER] }, /^extended key usage: /],
    'that has expired': [{ notBefore: Date.now() - 7_200_000, notAfter: Date.now() - 3_600_000 }, /^expired: /],
    'that is not valid yet': [{ notBefore: Date.now() + 3_600_000 }, /^not yet valid: /],
    'of an authority that is none here': [{}, /^no path: /, other],
    'of an authority that has its name alone': [{}, /^(?:no path|signature): /, await authorityOf(DOMAIN)],
  };
  for (const [what, [more, said, issuer = root]] of Object.entries(cases)) {
    const { der } = await svid(issuer, more);
    const { status, refusal } = await domain.loginBy([der, issuer.der]);
    assert.equal(status, 400, what);
    assert.match(refusal ?? '', said, what);
  }
  const anchor = await domain.loginBy([root.der]);
  assert.match(anchor.refusal ?? '', /^not an SVID: /);
  const garbage = await domain.loginBy([new Uint8Array([1, 2, 3])]);
  assert.deepEqual([garbage.status, garbage.errors], [400, [REFUSED]]);
  const leaf = await svid(root);
  const byLeaf = await svid({ ...leaf, subject: 'C=US,O=SPIRE' });
  const { refusal } = await domain.loginBy([byLeaf.der, leaf.der, root.der]);
  assert.match(refusal ?? '', /^(?:not an authority|no path): /, 'an SVID issues nothing');
  const crowd = Array.from({ length: 40 }, () => root.der);
  assert.match((await domain.loginBy([leaf.der, ...crowd])).refusal ?? '', /^work: /);
});

test('workloads whose ids differ in case alone are two entities, and an alias of one is none of the other', async () => {
  const root = await authorityOf(DOMAIN);
  await using domain = await domainWith(root);
  await domain.role('app', { workload_id_patterns: '*' });
  const entityOf = async (id: string): Promise<unknown> =>
    (await domain.loginBy([(await svid(root, { names: [uri(id)] })).der])).auth?.['entity_id'];
  const [small, large] = [`spiffe://${DOMAIN}/ns/shop/sa/admin`, `spiffe://${DOMAIN}/ns/shop/sa/Admin`];
  const [one, other] = [await entityOf(small), await entityOf(large)];
  assert.equal(typeof one, 'string');
  assert.notEqual(one, other);
  const { node, token } = domain;
  const table = await ask(node, 'GET', 'sys/auth', { token });
  const { accessor } = table.reply?.data?.['spiffe/'] as { readonly accessor: string };
  for (const [name, id] of [
    [small, one],
    [large, other],
  ] as const) {
    const body = { alias_name: name, alias_mount_accessor: accessor };
    const found = await ask(node, 'POST', 'identity/lookup/entity', { token, body });
    assert.equal(found.reply?.data?.['id'], id);
  }
});

test('what a stranger shows is not read, however much there is of it', async () => {
  const root = await authorityOf(DOMAIN);
  await using domain = await domainWith(root);
  const stranger = await authorityOf('other.test');
  const unreadable = { extensions: [new Extension('2.5.29.17', false, new Uint8Array([0x30, 0x05, 0x01]))] };
  const strange = await makeClient('CN=x', stranger, unreadable);
  assert.match((await domain.loginBy([strange.der])).refusal ?? '', /^no path: /);
  const beside = await domain.loginBy([(await svid(root)).der, strange.der]);
  assert.equal(beside.status, 200);
});

test('the authority of a JWT bundle alone, or a bundle without authorities, lets no certificate in', async () => {
  const root = await authorityOf(DOMAIN);
  await using domain = await domainWith(root);
  await domain.must('config', { trust_domain: DOMAIN, profile: 'static', bundle: bundleText({}), audience: AUDIENCE });
  assert.match((await domain.loginBy([(await svid(root)).der])).refusal ?? '', /^no path: /);
});

/** A bundle endpoint that shows an SVID. */
async function endpointWith(made: Made, text: () => string) {
  const server = createServer({ cert: made.pem, key: made.keyPem }, (_request, response) => {
    response.end(text());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    show: (other: Made) => {
      server.setSecureContext({ cert: other.pem, key: other.keyPem });
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

test('an endpoint is known by its SPIFFE ID, and after a change of authorities by the bundle that was fetched before', async () => {
  const [first, second] = [await authorityOf(DOMAIN, 'first'), await authorityOf(DOMAIN, 'second')];
  const id = `spiffe://${DOMAIN}/spire/server`;
  const serverOf = (issuer: Made, more: Partial<Wanted> = {}) => svid(issuer, { names: [uri(id)], ...more });
  let published = bundleText({ anchors: [base64(first), base64(second)], sequence: 2 });
  await using endpoint = await endpointWith(await serverOf(first), () => published);
  await using domain = await enabledMethod();
  const config = {
    ...{ trust_domain: DOMAIN, profile: 'https_spiffe_bundle', audience: AUDIENCE, endpoint_url: endpoint.url },
    ...{ endpoint_spiffe_id: id, bundle: bundleText({ anchors: [base64(first)], sequence: 1 }) },
  };
  const wrong = await domain.at('POST', 'config', { ...config, endpoint_spiffe_id: `${id}-2` });
  assert.match(wrong.errors?.[0] ?? '', /not of endpoint_spiffe_id/);
  const stranger = bundleText({ anchors: [base64(second)] });
  assert.equal((await domain.at('POST', 'config', { ...config, bundle: stranger })).status, 400);
  await domain.must('config', config);
  await domain.role('app');
  assert.equal((await domain.loginBy([(await svid(second)).der])).status, 200);
  endpoint.show(await serverOf(second));
  published = bundleText({ anchors: [base64(second)], sequence: 3 });
  await domain.must('config', {});
  assert.match((await domain.loginBy([(await svid(first)).der])).refusal ?? '', /^no path: /);
  const known = { ...config, bundle: published };
  const bad: readonly (readonly [Made, RegExp])[] = [
    [await serverOf(first), /127\.0\.0\.1/],
    [await serverOf(second, { authority: { isAuthority: true }, keyUsage: SIGNS }), /INVALID_PURPOSE/],
    [await serverOf(second, { keyUsage: KeyUsageFlags.keyAgreement }), /not an SVID|INVALID_PURPOSE/],
    [await serverOf(second, { names: [uri(id), uri(`${id}-2`)] }), /not an SVID/],
    [await serverOf(second, { notBefore: Date.now() - 7_200_000, notAfter: Date.now() - 3_600_000 }), /EXPIRED/],
    [await serverOf(second, { extendedKeyUsage: [CLIENT] }), /127\.0\.0\.1/],
  ];
  for (const [made, said] of bad) {
    endpoint.show(made);
    const { status, errors } = await domain.at('POST', 'config', known);
    assert.equal(status, 400);
    assert.match(errors?.[0] ?? '', said);
  }
  assert.equal((await domain.loginBy([(await svid(second)).der])).status, 200);
});
