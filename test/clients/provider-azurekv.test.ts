/**
 * The provider `azurekv` against a server of ours, on which Azure's own clients for Python are set first: what they write ours reads,
 * and the other way around.
 */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { certificateDer, pkcs8Of } from '../../src/lib/crypto/private-keys.ts';
import { writePkcs12 } from '../../src/lib/crypto/pkcs12.ts';
import type { ProviderClient } from '../../src/providers/contract.ts';
import { membersAt } from '../../src/providers/members.ts';
import { providerConformance, type ProviderWorld, type Who } from '../../src/providers/provider.conformance.ts';
import { TENANT, type AzureServer } from '../support/azure.ts';
import { azureStores, named, problem, SECRET, textAt as read, type AzureStores } from '../support/azure-stores.ts';
import { pythonWith, withoutPython } from './support/cache.ts';
import { must } from './support/run.ts';

const { signal } = new AbortController();
const noPython = await withoutPython();

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const pushSecretMetadata = (spec: object): object => ({
  ...{ apiVersion: 'kubernetes.external-secrets.io/v1alpha1', kind: 'PushSecretMetadata' },
  spec,
});

/** The numbers of an RSA key, hex, as Azure's client takes them. */
function rsaNumbers(jwk: webcrypto.JsonWebKey): Readonly<Record<string, string>> {
  const parts = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const;
  return Object.fromEntries(parts.map((each) => [each, Buffer.from(jwk[each] ?? '', 'base64url').toString('hex')]));
}

describe('azurekv', () => {
  let stores: AzureStores;
  let azure: AzureServer;
  let application: AzureStores['application'];

  const own = (): ProviderClient => stores.client(named('app'));
  const newest = (name: string, kind: 'secrets' | 'keys' | 'certificates' = 'secrets') => {
    const found = azure.vault.objects[kind].get(name)?.at(-1);
    assert.ok(found, name);
    return found;
  };
  const count = (name: string, kind: 'secrets' | 'keys' | 'certificates' = 'secrets'): number =>
    azure.vault.objects[kind].get(name)?.length ?? 0;

  before(async () => {
    stores = await azureStores();
    ({ azure, application } = stores);
  });
  after(() => stores[Symbol.asyncDispose]());

  test(
    'Azure’s own clients get on with the server, and with what ours wrote',
    { skip: noPython ?? false },
    async (t) => {
      const python = await pythonWith('azure-keyvault-4.12.0-python', [
        ...['azure-identity==1.27.0', 'azure-keyvault-secrets==4.12.0', 'azure-keyvault-keys==4.11.3'],
        ...['azure-keyvault-certificates==4.12.0', 'azure-core==1.41.0', 'msal==1.39.0', 'requests==2.34.2'],
      ]);
      const folder = await mkdtemp(join(tmpdir(), 'lockstep-azure-'));
      t.after(() => rm(folder, { recursive: true }));
      writeFileSync(join(folder, 'ca.pem'), azure.ca);
      const metadata = pushSecretMetadata({ contentType: 'text/plain', tags: { team: 'x' } });
      await own().push?.({ key: 'ours', value: bytes('from <ä>'), metadata }, signal);
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
      const pem = privateKey.export({ type: 'pkcs1', format: 'pem' });
      await own().push?.({ key: 'key/ours', value: Buffer.from(pem) }, signal);
      await own().push?.({ key: 'cert/ours', value: bytes(application.both) }, signal);
      const jwk = privateKey.export({ format: 'jwk' });
      const input = JSON.stringify({
        ...{ url: azure.url, tenant: TENANT, secret: SECRET, certificate: application.both },
        ...{ assertion: await stores.accountToken(['api://AzureADTokenExchange']), jwk: rsaNumbers(jwk) },
      });
      azure.applications.set('stranger', { secret: SECRET });
      const env = { ...process.env, REQUESTS_CA_BUNDLE: join(folder, 'ca.pem') };
      const said = await must(python, [join(import.meta.dirname, 'azure/key_vault.py')], { input, env });
      azure.applications.set('stranger', { secret: 'other' });
      assert.deepEqual(JSON.parse(said), {
        ...{ ours: ['from <ä>', 'text/plain', 'external-secrets'], certified: 'from <ä>', federated: 'from <ä>' },
        ...{ stranger: 'Forbidden', first: 'one', latest: 'two', listed: ['ours', 'theirs'], gone: 'SecretNotFound' },
        ...{ deleted: 'Conflict', recovered: 'two', key: 'RSA' },
        cert: Buffer.from(certificateDer(application.certificate) ?? []).toString('hex'),
      });
      assert.equal(await read(own(), 'theirs', { metadata: true, property: 'team' }), 'y');
      assert.equal(await read(own(), 'key/theirs', { property: 'n' }), jwk.n);
      const cert = await own().read({ key: 'cert/theirs' }, signal);
      assert.ok(cert.found && Buffer.from(cert.value).equals(certificateDer(application.certificate) ?? bytes('')));
    },
  );

  providerConformance({
    name: 'azurekv',
    without: {
      binary: 'secrets of Key Vault are text',
      path: 'names have no slashes: a path is how they begin, see below',
      race: 'its API has no check on writes',
    },
    version: {
      names: async (_client, key) => {
        const [first = '', second = ''] = (azure.vault.objects.secrets.get(key) ?? []).map(({ version }) => version);
        return Promise.resolve([first, second] as const);
      },
      none: '00000000000000000000000000000000',
    },
    world: async (): Promise<ProviderWorld> => ({
      connect: (who: Who) => {
        if (who === 'nowhere') return stores.client({ ...named('app'), vaultUrl: 'https://localhost:1' });
        return who === 'owner' ? own() : stores.client(named('stranger'));
      },
      put: async (key, values, tags = {}) => {
        azure.vault.put(key, JSON.stringify(values), tags);
        return Promise.resolve();
      },
      putText: async (key, text) => {
        azure.vault.put(key, text);
        return Promise.resolve();
      },
      revision: async (key) => Promise.resolve(JSON.stringify(azure.vault.objects.secrets.get(key))),
    }),
  });

  test('tags, content type and expiration are set, and a value that is right is not written again', async () => {
    const push = (spec?: object, value = 'v'): unknown =>
      own().push?.(
        { key: 'about', value: bytes(value), ...(spec === undefined ? {} : { metadata: pushSecretMetadata(spec) }) },
        signal,
      );
    await push({ tags: { team: 'a' }, contentType: 'text/plain', expirationDate: '2027-12-31T20:00:00Z' });
    const mark = { 'managed-by': 'external-secrets' };
    assert.deepEqual(newest('about').tags, { team: 'a', ...mark });
    assert.equal(newest('about').attributes['exp'], 1_830_283_200);
    const at = (property?: string): Promise<string> => read(own(), 'about', { metadata: true, property });
    assert.deepEqual(await Promise.all([at('team'), at('attribute.expires')]), ['a', '2027-12-31T20:00:00Z']);
    azure.asked.length = 0;
    await push();
    await push({ tags: { team: 'a' }, contentType: 'text/plain', expirationDate: '2027-12-31T20:00:00Z' });
    assert.ok(
      azure.asked.every((each) => each.startsWith('GET') || each.endsWith('/token')),
      String(azure.asked),
    );
    await push({ tags: { stage: '{"of":"test"}' } });
    assert.deepEqual([count('about'), newest('about').tags], [1, { team: 'a', stage: '{"of":"test"}', ...mark }]);
    assert.equal(await at('stage.of'), 'test');
    await push({}, 'w');
    assert.deepEqual([count('about'), newest('about').content['contentType']], [2, 'text/plain']);
    const members = await membersAt(own(), { key: 'about', metadata: true }, signal);
    assert.ok(members.found);
    assert.deepEqual(
      [...members.value.keys()].toSorted(),
      ['attribute.created', 'attribute.updated', 'managed-by', 'stage_of', 'team'].map((each) => `about_${each}`),
    );
    for (const spec of [{ tags: { 'managed-by': 'me' } }, { expirationDate: 'tomorrow' }, { description: 'x' }]) {
      assert.throws(() => own().checkMetadata?.(pushSecretMetadata(spec)), problem('invalid', /metadata/));
    }
  });

  test('keys and certificates are imported once, read, and removed', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'sec1', format: 'pem' });
    const push = (key: string, value: Uint8Array, more: object = {}): unknown =>
      own().push?.({ key, value, ...more }, signal);
    for (const _again of [1, 2]) await push('key/signing', Buffer.from(pem));
    assert.equal(count('signing', 'keys'), 1);
    const jwk = JSON.parse(await read(own(), 'key/signing')) as webcrypto.JsonWebKey;
    assert.equal(jwk.d, undefined);
    assert.ok(createPublicKey({ key: jwk, format: 'jwk' }).equals(createPublicKey(privateKey)));
    assert.equal(await read(own(), 'key/signing', { metadata: true, property: 'managed-by' }), 'external-secrets');
    await push('key/signing', Buffer.from(pem), { metadata: pushSecretMetadata({ tags: { team: 'a' } }) });
    assert.deepEqual([count('signing', 'keys'), newest('signing', 'keys').tags['team']], [1, 'a']);
    const der = certificateDer(application.certificate) ?? bytes('');
    const body =
      application.both
        .replaceAll(/-----[^-]+-----|\s/g, ' ')
        .trim()
        .split(/\s{2,}/)[0] ?? '';
    const key = pkcs8Of(Buffer.from(body, 'base64'), 'PRIVATE KEY') ?? bytes('');
    const pfx = writePkcs12({ key, certificates: [der] }, { text: '', spend: () => undefined });
    for (const value of [bytes(application.both), pfx]) await push('cert/tls', value);
    assert.equal(count('tls', 'certificates'), 1);
    await push('cert/pfx', pfx);
    const read_ = await own().read({ key: 'cert/pfx' }, signal);
    assert.ok(read_.found && Buffer.from(read_.value).equals(der));
    await assert.rejects(async () => push('key/none', bytes('canary')), problem('unsuitable', /no private key/));
    await assert.rejects(async () => push('cert/none', bytes('canary')), problem('unsuitable', /PKCS #12/));
    await assert.rejects(
      async () => push('key/signing', Buffer.from(pem), { property: 'a' }),
      problem('invalid', /property/),
    );
    await assert.rejects(membersAt(own(), { key: 'key/signing' }, signal), problem('unsuitable', /extract/));
    for (const each of ['key/signing', 'cert/tls', 'cert/pfx']) await own().remove?.({ key: each }, signal);
    assert.deepEqual([count('signing', 'keys'), count('tls', 'certificates')], [0, 0]);
    assert.equal(await read(own(), 'key/signing'), 'not found');
  });

  test('a deleted secret is recovered before it is written again, unless somebody else wrote it', async () => {
    const push = (key: string): unknown => own().push?.({ key, value: bytes('again') }, signal);
    await push('returning');
    await own().remove?.({ key: 'returning' }, signal);
    await own().push?.({ key: 'other', value: bytes('x') }, signal);
    await assert.rejects(async () => push('returning'), problem('unreachable', /being recovered/));
    await push('returning');
    assert.equal(await read(own(), 'returning'), 'again');
    azure.vault.put('foreign', 'theirs');
    azure.vault.objects.deletedsecrets.set('foreign', azure.vault.objects.secrets.get('foreign') ?? []);
    azure.vault.objects.secrets.delete('foreign');
    await assert.rejects(async () => push('foreign'), problem('denied', /not managed/));
    assert.ok(azure.vault.objects.deletedsecrets.has('foreign'));
  });

  test('a disabled secret is no answer, and is not found by a search, which goes to no other server', async () => {
    for (const name of ['listed-on', 'listed-off']) azure.vault.put(name, name, { of: 'list' });
    newest('listed-off').attributes = { enabled: false };
    await assert.rejects(own().read({ key: 'listed-off' }, signal), problem('unsuitable', /SecretDisabled/));
    const found = async (query: object): Promise<unknown> => [
      ...((await own().find?.(query, signal)) ?? new Map()).keys(),
    ];
    assert.deepEqual(await found({ tags: { of: 'list' } }), ['listed-on']);
    assert.deepEqual(await found({ name: '^listed', tags: { of: 'other' } }), []);
    assert.deepEqual(await found({ path: 'listed', name: '.' }), ['listed-on']);
    azure.vault.elsewhere = 'https://evil.example/secrets?api-version=7.4';
    await assert.rejects(found({ name: '^listed' }), problem('unreachable', /not its own/));
    azure.vault.elsewhere = undefined;
  });

  test('names that Azure has not are refused', async () => {
    for (const key of ['a/b', 'keys/a', 'secret/a/versions', '../secrets/a', '..', 'key/', 'a?x=y', 'a_b', '']) {
      await assert.rejects(own().read({ key }, signal), problem('invalid', /is no name of an object/), key);
      await assert.rejects(
        async () => own().push?.({ key, value: bytes('') }, signal),
        problem('invalid', /no name/),
        key,
      );
    }
    await assert.rejects(own().read({ key: 'a', version: '../b' }, signal), problem('invalid', /version/));
    await assert.rejects(
      async () => own().push?.({ key: 'binary', value: Uint8Array.of(0xff) }, signal),
      problem('unsuitable', /no text/),
    );
  });
});
