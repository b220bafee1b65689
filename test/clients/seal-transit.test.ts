/** Auto-unseal by the transit engine of a real OpenBao. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isLockstepError } from '../../src/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import { newKey } from '../../src/seal/keyring.ts';
import { configured, lifecycleOn, sealsOf, staticSeal } from '../../src/seal/lifecycle.fixture.ts';
import { sealConformance } from '../../src/seal/seal.conformance.ts';
import type { KeyWrapper, Seal } from '../../src/seal/seal.ts';
import { openTransitSeal, type TransitSealConfig } from '../../src/seal/transit/seal.ts';
import { decodeWrapped } from '../../src/seal/wrapped.ts';
import type { Store } from '../../src/storage/store.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import { ServerProcess } from '../support/server-process.ts';
import { openbao, startOpenBao, type OpenBao } from './support/openbao.ts';

const binary = await openbao();
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;
const { signal } = new AbortController();
const policy =
  'path "transit/encrypt/unseal" { capabilities = ["update"] } path "transit/decrypt/unseal" { capabilities = ["update"] }';

interface Auth {
  readonly auth: { readonly client_token: string; readonly accessor: string };
}

describe('the seal "transit"', { skip }, () => {
  let bao: OpenBao;
  let token: Auth['auth'];
  const seals: Disposable[] = [];
  before(async () => {
    bao = await startOpenBao(binary ?? '');
    await bao.ask('POST', 'sys/mounts/transit', { type: 'transit' });
    await bao.ask('POST', 'transit/keys/unseal', {});
    await bao.ask('POST', 'sys/policies/acl/unseal', { policy });
    const made = await bao.ask('POST', 'auth/token/create', { policies: ['unseal'], period: '1h', no_parent: true });
    token = (made.body as Auth).auth;
  });
  after(async () => {
    for (const seal of seals) seal[Symbol.dispose]();
    await bao[Symbol.asyncDispose]();
  });

  function open(more: Partial<TransitSealConfig> = {}, warnings: string[] = []): Seal {
    const seal = openTransitSeal({
      ...{ address: bao.address, token: new Secret(token.client_token), namespace: '', skipVerify: false },
      ...{ keyName: 'unseal', mountPath: 'transit/', disableRenewal: true },
      warn: (message) => warnings.push(message),
      ...more,
    });
    seals.push(seal);
    return seal;
  }
  const wrapperOf = (seal: Seal): KeyWrapper => seal.wrapper ?? assert.fail();

  sealConformance('transit', async () => open());

  const wrappedIn = (raw: Store): Buffer =>
    Buffer.concat(decodeWrapped(raw.get('seal/wrapped') ?? assert.fail()).map(({ wrapped }) => wrapped));

  test('beside a key file: either opens, and one that is away holds nobody up', async () => {
    const raw = openMemoryStore();
    const file = configured(await staticSeal(), { name: 'file', priority: 2 });
    const far = (more?: Partial<TransitSealConfig>) => configured(open(more), { name: 'far' });
    const away = { address: 'http://127.0.0.1:1' };
    await lifecycleOn(raw, sealsOf([far(), file])).init({}, () => undefined);
    const degraded = lifecycleOn(raw, sealsOf([far(away), file]));
    assert.equal((await degraded.open(signal)).sealed, false);
    await degraded.watch.run();
    const { healthy, fully_wrapped: whole, backends } = degraded.backends();
    assert.deepEqual([healthy, whole, backends.map((each) => each.healthy)], [false, true, [false, true]]);
    assert.equal((await lifecycleOn(raw, sealsOf([far()])).open(signal)).sealed, false);
  });

  test('after a rotation on the far side the key is wrapped anew at the next start', async () => {
    const raw = openMemoryStore();
    const first = lifecycleOn(raw, open());
    await first.init({ recoveryShares: 1, recoveryThreshold: 1 }, () => undefined);
    await bao.ask('POST', 'transit/keys/unseal/rotate', {});
    const before = wrappedIn(raw);
    assert.ok(before.includes('vault:v1:'));
    assert.equal((await lifecycleOn(raw, open()).open(signal)).sealed, false);
    const anew = wrappedIn(raw);
    assert.ok(anew.includes('vault:v2:'));
    await bao.ask('POST', 'transit/keys/unseal/config', { min_decryption_version: 2 });
    assert.equal((await lifecycleOn(raw, open()).open(signal)).sealed, false);
    await bao.ask('POST', 'transit/keys/unseal/config', { min_decryption_version: 1 });
  });

  test('a token without the right, another key and a mount that is missing are refused by name, at once', async () => {
    const wrapped = await wrapperOf(open()).wrap(newKey(), signal);
    for (const wrong of [{ token: new Secret('s.none') }, { keyName: 'other' }, { mountPath: 'none' }]) {
      await assert.rejects(wrapperOf(open(wrong)).unwrap(wrapped, signal), (error: Error) => {
        assert.ok(isLockstepError(error, 'invalidConfig'), String(error));
        assert.match(error.message, /seal "transit": .* refused with 40[34]/);
        return true;
      });
    }
    assert.equal(await open({ keyName: 'other' }).check(signal), 'unreachable');
  });

  test('a far side that is away is asked again until it answers, or until the time is over', async () => {
    const wrapped = await wrapperOf(open()).wrap(newKey(), signal);
    let away = true;
    const told: string[] = [];
    const gate = createServer((request, response) => {
      if (away) return void response.writeHead(503).end('{"errors":["Vault is sealed"]}');
      const body: Buffer[] = [];
      request.on('data', (piece: Buffer) => body.push(piece));
      request.on('end', () => {
        const asked = (request.url ?? '').slice('/v1/'.length);
        const sent = String(request.headers['x-vault-token']);
        void bao
          .ask(request.method ?? '', asked, JSON.parse(Buffer.concat(body).toString()), sent)
          .then((answer) => response.writeHead(answer.status).end(JSON.stringify(answer.body)));
      });
    }).listen(0, '127.0.0.1');
    await once(gate, 'listening');
    const address = `http://127.0.0.1:${(gate.address() as { port: number }).port}`;
    const over = new AbortController();
    const warn = (message: string): void => {
      told.push(message);
      if (told.length === 2) over.abort();
      if (told.length === 4) away = false;
    };
    const seal = open({ address, warn });
    await assert.rejects(wrapperOf(seal).unwrap(wrapped, over.signal), (error) => isLockstepError(error, 'timeout'));
    assert.equal(await seal.check(signal), 'unreachable');
    assert.ok(await wrapperOf(seal).unwrap(wrapped, signal));
    assert.ok(told.length >= 4);
    for (const message of told) assert.ok(message.includes(address) && !message.includes(token.client_token));
    assert.equal(await seal.check(signal), 'healthy');
    gate.close();
    gate.closeAllConnections();
    const { port } = new URL(address);
    const closed = open({ address: `http://127.0.0.1:${port}` });
    await assert.rejects(wrapperOf(closed).wrap(newKey(), AbortSignal.abort()), (error) =>
      isLockstepError(error, 'timeout'),
    );
  });

  test('the token is kept alive', async () => {
    const lookUp = async (): Promise<unknown> => {
      const { body } = await bao.ask('POST', 'auth/token/lookup-accessor', { accessor: token.accessor });
      return (body as { data: { last_renewal_time?: unknown } }).data.last_renewal_time;
    };
    assert.equal(await lookUp(), undefined);
    await wrapperOf(open({ disableRenewal: false })).wrap(newKey(), signal);
    while ((await lookUp()) === undefined)
      await once(process, 'never', { signal: AbortSignal.timeout(20) }).catch(() => 0);
  });

  test('a server starts sealed by it, and opens by itself at the next start', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-transit-'));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const [file, tokenFile] = [join(folder, 'server.hcl'), join(folder, 'token')];
    writeFileSync(tokenFile, `${token.client_token}\n`, { mode: 0o600 });
    writeFileSync(
      file,
      `storage "lmdb" { path = "${join(folder, 'data')}" }
       listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
       seal "transit" {
         address = "${bao.address}"
         token = "file://${tokenFile}"
         key_name = "unseal"
       }`,
    );
    let root = '';
    {
      await using server = new ServerProcess([`-config=${file}`]);
      const body = { recovery_shares: 1, recovery_threshold: 1 };
      const { json, text } = await server.ask('PUT', '/v1/sys/init', { body });
      root = String(json['root_token']);
      assert.equal((json['recovery_keys'] as string[]).length, 1, text);
      server.signal('SIGTERM');
      assert.equal(await server.exit, 0);
    }
    await using server = new ServerProcess([`-config=${file}`]);
    let status = await server.ask('GET', '/v1/sys/seal-status');
    while (status.json['sealed'] !== false) status = await server.ask('GET', '/v1/sys/seal-status');
    assert.deepEqual([status.json['type'], status.json['recovery_seal']], ['transit', true]);
    assert.equal((await server.ask('GET', '/v1/sys/mounts', { token: root })).status, 200);
    assert.ok(!server.lines.join('\n').includes(token.client_token));
  });
});
