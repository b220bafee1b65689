/** Revoked certificates: lists that openssl makes, and a real OCSP responder. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { AuthorityInfoAccessExtension, Extension } from '@peculiar/x509';
import { make, makeAuthority, makeClient, type Made } from '../../lib/x509/authority.testing.ts';
import { OpensslAuthority } from '../../lib/x509/openssl-authority.testing.ts';
import { REFUSED } from '../../lib/x509/refusal.ts';
import { enabledMethod } from './mount.testing.ts';

const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';

async function world() {
  const method = await enabledMethod();
  const openssl = new OpensslAuthority(method.authority);
  const web = await method.client('CN=web');
  const other = await method.client('CN=other');
  openssl.set(web, 'good');
  const status = async (made: Made = web): Promise<number> => {
    const outcome = await method.login([made]);
    if (outcome.status !== 200) assert.deepEqual(outcome.errors, [REFUSED]);
    return outcome.status;
  };
  return {
    ...{ method, openssl, web, other, status },
    [Symbol.asyncDispose]: async () => {
      openssl[Symbol.dispose]();
      await method[Symbol.asyncDispose]();
    },
  };
}

/** A server of one answer, which can be changed. */
async function published(body: () => string | Uint8Array | undefined) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    const text = body();
    response.writeHead(text === undefined ? 503 : 200);
    response.end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    url: `http://127.0.0.1:${port}/list`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('lists', () => {
  test('refuse what is on them, at logins and renewals, and nothing else', async () => {
    await using world_ = await world();
    const { method, openssl, web, other, status } = world_;
    const token = await method.tokenOf([web]);
    openssl.set(web, 'revoked');
    await method.must('crls/One', { crl: openssl.list() });
    assert.deepEqual([await status(), await status(other)], [400, 200]);
    const renewed = await method.over([web], 'auth/token/renew-self', {}, token);
    assert.deepEqual(renewed.errors, [REFUSED]);
    const { reply } = await method.at('GET', 'crls/one');
    assert.deepEqual(reply?.data, { serials: { [BigInt(`0x${web.serial}`).toString()]: {} } });
    assert.deepEqual((await method.at('LIST', 'crls')).reply?.data, { keys: ['one'] });
    assert.equal((await method.at('DELETE', 'crls/one')).status, 204);
    assert.equal(await status(), 200);
    assert.match((await method.at('DELETE', 'crls/one')).errors?.[0] ?? '', /no such CRL/);
  });

  test('are as many as logins are held against, and one more is refused and not passed over', async () => {
    await using world_ = await world();
    const { method, openssl } = world_;
    const crl = openssl.list();
    for (let at = 0; at < 1_000; at += 1) await method.must(`crls/n${String(at)}`, { crl });
    const { status, errors } = await method.at('POST', 'crls/z', { crl });
    assert.deepEqual([status, /more than 1000/.test(errors?.[0] ?? '')], [400, true]);
    await method.must('crls/n0', { crl });
  });

  test('count from the first login after a start, CVE-2022-41316', async () => {
    await using world_ = await world();
    const { method, openssl, web, status } = world_;
    openssl.set(web, 'revoked');
    await method.must('crls/one', { crl: openssl.list() });
    await method.node.seal();
    await method.unseal();
    assert.equal(await status(), 400);
  });

  test('of an authority refuse all below it', async () => {
    await using world_ = await world();
    const { method, openssl } = world_;
    const inter = await makeAuthority('CN=inter', { issuer: method.authority });
    const leaf = await makeClient('CN=below', inter);
    assert.equal((await method.login([leaf, inter])).status, 200);
    openssl.set(inter, 'revoked');
    await method.must('crls/one', { crl: openssl.list() });
    assert.deepEqual((await method.login([leaf, inter])).errors, [REFUSED]);
  });

  test('that somebody else signed under the name of the issuer are not relied on', async () => {
    await using world_ = await world();
    const { method, status } = world_;
    const forger = await makeAuthority('CN=authority');
    using forged = new OpensslAuthority(forger);
    await method.must('crls/forged', { crl: forged.list() });
    assert.equal(await status(), 400);
    const stranger = await makeAuthority('CN=stranger');
    using strange = new OpensslAuthority(stranger);
    await method.must('crls/forged', { crl: strange.list() });
    assert.equal(await status(), 200);
  });

  test('that have expired are not taken, and let nobody in', async () => {
    await using world_ = await world();
    const { method, openssl, status } = world_;
    await method.must('crls/one', { crl: openssl.list() });
    const old = openssl.list('-crl_lastupdate', '20250101000000Z', '-crl_nextupdate', '20250102000000Z');
    assert.match((await method.at('POST', 'crls/two', { crl: old })).errors?.[0] ?? '', /has expired/);
    assert.equal(await status(), 200);
    const long = await method.client('CN=web', { notAfter: Date.now() + 10 * 86_400_000 });
    await method.must('certs/long', { certificate: (await makeAuthority('CN=unused')).pem });
    const far = await makeAuthority('CN=far', { notAfter: Date.now() + 10 * 86_400_000 });
    using distant = new OpensslAuthority(far);
    await method.must('certs/far', { certificate: far.pem });
    await method.must('crls/far', { crl: distant.list() });
    const leaf = await makeClient('CN=far', far, { notAfter: long.parsed().notAfter });
    assert.equal(await status(leaf), 200);
    method.later(2 * 86_400);
    assert.equal(await status(leaf), 400);
  });

  test('what is none is refused', async () => {
    await using world_ = await world();
    const { method } = world_;
    for (const [body, message] of [
      [{}, /one of 'crl' or 'url'/],
      [{ url: '' }, /empty CRL url/],
      [{ crl: 'x' }, /failed to parse CRL/],
      [{ crl: '' }, /failed to parse CRL/],
      [{ crl: method.authority.pem }, /failed to parse CRL/],
    ] as const) {
      const { status, errors } = await method.at('POST', 'crls/one', body);
      assert.equal(status, 400);
      assert.match(errors?.[0] ?? '', message);
    }
    assert.equal((await method.at('POST', 'crls/one', { url: 'file:///etc/passwd' })).status, 503);
    assert.equal((await method.at('LIST', 'crls')).status, 404);
  });

  test('at an address that somebody else puts there replace none, and make nobody good again', async () => {
    await using world_ = await world();
    const { method, openssl, web, other, status } = world_;
    const pinned = await method.client('CN=pinned');
    await method.must('certs/pinned', { certificate: pinned.pem });
    await method.must('certs/web', { certificate: pinned.pem });
    assert.equal(await status(pinned), 200);
    openssl.set(web, 'revoked');
    openssl.set(pinned, 'revoked');
    let list = openssl.list();
    await using at = await published(() => list);
    await method.must('crls/one', { url: at.url });
    using forged = new OpensslAuthority(await makeAuthority('CN=authority'));
    list = forged.list();
    await method.node.seal();
    await method.unseal();
    assert.equal(await status(pinned), 400);
    assert.equal(at.asked.length, 2);
    await method.must('certs/web', { certificate: method.authority.pem });
    assert.deepEqual([await status(web), await status(other)], [400, 200]);
  });

  test('at an address are fetched anew, and the last one counts while it cannot be had', async () => {
    await using world_ = await world();
    const { method, openssl, web, status } = world_;
    let list: string | undefined = openssl.list();
    await using at = await published(() => list);
    await method.must('crls/one', { url: at.url });
    assert.equal(await status(), 200);
    const { reply } = await method.at('GET', 'crls/one');
    assert.equal((reply?.data?.['cdp'] as { url: string }).url, at.url);
    openssl.set(web, 'revoked');
    list = openssl.list();
    await method.node.seal();
    await method.unseal();
    assert.equal(await status(), 400, 'the new list');
    list = undefined;
    await method.node.seal();
    await method.unseal();
    assert.equal(await status(), 200, 'the one that was stored: nobody has told of another');
    const gone = await method.at('POST', 'crls/two', { url: at.url });
    assert.equal(gone.status, 503);
    list = 'rubbish';
    assert.match((await method.at('POST', 'crls/two', { url: at.url })).errors?.[0] ?? '', /failed to parse CRL/);
  });
});

describe('OCSP', () => {
  const cases = [
    { says: 'good', failOpen: false, status: 200 },
    { says: 'good', failOpen: true, status: 200 },
    { says: 'revoked', failOpen: false, status: 400 },
    { says: 'revoked', failOpen: true, status: 400 },
    { says: 'unknown', failOpen: false, status: 400 },
    { says: 'unknown', failOpen: true, status: 200 },
    { says: 'nothing', failOpen: false, status: 400 },
    { says: 'nothing', failOpen: true, status: 200 },
  ] as const;
  for (const { says, failOpen, status: expected } of cases) {
    test(`a responder that says ${says}${failOpen ? ', failing open' : ''}`, async () => {
      await using world_ = await world();
      const { method, openssl, web, other, status } = world_;
      if (says === 'revoked') openssl.set(web, 'revoked');
      await using responder = await openssl.responder();
      const url = says === 'nothing' ? 'http://127.0.0.1:9' : responder.url;
      await method.must('certs/web', { ocsp_enabled: true, ocsp_servers_override: url, ocsp_fail_open: failOpen });
      assert.equal(await status(says === 'unknown' ? other : web), expected);
    });
  }

  test('the address in the certificate is asked; without any nobody can tell', async () => {
    await using world_ = await world();
    const { method, openssl, status } = world_;
    await using responder = await openssl.responder();
    await method.must('certs/web', { ocsp_enabled: true });
    const extensions = [new AuthorityInfoAccessExtension({ ocsp: responder.url })];
    const named = await method.client('CN=web', { extensions });
    const before = await status(named);
    openssl.set(named, 'good');
    await using again = await openssl.responder();
    const moved = await method.client('CN=web', {
      extensions: [new AuthorityInfoAccessExtension({ ocsp: again.url })],
      serial: named.serial,
    });
    assert.deepEqual([before, await status(moved), await status()], [400, 200, 400]);
  });

  test('addresses that cannot be read are a refusal, and no fault of ours', async () => {
    await using world_ = await world();
    const { method, status } = world_;
    await method.must('certs/web', { ocsp_enabled: true, ocsp_fail_open: true });
    const extensions = [new Extension('1.3.6.1.5.5.7.1.1', false, new Uint8Array([0x30, 0x03, 0x02, 0x01, 0x01]))];
    assert.equal(await status(await method.client('CN=web', { extensions })), 400);
  });

  test('whom the issuer has named answers for it, and nobody else', async () => {
    await using world_ = await world();
    const { method, openssl, status } = world_;
    const by = async (signer: Made, more: object = {}): Promise<number> => {
      await using responder = await openssl.responder(signer);
      await method.must('certs/web', { ocsp_enabled: true, ocsp_servers_override: responder.url, ...more });
      // The responder ends with this block.
      const answered = await status();
      return answered;
    };
    const issuer = method.authority;
    const delegate = await makeClient('CN=responder', issuer, { extendedKeyUsage: [OCSP_SIGNING] });
    assert.equal(await by(delegate), 200);
    assert.equal(await by(await makeClient('CN=client', issuer)), 400, 'any client of the issuer');
    const stranger = await makeAuthority('CN=authority');
    assert.equal(await by(stranger), 400, 'another authority of that name');
    const self = await make({ subject: 'CN=responder', extendedKeyUsage: [OCSP_SIGNING] });
    assert.equal(await by(self), 400, 'itself alone');
    assert.equal(await by(self, { ocsp_ca_certificates: self.pem }), 200, 'whom the role trusts');
    const old = await makeClient('CN=old', issuer, {
      ...{ extendedKeyUsage: [OCSP_SIGNING], notAfter: Date.now() - 3_600_000 },
    });
    assert.equal(await by(old, { ocsp_ca_certificates: '' }), 400, 'one that has expired');
  });

  test('of several responders one is enough, unless all are asked; revoked is believed of any', async () => {
    await using world_ = await world();
    const { method, openssl, web, status } = world_;
    await using good = await openssl.responder();
    const down = 'http://127.0.0.1:9';
    const asking = async (servers: readonly string[], all: boolean): Promise<number> => {
      const role = { ocsp_enabled: true, ocsp_servers_override: servers, ocsp_query_all_servers: all };
      await method.must('certs/web', role);
      return status();
    };
    assert.equal(await asking([down, good.url], false), 200);
    assert.equal(await asking([good.url, down], true), 400);
    // CVE-2024-2660: what a second responder says was not looked at.
    openssl.set(web, 'revoked');
    await using revoked = await openssl.responder();
    assert.equal(await asking([revoked.url, good.url], false), 400);
    assert.equal(await asking([good.url, revoked.url], true), 400);
    await method.must('certs/web', { ocsp_fail_open: true });
    assert.equal(await asking([down, revoked.url], false), 400);
  });

  test('an answer is kept until it ends', async () => {
    await using world_ = await world();
    const { method, openssl, status } = world_;
    const responder = await openssl.responder();
    await method.must('certs/web', { ocsp_enabled: true, ocsp_servers_override: responder.url });
    assert.equal(await status(), 200);
    await responder[Symbol.asyncDispose]();
    assert.equal(await status(), 200);
    method.later(600);
    assert.equal(await status(), 400);
  });

  test('rubbish, too much and redirects are no answer', async () => {
    await using world_ = await world();
    const { method, status } = world_;
    for (const body of ['', 'rubbish', Buffer.alloc(100_000, 0x30), Buffer.from([0x30, 0x03, 0x0a, 0x01, 0x06])]) {
      await using at = await published(() => body);
      await method.must('certs/web', { ocsp_enabled: true, ocsp_servers_override: at.url });
      assert.equal(await status(), 400);
      assert.deepEqual(at.asked, ['POST /list']);
    }
  });

  test('the answer about another certificate is none', async () => {
    await using world_ = await world();
    const { method, openssl, web, other, status } = world_;
    await using responder = await openssl.responder();
    const { ocspRequest } = await import('../../lib/x509/ocsp.ts');
    const asked = { certificate: web.parsed(), issuer: method.authority.parsed() };
    const answer = await fetch(responder.url, { method: 'POST', body: new Uint8Array(ocspRequest(asked)) });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    await using replayed = await published(() => bytes);
    await method.must('certs/web', { ocsp_enabled: true, ocsp_servers_override: replayed.url });
    assert.deepEqual([await status(web), await status(other)], [200, 400]);
  });
});
