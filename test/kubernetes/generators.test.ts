/** Generators on a real API server: an ExternalSecret of what is made, by objects of every kind of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutControlPlane } from './support/binaries.ts';
import { create } from './support/service-accounts.ts';
import { base64, readyOf, SECRETS, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const apiVersion = 'generators.external-secrets.io/v1alpha1';
const GROUP = `/apis/${apiVersion}`;

const textOf = (value: string | undefined): string => Buffer.from(value ?? '', 'base64').toString('utf8');

describe('generators', { skip }, () => {
  let shop: Shop;

  before(async () => {
    shop = await Shop.open();
  });
  after(() => shop[Symbol.asyncDispose]());

  const generator = (kind: string, plural: string, name: string, spec: object): Promise<unknown> =>
    create(shop.cluster, `${GROUP}/namespaces/shop/${plural}`, { apiVersion, kind, metadata: { name }, spec });
  const from = (kind: string, name: string, more: object = {}) => ({
    dataFrom: [{ sourceRef: { generatorRef: { apiVersion, kind, name } }, ...more }],
  });
  const made = async (name: string, spec: object) => {
    await shop.external(name, { refreshInterval: '24h', ...spec });
    await shop.untilReason(name, 'SecretSynced', 'True');
    return (await shop.see(`${SECRETS}/${name}`))?.data ?? {};
  };

  test('a password, a UUID, an SSH key and a fake become Secrets', async () => {
    await generator('Password', 'passwords', 'defaults', {});
    await generator('UUID', 'uuids', 'id', {});
    await generator('SSHKey', 'sshkeys', 'deploy', { keyType: 'ed25519', comment: 'deploy@shop' });
    await generator('Fake', 'fakes', 'fixed', { data: { 'a.b': '1' } });
    assert.equal(textOf((await made('password', from('Password', 'defaults')))['password']).length, 24);
    assert.match(textOf((await made('uuid', from('UUID', 'id')))['uuid']), /^[0-9a-f-]{36}$/);
    const { privateKey, publicKey } = await made('ssh', from('SSHKey', 'deploy'));
    assert.match(textOf(publicKey), /^ssh-ed25519 [A-Za-z0-9+/]+ deploy@shop\n$/);
    assert.match(textOf(privateKey), /^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
    const rewrite = [{ regexp: { source: '(.*)', target: 'x-$1' } }];
    assert.deepEqual(await made('fake', from('Fake', 'fixed', { rewrite })), { 'x-a.b': base64('1') });
  });

  test('nothing is made anew before it is due, though the controller begins again', async () => {
    const before = await shop.see(`${SECRETS}/password`);
    await shop.takeOver();
    await made('after', from('UUID', 'id'));
    assert.equal((await shop.see(`${SECRETS}/password`))?.metadata.resourceVersion, before?.metadata.resourceVersion);
  });

  test('one of the cluster serves all namespaces, by what the asking one has', async () => {
    await create(shop.cluster, `${GROUP}/clustergenerators`, {
      ...{ apiVersion, kind: 'ClusterGenerator', metadata: { name: 'short' } },
      spec: { kind: 'Password', generator: { passwordSpec: { length: 8, symbols: 0, secretKeys: ['one', 'two'] } } },
    });
    const data = await made('by-cluster', from('ClusterGenerator', 'short'));
    assert.deepEqual([Object.keys(data).sort(), textOf(data['one']).length], [['one', 'two'], 8]);
    assert.notEqual(data['one'], data['two']);
  });

  test('credentials of another namespace are lent to nobody', async () => {
    const provider = await shop.serverConfig();
    const auth = { tokenSecretRef: { name: 'token', key: 'token', namespace: 'lockstep-system' } };
    const vaultDynamicSecretSpec = { path: 'auth/token/lookup-self', provider: { ...provider, auth } };
    await create(shop.cluster, `${GROUP}/clustergenerators`, {
      ...{ apiVersion, kind: 'ClusterGenerator', metadata: { name: 'greedy' } },
      spec: { kind: 'VaultDynamicSecret', generator: { vaultDynamicSecretSpec } },
    });
    await shop.external('greedy', from('ClusterGenerator', 'greedy'));
    const refused = await shop.untilReason('greedy', 'SecretSyncedError', 'False');
    assert.match(readyOf(refused)?.message ?? '', /its own namespace/);
  });

  test('what is not there, and what is not offered, is said', async () => {
    await shop.external('none', from('Password', 'none'));
    assert.match(readyOf(await shop.untilReason('none', 'SecretSyncedError', 'False'))?.message ?? '', /there is none/);
    await shop.external('other', from('QuayAccessToken', 'x'));
    const other = await shop.untilReason('other', 'SecretSyncedError', 'False');
    assert.match(readyOf(other)?.message ?? '', /"QuayAccessToken" is not offered: it is one of Fake, Password/);
  });

  test('a token that is made lives as long as its ExternalSecret', async () => {
    await generator('VaultDynamicSecret', 'vaultdynamicsecrets', 'token', {
      ...{ path: 'auth/token/create', method: 'POST', parameters: { policies: ['default'], ttl: '1h' } },
      ...{ resultType: 'Auth', provider: await shop.serverConfig() },
    });
    const data = await made('token-of-its-own', from('VaultDynamicSecret', 'token'));
    const token = textOf(data['client_token']);
    const works = async (): Promise<boolean> =>
      (await shop.lockstep.server.ask('GET', '/v1/auth/token/lookup-self', { token })).status === 200;
    assert.ok(await works());
    const states = await shop.cluster.ask('GET', `${GROUP}/namespaces/shop/generatorstates`);
    const [state] = (states.body as { readonly items: readonly { readonly metadata: { readonly name: string } }[] })
      .items;
    assert.match(state?.metadata.name ?? '', /^token-of-its-own-/);
    assert.ok(!JSON.stringify(states.body).includes(token), 'no secret is kept in it');
    const path = `${GROUP}/namespaces/shop/generatorstates/${state?.metadata.name ?? ''}`;
    await shop.untilReady(path, 'Created', 'True');
    await shop.cluster.ask('DELETE', shop.es('token-of-its-own'));
    await shop.until(path, (seen) => seen === undefined);
    assert.ok(!(await works()));
  });

  test('a token that does not get into its Secret is taken back', async () => {
    const before = await shop.cluster.ask('GET', `${GROUP}/namespaces/shop/generatorstates`);
    assert.equal((before.body as { readonly items: readonly object[] }).items.length, 0);
    await create(shop.cluster, SECRETS, { metadata: { name: 'theirs' }, data: { a: base64('1') } });
    await shop.external('theirs', { refreshInterval: '24h', ...from('VaultDynamicSecret', 'token') });
    await shop.untilReason('theirs', 'SecretSyncedError', 'False');
    const listed = `${GROUP}/namespaces/shop/generatorstates`;
    await shop.until(listed, (seen) => (seen as unknown as { readonly items?: readonly object[] }).items?.length === 0);
    const accessors = await shop.lockstep.server.ask('LIST', '/v1/auth/token/accessors', {
      token: shop.lockstep.token,
    });
    assert.equal((accessors.json as { readonly data: { readonly keys: readonly string[] } }).data.keys.length, 1);
  });
});
