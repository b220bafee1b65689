/** SVIDs of two real SPIRE servers at our auth method: as JWT and as certificate, and while authorities change. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { credentialsOf } from '../../src/agent/credentials.ts';
import { enabledMethod } from '../../src/auth/spiffe/mount.testing.ts';
import { ApiError } from '../../src/client/api-error.ts';
import { Client } from '../../src/client/client.ts';
import type { Envelope } from '../../src/client/envelope.ts';
import { agentConfig } from '../../src/config/agent.ts';
import { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } from '../../src/lib/crypto/certificates.ts';
import { parseHcl } from '../../src/lib/hcl/index.ts';
import { silent } from '../../src/lib/log.ts';
import { portOf, serveOn } from '../../src/server/server.testing.ts';
import { spireVersion, withoutSpire } from './support/binaries.ts';
import { startTrustDomain, type Kind, type TrustDomain, type X509Svid } from './support/trust-domain.ts';

const skip = await withoutSpire();
const AUDIENCE = 'lockstep';
const WORKLOAD = '/ns/shop/sa/app';

test('the version that is built is the one that is named', () => {
  const module = readFileSync(new URL('spire/go.mod', import.meta.url), 'utf8');
  assert.match(module, new RegExp(`github.com/spiffe/spire v${spireVersion.replaceAll('.', '\\.')}\\s`));
});

/** Our method behind a TLS listener that asks for certificates and has no authorities of its own. */
async function servedMethod(folder: string) {
  const method = await enabledMethod({ allowed: [folder], options: { now: Date.now } });
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const authority = await createAuthority('server of tests', validity);
  const key = newPrivateKey();
  const usage = { commonName: 'server', usage: 'server', names: ['127.0.0.1'] } as const;
  const certificate = await issueCertificate({ authority, ...validity, publicKey: publicKeyOf(key), ...usage });
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('server.pem'), certificate);
  writeFileSync(at('server.key'), key);
  writeFileSync(at('ca.pem'), authority.certificate);
  const tls = { certFile: at('server.pem'), keyFile: at('server.key') };
  const serving = await serveOn({ tls }, method.node);
  const address = `https://127.0.0.1:${String(portOf(serving))}`;
  return {
    ...method,
    address,
    ca: at('ca.pem'),
    [Symbol.asyncDispose]: async () => {
      await serving.close();
      await method[Symbol.asyncDispose]();
    },
  };
}

type Served = Awaited<ReturnType<typeof servedMethod>>;

/** `in`, or why not. */
async function said(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'in';
  } catch (error) {
    if (error instanceof ApiError) return `${String(error.status)} ${error.errors.join()}`;
    throw error;
  }
}

describe('workloads of two SPIRE servers', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-spiffe-'));
  const at = (name: string): string => join(folder, name);
  let one: TrustDomain;
  let two: TrustDomain;
  let served: Served;

  before(async () => {
    one = await startTrustDomain('one.test');
    two = await startTrustDomain('two.test');
    await one.register(WORKLOAD);
    await two.register(WORKLOAD);
    served = await servedMethod(folder);
    await served.role('app', { token_policies: 'web' });
  });
  after(async () => {
    // Whatever of it was started.
    for (const each of [served, two, one] as (AsyncDisposable | undefined)[]) await each?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const configure = (config: object): Promise<unknown> =>
    served.must('config', { trust_domain: one.name, audience: AUDIENCE, ...config });
  const byJwt = async (jwt: string): Promise<string> => {
    const { status, refusal = '' } = await served.login({ jwt });
    return status === 200 ? 'in' : `${String(status)} ${refusal}`;
  };
  const loginByCertificate = async ({ chain, key }: X509Svid): Promise<Envelope | undefined> => {
    writeFileSync(at('svid.pem'), chain);
    writeFileSync(at('svid.key'), key);
    const tls = { caCert: served.ca, clientCert: at('svid.pem'), clientKey: at('svid.key') };
    const client = new Client({ address: served.address, maxRetries: 0, tls });
    try {
      return await client.write('auth/spiffe/login', { role: 'app', type: 'cert' });
    } finally {
      client.close();
    }
  };
  const byCertificate = (svid: X509Svid): Promise<string> => said(loginByCertificate(svid));

  const profiles: Readonly<Record<string, () => Promise<object>>> = {
    'a static bundle': async () => ({ profile: 'static', bundle: await one.bundle() }),
    'a bundle in a file': async () => {
      writeFileSync(at('bundle.json'), await one.bundle());
      return { profile: 'file', bundle_file: at('bundle.json') };
    },
    'the bundle of the server’s own endpoint': async () => ({
      ...{ profile: 'https_spiffe_bundle', endpoint_url: one.endpoint },
      ...{ endpoint_spiffe_id: one.endpointId, bundle: await one.bundle() },
    }),
  };
  for (const [what, config] of Object.entries(profiles)) {
    test(`both kinds of SVID log in by ${what}, and none of the other trust domain`, async () => {
      await configure(await config());
      assert.equal(await byJwt(await one.jwtSvid(WORKLOAD, AUDIENCE)), 'in');
      assert.equal(await byCertificate(await one.x509Svid()), 'in');
      assert.match(await byJwt(await two.jwtSvid(WORKLOAD, AUDIENCE)), /^400 key: /);
      assert.match(await byCertificate(await two.x509Svid()), /^400 /);
      assert.match(await byJwt(await one.jwtSvid(WORKLOAD, 'somebody-else')), /^400 audience: /);
    });
  }

  test('authorities in PEM are enough for certificates, and for no JWT', async () => {
    await configure({ profile: 'static', bundle: await one.bundle('pem') });
    assert.equal(await byCertificate(await one.x509Svid()), 'in');
    assert.match(await byJwt(await one.jwtSvid(WORKLOAD, AUDIENCE)), /^400 key: /);
  });

  test('who holds the keys of another trust domain is nobody of ours, whatever the bundle', async () => {
    await configure({ profile: 'static', bundle: await two.bundle() });
    assert.match(await byJwt(await two.jwtSvid(WORKLOAD, AUDIENCE)), /^400 subject: /);
    assert.match(await byCertificate(await two.x509Svid()), /^400 /);
    const strange = { trust_domain: one.name, profile: 'https_spiffe_bundle', endpoint_url: two.endpoint };
    const body = { ...strange, endpoint_spiffe_id: one.endpointId, bundle: await one.bundle() };
    const { status, errors } = await served.at('POST', 'config', body);
    assert.equal(status, 400);
    assert.match(errors?.[0] ?? '', /trust bundle cannot be had/);
  });

  test('one entity, by JWT and by certificate', async () => {
    await configure({ profile: 'static', bundle: await one.bundle() });
    const { auth } = await served.login({ jwt: await one.jwtSvid(WORKLOAD, AUDIENCE) });
    const other = await loginByCertificate(await one.x509Svid());
    assert.notEqual(auth?.['entity_id'], undefined);
    assert.equal(other?.auth?.entity_id, auth?.['entity_id']);
    const metadata = { role: 'app', spiffe_id: `spiffe://${one.name}${WORKLOAD}`, workload_id: WORKLOAD.slice(1) };
    assert.deepEqual(auth?.['metadata'], metadata);
  });

  test('the agent logs in with either', async () => {
    await configure({ profile: 'static', bundle: await one.bundle() });
    writeFileSync(at('jwt'), await one.jwtSvid(WORKLOAD, AUDIENCE));
    const { chain, key } = await one.x509Svid();
    writeFileSync(at('agent.pem'), chain);
    writeFileSync(at('agent.key'), key);
    const configs = [`path = "${at('jwt')}"`, `client_cert = "${at('agent.pem')}" client_key = "${at('agent.key')}"`];
    const client = new Client({ address: served.address, maxRetries: 0, tls: { caCert: served.ca } });
    for (const config of configs) {
      const method = `auto_auth { method "spiffe" { config { role = "app" ${config} } } sink "file" { config { path = "/run/t" } } }`;
      const { token } = await credentialsOf(agentConfig([parseHcl(method)], {}, {}).method, silent).login(client);
      assert.notEqual(token.expose(), '');
    }
    client.close();
  });

  /** Logs in again and again with what the agent hands out, until told to stop; gives how often, and what failed. */
  function loggingIn() {
    const ending = new AbortController();
    const rounds = new EventEmitter<{ round: [] }>();
    const failures: string[] = [];
    const done = (async () => {
      let times = 0;
      for (; !ending.signal.aborted; times += 1) {
        // With another audience beside it the agent has none in its cache.
        const answers = [
          await byJwt(await one.jwtSvid(WORKLOAD, AUDIENCE, `other-${String(times)}`)),
          await byCertificate(await one.x509Svid()),
        ];
        failures.push(...answers.filter((answer) => answer !== 'in'));
        rounds.emit('round');
      }
      return times;
    })();
    return {
      failures,
      /** Resolves after so many more rounds. */
      more: async (count: number) => {
        for (let left = count; left > 0; left -= 1) await Promise.race([once(rounds, 'round'), done]);
      },
      stop: () => {
        ending.abort();
        return done;
      },
    };
  }

  const headOf = (token: string): unknown =>
    JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString());

  test('authorities change, and no login fails; what a withdrawn one has signed logs in no more', async () => {
    await configure(await (profiles['the bundle of the server’s own endpoint'] ?? assert.fail)());
    const oldJwt = await one.jwtSvid(WORKLOAD, AUDIENCE);
    const oldSvid = await one.x509Svid();
    assert.deepEqual([await byJwt(oldJwt), await byCertificate(oldSvid)], ['in', 'in']);
    const logins = loggingIn();
    const old: Partial<Record<Kind, string>> = {};
    for (const kind of ['jwt', 'x509'] as const) {
      old[kind] = await one.active(kind);
      const before = await one.published();
      const next = await one.prepare(kind);
      assert.notEqual(next, old[kind]);
      while ((await one.published()) === before) await setTimeout(100);
      // What the node does by itself within the refresh hint, which operators of SPIRE wait for: the endpoint is known by it.
      if (kind === 'x509') await served.must('config', {});
      await logins.more(2);
      await one.activate(kind, next);
      await logins.more(3);
    }
    const shown = await one.endpointCertificate();
    for (const kind of ['jwt', 'x509'] as const) await one.taint(kind, old[kind] ?? '');
    while ((await one.x509Svid()).chain === oldSvid.chain) await setTimeout(100);
    while ((await one.endpointCertificate()) === shown) await setTimeout(100);
    await logins.more(3);
    const times = await logins.stop();
    assert.deepEqual(logins.failures, [], `of ${String(times)} rounds`);
    assert.notDeepEqual(headOf(await one.jwtSvid(WORKLOAD, AUDIENCE, 'after')), headOf(oldJwt));

    for (const kind of ['jwt', 'x509'] as const) {
      const before = await one.published();
      await one.revoke(kind, old[kind] ?? '');
      while ((await one.published()) === before) await setTimeout(100);
    }
    await served.must('config', {});
    assert.match(await byJwt(oldJwt), /^400 key: /);
    assert.match(await byCertificate(oldSvid), /^400 /);
    assert.equal(await byJwt(await one.jwtSvid(WORKLOAD, AUDIENCE, 'at-last')), 'in');
    assert.equal(await byCertificate(await one.x509Svid()), 'in');
  });

  test('while the server is down the last good bundle holds', async () => {
    await configure(await (profiles['the bundle of the server’s own endpoint'] ?? assert.fail)());
    const [jwt, certificate] = [await one.jwtSvid(WORKLOAD, AUDIENCE), await one.x509Svid()];
    await one.endServer();
    assert.equal((await served.at('POST', 'config', {})).status, 503);
    assert.deepEqual([await byJwt(jwt), await byCertificate(certificate)], ['in', 'in']);
    assert.match(await byJwt(await two.jwtSvid(WORKLOAD, AUDIENCE)), /^503 /, 'nothing is said of unknown keys');
  });
});
