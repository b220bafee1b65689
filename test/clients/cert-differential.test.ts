/** TLS certificates: the same roles and certificates at OpenBao and here, the same decisions but for those listed. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { GeneralName } from '@peculiar/asn1-x509';
import { Extension, KeyUsageFlags } from '@peculiar/x509';
import { freePort } from '../../src/cli/up/free-port.ts';
import { CLIENT, make, makeAuthority, makeClient, SERVER, type Made } from '../../src/lib/x509/authority.testing.ts';
import { askTls, identity, tlsServer, type TlsServer } from '../support/tls-server.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { run } from './support/run.ts';

const binary = await openbao();
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;

const HOUR = 3_600_000;
const dns = (dNSName: string): GeneralName => new GeneralName({ dNSName });

interface Case {
  readonly what: string;
  readonly role: object;
  readonly chain: readonly Made[];
  /** Whether OpenBao lets it in. */
  readonly theirs: boolean;
  /** Where we decide otherwise, and why. */
  readonly ours?: readonly [boolean, string];
}

async function cases(authority: Made, inter: Made): Promise<readonly Case[]> {
  const role = { certificate: authority.pem };
  const client = (subject: string, more: Parameters<typeof makeClient>[2] = {}): Promise<Made> =>
    makeClient(subject, authority, more);
  const names = [
    { type: 'dns', value: 'web.shop.example' },
    { type: 'email', value: 'web@shop.example' },
    { type: 'url', value: 'spiffe://shop.example/web' },
  ] as const;
  const utf8 = new Extension('1.2.3.4', false, new Uint8Array([0x0c, 2, 0x6f, 0x6b]));
  const web = await client('CN=web,OU=ops', { names: [...names], extensions: [utf8] });
  const twin = await makeAuthority('CN=authority');
  const below = async (more: Parameters<typeof makeAuthority>[1], leaf: object = {}): Promise<Made[]> => {
    const limited = await makeAuthority('CN=limited', { issuer: authority, ...more });
    return [await makeClient('CN=web', limited, leaf), limited];
  };
  const own = await makeClient('CN=own', authority);
  const selfSigned = await make({ subject: 'CN=self', extendedKeyUsage: [CLIENT] });
  const fits = (more: object, theirs: boolean): Case => ({
    what: `role ${JSON.stringify(more)}`,
    ...{ role: { ...role, ...more }, chain: [web], theirs },
  });
  const yes = (what: string, chain: readonly Made[], more: object = {}): Case => ({
    ...{ what, chain, role: { ...role, ...more }, theirs: true },
  });
  const no = (what: string, chain: readonly Made[], more: object = {}): Case => ({
    ...yes(what, chain, more),
    theirs: false,
  });
  const small = {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 1024,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  };
  const weak = await makeAuthority('CN=weak', { algorithm: small });
  const short = await makeAuthority('CN=short', { issuer: authority, authority: { isAuthority: true, pathLength: 0 } });
  const lower = await makeAuthority('CN=lower', { issuer: short });
  const limitedHost = await makeAuthority('CN=limited', { issuer: authority, permitted: [dns('a.example')] });
  const hostile = [await makeClient('CN=web.b.example', limitedHost), limitedHost];
  return [
    ...[yes('a client', [web]), yes('through an intermediate', [await makeClient('CN=web', inter), inter])],
    no('the intermediate left out', [await makeClient('CN=web', inter)]),
    yes('an intermediate as the anchor', [await makeClient('CN=web', inter)], { certificate: inter.pem }),
    yes('two authorities', [web], { certificate: twin.pem + authority.pem }),
    no('another authority of that name', [await makeClient('CN=web', twin), twin]),
    no('expired', [await client('CN=web', { notAfter: Date.now() - HOUR })]),
    no('not yet valid', [await client('CN=web', { notBefore: Date.now() + HOUR })]),
    no('for servers', [await client('CN=web', { extendedKeyUsage: [SERVER] })]),
    yes('for anything', [await client('CN=web', { extendedKeyUsage: ['2.5.29.37.0'] })]),
    yes('no extended key usage', [await make({ subject: 'CN=web', issuer: authority })]),
    yes('a key usage for encryption alone', [await client('CN=web', { keyUsage: KeyUsageFlags.keyEncipherment })]),
    no('an intermediate for servers', await below({ extendedKeyUsage: [SERVER] })),
    no('an intermediate that is none', await below({ authority: { isAuthority: false } })),
    no('an intermediate that may not sign', await below({ keyUsage: KeyUsageFlags.cRLSign })),
    no('a path that is too long', [await makeClient('CN=web', lower), lower, short]),
    no('an unknown critical extension', [
      await client('CN=web', { extensions: [new Extension('1.2.3.4', true, new Uint8Array([5, 0]))] }),
    ]),
    no('an expired intermediate', await below({ notAfter: Date.now() - HOUR })),
    yes(
      'within constraints',
      await below({ permitted: [dns('a.example')] }, { names: [{ type: 'dns', value: 'x.a.example' }] }),
    ),
    no(
      'outside constraints',
      await below({ permitted: [dns('a.example')] }, { names: [{ type: 'dns', value: 'x.b.example' }] }),
    ),
    no(
      'excluded by constraints',
      await below({ excluded: [dns('a.example')] }, { names: [{ type: 'dns', value: 'x.a.example' }] }),
    ),
    yes('the authority itself', [await makeAuthority('CN=sub', { issuer: authority })]),
    ...[fits({ allowed_names: 'web' }, true), fits({ allowed_names: '*.shop.example' }, true)],
    ...[
      fits({ allowed_names: 'other' }, false),
      fits({ allowed_names: 'WEB' }, false),
      fits({ allowed_names: 'spiffe://*' }, false),
    ],
    ...[fits({ allowed_common_names: 'w*' }, true), fits({ allowed_common_names: '*.example' }, false)],
    ...[fits({ allowed_dns_sans: '*.shop.example' }, true), fits({ allowed_dns_sans: 'shop.example' }, false)],
    ...[fits({ allowed_email_sans: '*@shop.example' }, true), fits({ allowed_email_sans: 'x@*' }, false)],
    ...[fits({ allowed_uri_sans: 'spiffe://*/web' }, true), fits({ allowed_uri_sans: 'spiffe://shop.example' }, false)],
    ...[fits({ allowed_organizational_units: 'o*' }, true), fits({ allowed_organizational_units: 'dev' }, false)],
    ...[fits({ required_extensions: '1.2.3.4:ok' }, true), fits({ required_extensions: '1.2.3.4:no' }, false)],
    ...[fits({ required_extensions: '1.2.3.4:*' }, true), fits({ required_extensions: '1.2.3.5:*' }, false)],
    fits({ token_bound_cidrs: '10.0.0.0/8' }, false),
    { what: 'a pinned certificate', role: { certificate: own.pem }, chain: [own], theirs: true },
    {
      what: 'a pinned certificate that signed itself',
      role: { certificate: selfSigned.pem },
      chain: [selfSigned],
      theirs: true,
    },
    {
      what: 'another of the same key as the pinned one',
      ...{ role: { certificate: own.pem }, chain: [await client('CN=own', { keys: own.keys })], theirs: false },
    },
    {
      what: 'below a pinned one',
      role: { certificate: own.pem },
      chain: [await makeClient('CN=x', own), own],
      theirs: false,
    },
    {
      ...yes('no common name', [await client('OU=ops')]),
      theirs: false,
    },
    {
      ...yes('a host name in the common name, outside constraints', hostile),
      ours: [false, 'it is what the client is known by; OpenSSL has it so too'],
    },
    {
      ...yes('a NUL in a name', [await client('CN=web', { names: [{ type: 'dns', value: 'a\0.example' }] })]),
      ours: [false, 'no name has control characters; where names are compared, they end them'],
    },
    {
      ...yes('an authority with 1024 bits of RSA', [await makeClient('CN=web', weak)], { certificate: weak.pem }),
      ours: [false, 'such keys do not count'],
    },
  ];
}

test('the same certificates are let in', { skip }, async (t) => {
  const server = await tlsServer(t);
  const port = await freePort();
  const at = (name: string): string => `"${join(server.folder, name)}"`;
  const listener = `listener "tcp" { address = "127.0.0.1:${port}" tls_cert_file = ${at('server.pem')} tls_key_file = ${at('server.key')} }`;
  await using bao = await startOpenBao(binary ?? '', listener);
  assert.equal((await bao.ask('POST', 'sys/auth/cert', { type: 'cert' })).status, 204);
  const theirs: TlsServer = { ...server, open: `https://127.0.0.1:${port}`, token: 'root' };
  await askTls(server, `${server.open}/v1/auth/cert/certs/web`, 'DELETE', { token: server.token });

  async function decision(to: TlsServer, { what, role, chain }: Case): Promise<boolean> {
    const path = `${to.open}/v1/auth/cert`;
    const written = await askTls(to, `${path}/certs/role`, 'POST', { token: to.token, body: role });
    assert.equal(written.status, 204, `${what}: ${written.text}`);
    const { status, text } = await askTls(to, `${path}/login`, 'POST', {
      tls: identity(...chain),
      body: { name: 'role' },
    });
    await askTls(to, `${path}/certs/role`, 'DELETE', { token: to.token });
    assert.ok([200, 400, 403, 500].includes(status), `${what}: ${text}`);
    return status === 200;
  }

  for (const each of await cases(server.authority, server.inter)) {
    assert.equal(await decision(theirs, each), each.theirs, `OpenBao: ${each.what}`);
    assert.equal(await decision(server, each), each.ours?.[0] ?? each.theirs, `Lockstep: ${each.what}`);
  }
});

test('metadata, and what the role reads as, are theirs', { skip }, async (t) => {
  const server = await tlsServer(t);
  const port = await freePort();
  const at = (name: string): string => `"${join(server.folder, name)}"`;
  const listener = `listener "tcp" { address = "127.0.0.1:${port}" tls_cert_file = ${at('server.pem')} tls_key_file = ${at('server.key')} }`;
  await using bao = await startOpenBao(binary ?? '', listener);
  await bao.ask('POST', 'sys/auth/cert', { type: 'cert' });
  const theirs: TlsServer = { ...server, open: `https://127.0.0.1:${port}`, token: 'root' };
  const extensions = [new Extension('1.2.3.4', false, new Uint8Array([0x0c, 2, 0x6f, 0x6b]))];
  const web = await makeClient('CN=web', server.authority, { extensions });
  const told = async (to: TlsServer) => {
    const path = `${to.open}/v1/auth/cert`;
    const body = { certificate: server.authority.pem, allowed_metadata_extensions: '1.2.3.4', display_name: 'shown' };
    await askTls(to, `${path}/certs/role`, 'POST', {
      token: to.token,
      body: { ...body, allowed_names: 'w*', ttl: '1h' },
    });
    const login = await askTls(to, `${path}/login`, 'POST', { tls: identity(web), body: { name: 'role' } });
    const { metadata, policies, lease_duration } = login.json['auth'] as Readonly<Record<string, unknown>>;
    const { data } = (await askTls(to, `${path}/certs/role`, 'GET', { token: to.token })).json;
    return { metadata, policies, lease_duration, role: data as Readonly<Record<string, unknown>> };
  };
  const [ours, bao_] = [await told(server), await told(theirs)];
  assert.deepEqual(ours.metadata, bao_.metadata);
  assert.deepEqual([ours.policies, ours.lease_duration], [bao_.policies, bao_.lease_duration]);
  const normal = (role: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(role)
        // Old names are told by upstream alone; lists that are empty are null there.
        .filter(([name]) => name !== 'ttl')
        .map(([name, value]) => [name, value ?? []]),
    );
  assert.deepEqual(normal(ours.role), normal(bao_.role));
});

test('bao login -method=cert', { skip }, async (t) => {
  const server = await tlsServer(t);
  const web = await makeClient('CN=web', server.inter);
  const { writeFileSync } = await import('node:fs');
  const [cert, key] = [join(server.folder, 'c.pem'), join(server.folder, 'c.key')];
  writeFileSync(cert, web.pem + server.inter.pem);
  writeFileSync(key, web.keyPem, { mode: 0o600 });
  const flags = [`-address=${server.open}`, `-ca-cert=${server.caFile}`, `-client-cert=${cert}`, `-client-key=${key}`];
  const env = { HOME: server.folder, PATH: process.env['PATH'] };
  const good = await run(binary ?? '', ['login', ...flags, '-method=cert', '-no-store', '-token-only', 'name=web'], {
    env,
  });
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /^hvs\./);
  const wrong = await run(binary ?? '', ['login', ...flags, '-method=cert', '-no-store', 'name=other'], { env });
  assert.notEqual(wrong.code, 0);
});
