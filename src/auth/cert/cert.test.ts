/** Roles, logins and renewals, over certificates as a connection shows them. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Extension } from '@peculiar/x509';
import { ask } from '../../../test/support/node.ts';
import { makeAuthority, makeClient, SERVER, type Made } from '../../lib/x509/authority.testing.ts';
import { REFUSED } from '../../lib/x509/refusal.ts';
import { enabledMethod } from './mount.testing.ts';

const NO_ROLE = 'no chain matching all constraints could be found for this login certificate';

test('a certificate of the role’s authority logs in, with or without the name of the role', async () => {
  await using method = await enabledMethod();
  const web = await method.client('CN=web,OU=ops');
  for (const body of [{}, { name: 'web' }, { name: 'WEB' }]) {
    const { status, auth } = await method.login([web], body);
    assert.equal(status, 200);
    assert.deepEqual(auth?.['policies'], ['default', 'web']);
    const {
      subject_key_id: _skid,
      authority_key_id: _akid,
      ...metadata
    } = auth?.['metadata'] as Record<string, string>;
    const serial_number = BigInt(`0x${web.serial}`).toString();
    assert.deepEqual(metadata, { cert_name: 'web', common_name: 'web', serial_number });
  }
});

const AUDITED: Readonly<Record<string, RegExp>> = {
  'another authority of that name': /^no path/,
  expired: /^expired/,
  'not yet valid': /^not yet valid/,
  'for servers': /^extended key usage/,
  'an issuer that is none': /^no path/,
  'a NUL in a name': /^name: a name has control characters/,
  'too many': /^work/,
};

test('what is wrong with a certificate is told to nobody but the audit', async () => {
  await using method = await enabledMethod();
  const stranger = await makeAuthority('CN=authority');
  const plain = await makeAuthority('CN=inter', { issuer: method.authority, authority: { isAuthority: false } });
  const HOUR = 3_600_000;
  const shown: Readonly<Record<string, readonly Made[]>> = {
    'another authority of that name': [await makeClient('CN=web', stranger), stranger],
    expired: [await method.client('CN=web', { notAfter: Date.now() - HOUR })],
    'not yet valid': [await method.client('CN=web', { notBefore: Date.now() + HOUR })],
    'for servers': [await method.client('CN=web', { extendedKeyUsage: [SERVER] })],
    'an issuer that is none': [await makeClient('CN=web', plain), plain],
    'a NUL in a name': [await method.client('CN=web', { names: [{ type: 'dns', value: 'a\0.example' }] })],
    'too many': [await method.client('CN=web'), ...Array.from({ length: 40 }, () => stranger)],
  };
  for (const [what, certificates] of Object.entries(shown)) {
    const { status, errors, refusal } = await method.login(certificates);
    assert.deepEqual([status, errors], [400, [REFUSED]], what);
    assert.match(refusal ?? '', AUDITED[what] ?? /never/, what);
  }
  assert.deepEqual((await method.login([])).errors, ['no client certificate found']);
  assert.equal((await method.login([await method.client('CN=web')], { name: 'nobody' })).status, 400);
});

test('headers that claim a certificate are not one', async () => {
  await using method = await enabledMethod();
  const web = await method.client('CN=web');
  const { requestOf } = await import('../../../test/support/node.ts');
  const base64 = Buffer.from(web.der).toString('base64');
  const headers = {
    'x-forwarded-client-cert': base64,
    'x-vault-client-cert': base64,
    'client-cert': `:${base64}:`,
    'x-ssl-client-cert': encodeURIComponent(web.pem),
  };
  const outcome = await method.node.handle({ ...requestOf('POST', 'auth/cert/login', { body: {} }), headers });
  assert.deepEqual([outcome.status, outcome.errors], [400, ['no client certificate found']]);
});

describe('a role takes what fits all of its patterns', () => {
  const names = [
    { type: 'dns', value: 'web.shop.example' },
    { type: 'email', value: 'web@shop.example' },
    { type: 'url', value: 'spiffe://shop.example/web' },
  ] as const;
  const text = new Extension('1.2.3.4', false, new Uint8Array([0x0c, 2, 0x6f, 0x6b]));
  const cases: readonly (readonly [object, boolean])[] = [
    [{ allowed_names: 'web' }, true],
    [{ allowed_names: '*.shop.example' }, true],
    [{ allowed_names: 'web@*' }, true],
    [{ allowed_names: 'spiffe://*' }, false],
    [{ allowed_names: 'other,*b' }, true],
    [{ allowed_names: 'WEB' }, false],
    [{ allowed_common_names: 'w*' }, true],
    [{ allowed_common_names: 'web.shop.example' }, false],
    [{ allowed_dns_sans: '*.shop.example' }, true],
    [{ allowed_dns_sans: 'shop.example' }, false],
    [{ allowed_email_sans: '*@shop.example' }, true],
    [{ allowed_email_sans: '*@other.example' }, false],
    [{ allowed_uri_sans: 'spiffe://shop.example/*' }, true],
    [{ allowed_uri_sans: 'spiffe://shop.example' }, false],
    [{ allowed_organizational_units: 'ops' }, true],
    [{ allowed_organizational_units: 'dev' }, false],
    [{ required_extensions: '1.2.3.4:ok' }, true],
    [{ required_extensions: '1.2.3.4:o*' }, true],
    [{ required_extensions: '1.2.3.4:no' }, false],
    [{ required_extensions: '1.2.3.5:*' }, false],
    [{ required_extensions: ['1.2.3.4:ok', '1.2.3.5:*'] }, false],
    [{ required_extensions: 'hex:1.2.3.4:0C026F6B' }, true],
    [{ required_extensions: 'hex:1.2.3.4:0c02*' }, true],
    [{ required_extensions: 'hex:1.2.3.4:0d*' }, false],
    [{ allowed_common_names: 'web', allowed_dns_sans: 'other' }, false],
  ];
  for (const [role, taken] of cases) {
    test(JSON.stringify(role), async () => {
      await using method = await enabledMethod();
      const web = await method.client('CN=web,OU=ops', { names: [...names], extensions: [text] });
      await method.must('certs/web', { ...role });
      const { status, errors } = await method.login([web]);
      assert.deepEqual([status, errors], taken ? [200, undefined] : [400, [NO_ROLE]]);
    });
  }
});

test('a pattern of a name, or a wildcard in a certificate, opens nothing else', async () => {
  await using method = await enabledMethod();
  await method.must('certs/web', { allowed_dns_sans: 'app.shop.example' });
  const wild = await method.client('CN=*', { names: [{ type: 'dns', value: '*.shop.example' }] });
  assert.deepEqual((await method.login([wild])).errors, [NO_ROLE]);
  for (const name of ['*', 'w*', 'web/', '../web', 'we%62', 'web\0']) {
    const { status } = await method.login([await method.client('CN=web')], { name });
    assert.equal(status, 400, name);
  }
});

describe('a certificate that is no authority is the one that logs in', () => {
  test('it alone, byte for byte', async () => {
    await using method = await enabledMethod();
    const keys = (await method.client('CN=x')).keys;
    const own = await makeClient('CN=pinned', method.authority, { keys });
    await method.at('DELETE', 'certs/web');
    await method.must('certs/pinned', { certificate: own.pem });
    assert.equal((await method.login([own])).status, 200);
    // CVE-2025-6037: of the same names, the same serial, even of the same key.
    const forger = await makeAuthority('CN=authority');
    const alike = await makeClient('CN=pinned', forger, { serial: own.serial });
    const again = await makeClient('CN=pinned', method.authority, { keys, serial: own.serial });
    for (const other of [alike, again]) assert.deepEqual((await method.login([other])).errors, [REFUSED]);
    assert.deepEqual((await method.login([alike, own])).errors, [REFUSED]);
  });

  test('it vouches for nobody', async () => {
    await using method = await enabledMethod();
    await method.at('DELETE', 'certs/web');
    const own = await method.client('CN=pinned');
    await method.must('certs/pinned', { certificate: own.pem });
    assert.deepEqual((await method.login([await makeClient('CN=below', own), own])).errors, [REFUSED]);
  });

  test('until it expires', async () => {
    await using method = await enabledMethod();
    const own = await method.client('CN=pinned');
    await method.must('certs/pinned', { certificate: own.pem });
    method.later(2 * 86_400);
    assert.deepEqual((await method.login([own])).errors, [REFUSED]);
  });
});

test('roles that nobody could log in by are refused by name', async () => {
  await using method = await enabledMethod();
  const server = await method.client('CN=s', { extendedKeyUsage: [SERVER] });
  const own = await method.client('CN=c');
  for (const [body, message] of [
    [{}, /failed to parse certificate/],
    [{ certificate: 'x' }, /failed to parse certificate/],
    [{ certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }, /failed to parse certificate/],
    [{ certificate: server.pem }, /nonCA certificates should have TLS client authentication/],
    [{ certificate: own.pem, ocsp_enabled: true }, /issuer of this certificate among ocsp_ca_certificates/],
    [{ certificate: own.pem, required_extensions: '1.2.3' }, /required_extensions/],
    [{ certificate: own.pem, allowed_metadata_extensions: 'x' }, /allowed_metadata_extensions/],
    [{ certificate: own.pem, ocsp_servers_override: 'file:///etc/passwd' }, /ocsp_servers_override/],
    [{ certificate: own.pem, token_ttl: -1 }, /token_ttl|duration/],
  ] as const) {
    const { status, errors } = await method.at('POST', 'certs/new', body);
    assert.equal(status, 400);
    assert.match(errors?.[0] ?? '', message);
  }
  assert.equal((await method.at('GET', 'certs/new')).status, 404);
});

test('a role reads as it was written, and is changed field by field', async () => {
  await using method = await enabledMethod();
  await method.must('certs/Web', { allowed_names: 'a,b', ttl: '1h', display_name: 'web', token_policies: 'A' });
  const { reply } = await method.at('GET', 'certs/WEB');
  const { certificate, allowed_names, token_ttl, display_name, token_policies, ocsp_enabled } = reply?.data ?? {};
  assert.deepEqual(
    { certificate, allowed_names, token_ttl, display_name, token_policies, ocsp_enabled },
    {
      ...{ certificate: method.authority.pem, allowed_names: ['a', 'b'], token_ttl: 3600, display_name: 'web' },
      ...{ token_policies: ['a'], ocsp_enabled: false },
    },
  );
  await method.must('certs/Plain', { certificate: method.authority.pem });
  assert.equal((await method.at('GET', 'certs/plain')).reply?.data?.['display_name'], 'plain');
  assert.equal((await method.at('DELETE', 'certs/plain')).status, 204);
  assert.deepEqual((await method.at('LIST', 'certs')).reply?.data, { keys: ['web'] });
  assert.equal((await method.at('DELETE', 'certs/WEB')).status, 204);
  assert.deepEqual((await method.login([await method.client('CN=a')])).errors, [REFUSED]);
});

describe('a token is renewed with the certificate that it was got with', () => {
  const renew = (method: Awaited<ReturnType<typeof enabledMethod>>, shown: readonly Made[], as: string) =>
    method.over(shown, 'auth/token/renew-self', {}, as);

  test('and with no other, CVE-2026-39388', async () => {
    await using method = await enabledMethod();
    const web = await method.client('CN=web');
    const token = await method.tokenOf([web]);
    assert.equal((await renew(method, [web], token)).status, 200);
    const again = await method.client('CN=web', { keys: web.keys });
    for (const shown of [[], [again], [again, web]]) {
      const { status, errors } = await renew(method, shown, token);
      assert.equal(status, 400);
      assert.match(errors?.[0] ?? '', /client identity during renewal/);
    }
    await method.must('config', { disable_binding: true });
    assert.equal((await renew(method, [], token)).status, 200);
  });

  test('while the role takes it', async () => {
    await using method = await enabledMethod();
    const web = await method.client('CN=web');
    const token = await method.tokenOf([web]);
    await method.must('certs/web', { allowed_names: 'other' });
    assert.deepEqual((await renew(method, [web], token)).errors, [NO_ROLE]);
    await method.must('certs/web', { allowed_names: '', token_policies: 'other' });
    assert.match((await renew(method, [web], token)).errors?.[0] ?? '', /policies have changed/);
    await method.at('DELETE', 'certs/web');
    assert.match((await renew(method, [web], token)).errors?.[0] ?? '', /role of this token is gone/);
  });

  test('while it is valid', async () => {
    await using method = await enabledMethod();
    const web = await method.client('CN=web', { notAfter: Date.now() + 60_000 });
    const token = await method.tokenOf([web]);
    method.later(120);
    assert.deepEqual((await renew(method, [web], token)).errors, [REFUSED]);
  });
});

test('an entity is known by the common name; without one there is none', async () => {
  await using method = await enabledMethod();
  await method.must('config', { enable_identity_alias_metadata: true });
  await method.must('certs/web', { allowed_metadata_extensions: '1.2.3.4' });
  const extensions = [new Extension('1.2.3.4', false, new Uint8Array([0x0c, 2, 0x6f, 0x6b]))];
  const first = await method.login([await method.client('CN=web', { extensions })]);
  const second = await method.login([await method.client('CN=web')]);
  assert.equal(first.auth?.['entity_id'], second.auth?.['entity_id']);
  assert.equal((first.auth?.['metadata'] as Record<string, string>)['1-2-3-4'], 'ok');
  const nameless = await method.login([await method.client('OU=ops')]);
  assert.match(nameless.errors?.[0] ?? '', /no common name/);
});

test('addresses bind logins', async () => {
  await using method = await enabledMethod();
  await method.must('certs/web', { token_bound_cidrs: '10.0.0.0/8' });
  assert.equal((await method.login([await method.client('CN=web')])).status, 403);
});

test('config is what was written, within bounds', async () => {
  await using method = await enabledMethod();
  const read = async () => (await method.at('GET', 'config')).reply?.data;
  assert.deepEqual(await read(), {
    ...{ disable_binding: false, enable_identity_alias_metadata: false, ocsp_cache_size: 100 },
  });
  await method.must('config', { ocsp_cache_size: 5 });
  await method.must('config', { disable_binding: 'true' });
  assert.deepEqual(await read(), { disable_binding: true, enable_identity_alias_metadata: false, ocsp_cache_size: 5 });
  for (const ocsp_cache_size of [1, 100_001, 'x']) {
    assert.equal((await method.at('POST', 'config', { ocsp_cache_size })).status, 400);
  }
});

test('without a name few roles are tried; with one any number may be there', async () => {
  await using method = await enabledMethod();
  const web = await method.client('CN=web');
  for (let at = 0; at < 1_000; at += 1)
    await method.must(`certs/a${String(at)}`, { certificate: web.pem, allowed_names: 'x' });
  assert.match((await method.login([web])).errors?.[0] ?? '', /more than 1000 roles: name the one/);
  assert.equal((await method.login([web], { name: 'web' })).status, 200);
});

test('a login that names no role counts in the quota of the role that judges it', async () => {
  await using method = await enabledMethod();
  const { node, token } = method;
  const put = (name: string, body: Readonly<Record<string, unknown>>) =>
    ask(node, 'POST', `sys/quotas/rate-limit/${name}`, { token, body: { path: 'auth/cert', interval: '1h', ...body } });
  assert.equal((await put('web', { role: 'web', rate: 2 })).status, 204);
  const web = await method.client('CN=web');
  const other = await makeAuthority('CN=other');
  await method.must('certs/other', { certificate: other.pem });
  // Once each: the two ways to log in share the quota, and neither counts twice.
  assert.equal((await method.login([web])).status, 200);
  assert.equal((await method.login([web], { name: 'WEB' })).status, 200);
  const refused = await method.login([web]);
  assert.deepEqual(
    [refused.status, refused.errors],
    [429, ['request path "auth/cert/login": rate limit quota exceeded']],
  );
  assert.equal((await method.login([web], { name: 'web' })).status, 429);
  assert.equal((await method.login([await makeClient('CN=x', other)])).status, 200, 'another role has its own');
  await ask(node, 'DELETE', 'sys/quotas/rate-limit/web', { token });
  assert.equal((await method.login([web])).status, 200);
});
