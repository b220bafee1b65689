/** Which names an authority may vouch for, each verdict beside OpenSSL's. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GeneralName } from '@peculiar/asn1-x509';
import { makeAuthority, makeClient, type Wanted } from './authority.testing.ts';
import { judge, named, ours, root, through, type Case } from './path-oracle.testing.ts';

const dns = (dNSName: string): GeneralName => new GeneralName({ dNSName });
const email = (rfc822Name: string): GeneralName => new GeneralName({ rfc822Name });
const uri = (uniformResourceIdentifier: string): GeneralName => new GeneralName({ uniformResourceIdentifier });
const ip = (iPAddress: string): GeneralName => new GeneralName({ iPAddress });

const constrained = (kind: string, authority: Partial<Wanted>, client: Partial<Wanted>, good: boolean): Case => ({
  name: `constraints: ${kind}`,
  chain: () => through(authority, client),
  verdict: good ? 'good' : 'name constraint',
});

const constraints: readonly Case[] = [
  constrained('a DNS name within', { permitted: [dns('a.example')] }, named('dns', 'web.a.example'), true),
  constrained('the domain itself', { permitted: [dns('a.example')] }, named('dns', 'A.EXAMPLE'), true),
  constrained('a DNS name outside', { permitted: [dns('a.example')] }, named('dns', 'web.b.example'), false),
  constrained(
    'a DNS name that only ends alike',
    { permitted: [dns('a.example')] },
    named('dns', 'evila.example'),
    false,
  ),
  constrained('an excluded DNS name', { excluded: [dns('a.example')] }, named('dns', 'web.a.example'), false),
  constrained('beside an excluded DNS name', { excluded: [dns('a.example')] }, named('dns', 'web.b.example'), true),
  constrained('another form of name', { permitted: [dns('a.example')] }, named('email', 'a@b.example'), true),
  constrained('mail of a host', { permitted: [email('a.example')] }, named('email', 'x@a.example'), true),
  constrained('mail below a host', { permitted: [email('a.example')] }, named('email', 'x@sub.a.example'), false),
  constrained('mail below a domain', { permitted: [email('.a.example')] }, named('email', 'x@sub.a.example'), true),
  constrained('one mailbox', { permitted: [email('x@a.example')] }, named('email', 'y@a.example'), false),
  constrained('a URI within', { permitted: [uri('a.example')] }, named('url', 'spiffe://a.example/web'), true),
  constrained('a URI outside', { permitted: [uri('a.example')] }, named('url', 'spiffe://b.example/web'), false),
  constrained('an address within', { permitted: [ip('10.0.0.0/8')] }, named('ip', '10.1.2.3'), true),
  constrained('an address outside', { permitted: [ip('10.0.0.0/8')] }, named('ip', '11.1.2.3'), false),
  constrained('an excluded address', { excluded: [ip('10.0.0.0/8')] }, named('ip', '10.1.2.3'), false),
  {
    name: 'constraints: an excluded name below a wildcard',
    chain: () => through({ excluded: [dns('web.a.example')] }, named('dns', '*.a.example')),
    verdict: 'name constraint',
    openssl: { good: true, why: 'OpenSSL compares the text alone; the wildcard covers the excluded name' },
  },
  {
    name: 'constraints: a host name in the common name',
    chain: () => through({ permitted: [dns('a.example')] }, {}, 'CN=web.b.example'),
    verdict: 'name constraint',
  },
  {
    name: 'constraints: a common name that is no host name',
    chain: () => through({ permitted: [dns('a.example')] }, {}, 'CN=web'),
    verdict: 'good',
  },
  {
    name: 'constraints: of the anchor, on what an unlimited authority below vouches for',
    chain: async () => {
      const top = await makeAuthority('CN=top', { permitted: [dns('a.example')] });
      const lower = await makeAuthority('CN=lower', { issuer: top });
      const leaf = await makeClient('CN=a', lower, named('dns', 'web.b.example'));
      return { leaf, intermediates: [lower], anchors: [top] };
    },
    verdict: 'name constraint',
  },
];

describe('name constraints are judged as OpenSSL judges them', () => {
  judge(constraints);
});

test('constraints of a form that is not understood are refused', async () => {
  const limited = await makeAuthority('CN=limited', {
    issuer: root,
    permitted: [new GeneralName({ registeredID: '1.2.3' })],
  });
  assert.throws(limited.parsed, { check: 'name constraint' });
});

test('more names and constraints than anybody has are refused', async () => {
  const many = (count: number, of: string): string[] =>
    Array.from({ length: count }, (_, at) => `x${String(at)}.${of}`);
  const limited = await makeAuthority('CN=limited', { issuer: root, permitted: many(600, 'a.example').map(dns) });
  const names = many(600, 'b.example').map((value) => ({ type: 'dns', value }) as const);
  const leaf = await makeClient('CN=a', limited, { names });
  assert.equal(ours({ leaf, intermediates: [limited] }), 'work');
});
