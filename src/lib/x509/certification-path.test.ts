/** Each rule of a path, each verdict beside that of `openssl verify -purpose sslclient`. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Extension, KeyUsageFlags } from '@peculiar/x509';
import { CLIENT, make, makeAuthority, makeClient, rsa, SERVER } from './authority.testing.ts';
import { certificationPaths, pathBounds } from './certification-path.ts';
import { inter, judge, named, ours, root, through, type Case } from './path-oracle.testing.ts';
import { CertificateRefused } from './refusal.ts';

const HOUR = 3_600_000;

const plain: readonly Case[] = [
  { name: 'issued by the anchor', chain: async () => ({ leaf: await makeClient('CN=a', root) }), verdict: 'good' },
  {
    name: 'through an intermediate',
    chain: async () => ({ leaf: await makeClient('CN=a', inter), intermediates: [inter] }),
    verdict: 'good',
  },
  {
    name: 'an intermediate as the anchor',
    chain: async () => ({ leaf: await makeClient('CN=a', inter), anchors: [inter] }),
    verdict: 'good',
  },
  {
    name: 'the intermediate left out',
    chain: async () => ({ leaf: await makeClient('CN=a', inter) }),
    verdict: 'no path',
  },
  {
    name: 'another authority of the same name',
    chain: async () => ({ leaf: await makeClient('CN=a', await makeAuthority('CN=root')) }),
    verdict: 'signature',
  },
  {
    name: 'an intermediate of the same name and another key',
    chain: async () => {
      const forged = await makeAuthority('CN=inter');
      return { leaf: await makeClient('CN=a', forged), intermediates: [inter] };
    },
    verdict: 'signature',
  },
  {
    name: 'the root that was shown is not trusted for having been shown',
    chain: async () => {
      const other = await makeAuthority('CN=other');
      return { leaf: await makeClient('CN=a', other), intermediates: [other] };
    },
    verdict: 'no path',
  },
  {
    name: 'expired',
    chain: async () => ({ leaf: await makeClient('CN=a', root, { notAfter: Date.now() - HOUR }) }),
    verdict: 'expired',
  },
  {
    name: 'not yet valid',
    chain: async () => ({ leaf: await makeClient('CN=a', root, { notBefore: Date.now() + HOUR }) }),
    verdict: 'not yet valid',
  },
  {
    name: 'an expired intermediate',
    chain: () => through({ notAfter: Date.now() - HOUR }),
    verdict: 'expired',
  },
  {
    name: 'an expired anchor',
    chain: async () => {
      const old = await makeAuthority('CN=old', { notAfter: Date.now() - HOUR });
      return { leaf: await makeClient('CN=a', old), anchors: [old] };
    },
    verdict: 'expired',
  },
];

const authorities: readonly Case[] = [
  {
    name: 'an intermediate without the CA flag',
    chain: () => through({ authority: { isAuthority: false } }),
    verdict: 'not an authority',
  },
  {
    name: 'an intermediate without basic constraints',
    chain: async () => {
      const bare = await make({ subject: 'CN=bare', issuer: root });
      return { leaf: await makeClient('CN=a', bare), intermediates: [bare] };
    },
    verdict: 'not an authority',
  },
  {
    name: 'a client as an issuer',
    chain: async () => {
      const client = await makeClient('CN=client', root);
      return { leaf: await makeClient('CN=a', client), intermediates: [client] };
    },
    verdict: 'no path',
  },
  {
    name: 'an intermediate that may not sign certificates',
    chain: () => through({ keyUsage: KeyUsageFlags.cRLSign }),
    verdict: 'no path',
  },
  {
    name: 'a path length of 0 with one client below',
    chain: () => through({ authority: { isAuthority: true, pathLength: 0 } }),
    verdict: 'good',
  },
  {
    name: 'a path length of 0 with an authority below',
    chain: async () => {
      const short = await makeAuthority('CN=short', { issuer: root, authority: { isAuthority: true, pathLength: 0 } });
      const lower = await makeAuthority('CN=lower', { issuer: short });
      return { leaf: await makeClient('CN=a', lower), intermediates: [lower, short] };
    },
    verdict: 'path length',
  },
  {
    name: 'a path length of 0 at the anchor',
    chain: async () => {
      const top = await makeAuthority('CN=top', { authority: { isAuthority: true, pathLength: 0 } });
      const lower = await makeAuthority('CN=lower', { issuer: top });
      return { leaf: await makeClient('CN=a', lower), intermediates: [lower], anchors: [top] };
    },
    verdict: 'path length',
  },
  {
    name: 'an authority that shows its own certificate',
    chain: async () => ({ leaf: await makeAuthority('CN=sub', { issuer: root }) }),
    verdict: 'good',
    openssl: { good: false, why: 'its key usage has no digital signatures: see below' },
  },
];

const usages: readonly Case[] = [
  {
    name: 'no extended key usage',
    chain: async () => ({ leaf: await make({ subject: 'CN=a', issuer: root }) }),
    verdict: 'good',
  },
  {
    name: 'for servers alone',
    chain: async () => ({ leaf: await makeClient('CN=a', root, { extendedKeyUsage: [SERVER] }) }),
    verdict: 'extended key usage',
  },
  {
    name: 'an intermediate for servers alone',
    chain: () => through({ extendedKeyUsage: [SERVER] }),
    verdict: 'extended key usage',
  },
  {
    name: 'an intermediate for clients',
    chain: () => through({ extendedKeyUsage: [CLIENT, SERVER] }),
    verdict: 'good',
  },
  {
    name: 'any extended key usage',
    chain: async () => ({ leaf: await makeClient('CN=a', root, { extendedKeyUsage: ['2.5.29.37.0'] }) }),
    verdict: 'good',
    openssl: { good: false, why: 'OpenSSL wants clientAuth itself; Go, and so upstream, takes any' },
  },
  {
    name: 'a key usage without digital signatures',
    chain: async () => ({ leaf: await makeClient('CN=a', root, { keyUsage: KeyUsageFlags.keyEncipherment }) }),
    verdict: 'good',
    openssl: { good: false, why: 'Go never looks at the key usage of a client, and such certificates are in use' },
  },
];

const extension = (oid: string, critical: boolean): Extension => new Extension(oid, critical, new Uint8Array([5, 0]));

const extensions: readonly Case[] = [
  {
    name: 'an unknown critical extension',
    chain: async () => ({ leaf: await makeClient('CN=a', root, { extensions: [extension('1.2.3.4', true)] }) }),
    verdict: 'critical extension',
  },
  {
    name: 'an unknown extension that is not critical',
    chain: async () => ({ leaf: await makeClient('CN=a', root, { extensions: [extension('1.2.3.4', false)] }) }),
    verdict: 'good',
  },
  {
    name: 'an unknown critical extension of an intermediate',
    chain: () => through({ extensions: [extension('1.2.3.4', true)] }),
    verdict: 'critical extension',
  },
  {
    name: 'an extension twice',
    chain: async () => ({
      leaf: await makeClient('CN=a', root, { extensions: [extension('1.2.3.4', false), extension('1.2.3.4', false)] }),
    }),
    verdict: 'malformed',
    openssl: { good: true, why: 'OpenSSL takes the first one; RFC 5280, section 4.2, forbids it, and Go refuses it' },
  },
];

const algorithms: readonly Case[] = [
  {
    name: 'signed with SHA-1',
    chain: async () => {
      const old = await makeAuthority('CN=old', { algorithm: rsa(2048, 'SHA-1') });
      return { leaf: await makeClient('CN=a', old), anchors: [old] };
    },
    verdict: 'weak algorithm',
  },
  {
    name: 'signed with RSA and SHA-256',
    chain: async () => {
      const top = await makeAuthority('CN=top', { algorithm: rsa(2048, 'SHA-256') });
      return { leaf: await makeClient('CN=a', top), anchors: [top] };
    },
    verdict: 'good',
  },
  {
    name: 'an authority with 1024 bits of RSA',
    chain: async () => {
      const small = await makeAuthority('CN=small', { algorithm: rsa(1024, 'SHA-256') });
      return { leaf: await makeClient('CN=a', small), anchors: [small] };
    },
    verdict: 'signature',
  },
];

describe('a path is judged as OpenSSL judges it', () => {
  judge([...plain, ...authorities, ...usages, ...extensions, ...algorithms]);
});

test('two paths are found, each once', async () => {
  const other = await makeAuthority('CN=other root');
  const crossed = await makeAuthority('CN=inter', { issuer: other, keys: inter.keys });
  const leaf = await makeClient('CN=a', inter);
  const paths = certificationPaths({
    leaf: leaf.parsed(),
    intermediates: [inter, crossed, inter].map((each) => each.parsed()),
    anchors: [root, other].map((each) => each.parsed()),
    now: Date.now(),
  });
  const shown = paths.map((path) => path.map(({ commonName }) => commonName).join(' < '));
  assert.deepEqual([...new Set(shown)].sort(), ['a < inter < other root', 'a < inter < root']);
});

test('authorities that all sign each other cost a bounded number of looks', async () => {
  const first = await makeAuthority('CN=ring');
  const ring = [];
  for (let at = 0; at < pathBounds.intermediates; at++) {
    ring.push(await makeAuthority('CN=ring', { issuer: first, notAfter: Date.now() + HOUR + at }));
  }
  const keys = await Promise.all(ring.map(() => makeAuthority('CN=ring')));
  const mesh = await Promise.all(
    keys.map((one, at) => makeAuthority('CN=ring', { issuer: keys[(at + 1) % keys.length] ?? one, keys: one.keys })),
  );
  for (const shown of [ring, mesh]) {
    const leaf = await makeClient('CN=a', first);
    assert.ok(['work', 'signature', 'no path'].includes(ours({ leaf, intermediates: shown })));
  }
  const many = Array.from({ length: pathBounds.intermediates + 1 }, () => inter);
  assert.equal(ours({ leaf: await makeClient('CN=a', inter), intermediates: many }), 'work');
});

describe('what no name has is refused', () => {
  for (const value of ['a\0.example', 'a\n.example', 'a\u007f.example']) {
    test(JSON.stringify(value), async () => {
      const leaf = await makeClient('CN=a', root, named('dns', value));
      assert.throws(leaf.parsed, { check: 'name' });
    });
  }
  test('in a common name', async () => {
    const leaf = await makeClient('CN=a\\0Ab', root);
    assert.throws(leaf.parsed, { check: 'name' });
  });
});

test('bytes that are no certificate, or more than one, are refused', async () => {
  const { parseCertificate } = await import('./certificate.ts');
  const { der } = await makeClient('CN=a', root);
  const worse = [
    new Uint8Array(),
    der.slice(0, -1),
    new Uint8Array([...der, 0]),
    new Uint8Array(70_000),
    Buffer.from('x'),
  ];
  for (const bytes of worse) assert.throws(() => parseCertificate(bytes), { check: 'malformed' });
});

test('an extension that is nested without end is refused', async () => {
  const deep = (levels: number): Uint8Array => {
    const heads: number[][] = [];
    let length = 2;
    for (let at = 0; at < levels; at += 1) {
      const size = length < 128 ? [length] : [0x82, length >> 8, length & 0xff];
      heads.push([0x30, ...size]);
      length += 1 + size.length;
    }
    return new Uint8Array([...heads.reverse().flat(), 5, 0]);
  };
  for (const oid of ['2.5.29.17', '2.5.29.30', '2.5.29.37', '2.5.29.35']) {
    const leaf = await makeClient('CN=a', root, {
      extendedKeyUsage: [],
      extensions: [new Extension(oid, false, deep(10_000))],
    });
    assert.throws(leaf.parsed, (error) => error instanceof CertificateRefused, oid);
  }
});
