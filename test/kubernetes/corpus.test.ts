/**
 * Manifests of the shapes that the documents and examples of External Secrets Operator show, in words and names of ours: each applies to a real API
 * server with our kinds, without a field that they lack, and comes to what those documents say. In `corpus/`, a file for each guide: `Remote` is
 * what lies at the store, `Expected` what is to come of it.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { kindAt } from '../../src/kube/discovery.ts';
import { collectionPath, type KubernetesObject } from '../../src/kube/objects.ts';
import { apiOf } from './support/applied.ts';
import { withoutControlPlane } from './support/binaries.ts';
import type { Seen } from './support/controllers.ts';
import { readyOf, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const DIRECTORY = join(import.meta.dirname, 'corpus');
const files = globSync('*.yaml', { cwd: DIRECTORY }).toSorted();

type Texts = Readonly<Record<string, string>>;

interface Remote {
  readonly kind: 'Remote';
  readonly secrets: Readonly<Record<string, object>>;
  readonly tags?: Readonly<Record<string, Texts>>;
  /** Written by External Secrets before. */
  readonly marked?: readonly string[];
}

interface Named {
  readonly name: string;
  readonly namespace?: string;
}

interface Content extends Named {
  readonly data?: Texts;
  /** Patterns of values, where chance makes them. */
  readonly matches?: Texts;
  readonly type?: string;
  readonly labels?: Texts;
  readonly annotations?: Texts;
  readonly owned?: boolean;
  readonly immutable?: boolean;
}

interface Told extends Named {
  readonly reason: string;
  readonly says?: string;
}

interface Expected {
  readonly kind: 'Expected';
  readonly secrets?: readonly Content[];
  readonly configMaps?: readonly Content[];
  readonly stores?: readonly Told[];
  readonly ready?: readonly Told[];
  readonly refused?: readonly Told[];
  /** Without any condition. */
  readonly untouched?: readonly Named[];
  /** Names of Secrets. */
  readonly absent?: readonly string[];
  readonly remote?: Readonly<Record<string, object>>;
  /** Names of PushSecrets that are in sync. */
  readonly pushed?: readonly string[];
}

type Document = Remote | Expected | (KubernetesObject & { readonly kind: string });

const isRemote = (each: Document): each is Remote => each.kind === 'Remote';
const isExpected = (each: Document): each is Expected => each.kind === 'Expected';
const isObject = (each: Document): each is KubernetesObject & { readonly kind: string } =>
  !isRemote(each) && !isExpected(each);

const ES = '/apis/external-secrets.io/v1';
const core = (plural: string, { name, namespace = 'shop' }: Named): string =>
  `/api/v1/namespaces/${namespace}/${plural}/${name}`;
const external = ({ name, namespace = 'shop' }: Named): string =>
  `${ES}/namespaces/${namespace}/externalsecrets/${name}`;

describe('the corpus', { skip }, () => {
  let shop: Shop;

  before(async () => {
    shop = await Shop.open(['-unsafe-allow-generic-targets'], { targets: [{ group: '', resource: 'configmaps' }] });
  });
  after(() => shop[Symbol.asyncDispose]());

  async function documentsIn(file: string): Promise<readonly Document[]> {
    const { server } = await shop.serverConfig();
    const values: Texts = { SERVER: server, TOKEN: shop.lockstep.token };
    const text = readFileSync(join(DIRECTORY, file), 'utf8');
    const filled = text.replaceAll(/'\$\{(SERVER|TOKEN)\}'/g, (_all, name: string) => JSON.stringify(values[name]));
    return parseAllDocuments(filled, { logLevel: 'error' }).map((each) => {
      assert.deepEqual(each.errors, [], file);
      return each.toJS() as Document;
    });
  }

  async function seed({ secrets, tags = {}, marked = [] }: Remote): Promise<void> {
    for (const [key, data] of Object.entries(secrets)) await shop.put(key, data);
    const mark = (key: string): readonly [string, Texts] => [key, { 'managed-by': 'external-secrets' }];
    for (const [key, custom] of [...Object.entries(tags), ...marked.map(mark)])
      await shop.ask('POST', `kv/metadata/${key}`, { custom_metadata: custom });
  }

  /** As `kubectl create --validate=strict`: a field that our kinds lack is refused by the API server. */
  async function make(object: KubernetesObject & { readonly kind: string }): Promise<void> {
    const api = await apiOf(shop.cluster);
    const kind = await kindAt(api, object.apiVersion ?? '', object.kind);
    const path = `${collectionPath(kind, object.metadata.namespace)}?fieldValidation=Strict`;
    const { status, body } = await shop.cluster.ask('POST', path, object);
    assert.equal(status, 201, `${object.kind} ${object.metadata.name}: ${JSON.stringify(body)}`);
  }

  const textsOf = (data: Texts = {}, decode: boolean): Texts =>
    Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, decode ? Buffer.from(value, 'base64').toString('utf8') : value]),
    );

  function holdsAll(has: Texts | undefined, wanted: Texts | undefined, what: string): void {
    for (const [key, value] of Object.entries(wanted ?? {})) assert.equal(has?.[key], value, `${what}: ${key}`);
  }

  async function check(expected: Content, plural: 'secrets' | 'configmaps'): Promise<void> {
    const path = core(plural, expected);
    const { data, matches = {}, type, labels, annotations, owned, immutable } = expected;
    // What is merged into is there before.
    const done = (seen: Seen | undefined): boolean =>
      seen?.metadata.labels?.['reconcile.external-secrets.io/managed'] === 'true';
    const seen = await until(path, done);
    const texts = textsOf(seen.data, plural === 'secrets');
    if (data !== undefined) assert.deepEqual(texts, data, path);
    for (const [key, pattern] of Object.entries(matches)) assert.match(texts[key] ?? '', new RegExp(pattern), path);
    if (type !== undefined) assert.equal(seen.type, type, path);
    holdsAll(seen.metadata.labels, labels, path);
    holdsAll(seen.metadata.annotations, annotations, path);
    if (owned !== undefined) assert.equal(seen.metadata.ownerReferences !== undefined, owned, path);
    if (immutable !== undefined) assert.equal((seen as { readonly immutable?: boolean }).immutable, immutable, path);
  }

  /** What it never comes to is told with what is there instead. */
  async function until(path: string, holds: (seen: Seen | undefined) => boolean, tries = 1_200): Promise<Seen> {
    let seen: Seen | undefined;
    for (let left = tries; left > 0; left -= 1) {
      seen = await shop.see(path);
      if (seen !== undefined && holds(seen)) return seen;
      await pause(50);
    }
    const others = await shop.see(
      path.replace(/^\/api\/v1\/(.*)\/(secrets|configmaps)\//, `${ES}/$1/externalsecrets/`),
    );
    return assert.fail(`${path}: ${JSON.stringify(seen ?? others?.status)}`);
  }

  async function told(path: string, { reason, says = '' }: Told, status: string): Promise<void> {
    const seen = await until(path, (each) => readyOf(each)?.reason === reason && readyOf(each)?.status === status);
    assert.ok(readyOf(seen)?.message.includes(says), `${path}: ${readyOf(seen)?.message ?? ''}`);
  }

  /** One after the other. */
  async function each<T>(list: readonly T[] | undefined, look: (one: T) => Promise<void>): Promise<void> {
    for (const one of list ?? []) await look(one);
  }

  async function checkAll(expected: Expected): Promise<void> {
    const store = ({ name }: Told): string => `${ES}/namespaces/shop/secretstores/${name}`;
    const push = (name: string): string => `/apis/external-secrets.io/v1alpha1/namespaces/shop/pushsecrets/${name}`;
    await each(expected.stores, (one) => told(store(one), one, 'True'));
    await each(expected.secrets, (one) => check(one, 'secrets'));
    await each(expected.configMaps, (one) => check(one, 'configmaps'));
    await each(expected.ready, (one) => told(external(one), one, 'True'));
    await each(expected.refused, (one) => told(external(one), one, 'False'));
    await each(expected.pushed, (name) => told(push(name), { name, reason: 'Synced' }, 'True'));
    await each(Object.entries(expected.remote ?? {}), async ([key, data]) => {
      assert.deepEqual(await shop.at(key), data, key);
    });
    await each(expected.untouched, async (one) => {
      assert.equal((await shop.see(external(one)))?.status?.conditions, undefined, one.name);
    });
    await each(expected.absent, async (name) => {
      assert.equal(await shop.see(core('secrets', { name })), undefined, name);
    });
  }

  for (const file of files) {
    test(file, async () => {
      const documents = await documentsIn(file);
      for (const each of documents.filter(isRemote)) await seed(each);
      for (const each of documents.filter(isObject)) await make(each);
      const expected = documents.filter(isExpected);
      assert.ok(expected.length > 0, `${file} expects nothing`);
      for (const each of expected) await checkAll(each);
    });
  }

  test('a manifest of v1beta1 is of no kind here', async () => {
    const make = async (version: string): Promise<number> => {
      const path = `/apis/external-secrets.io/${version}/namespaces/shop/externalsecrets?dryRun=All`;
      const apiVersion = `external-secrets.io/${version}`;
      const object = { apiVersion, kind: 'ExternalSecret', metadata: { name: 'old' }, spec: {} };
      return (await shop.cluster.ask('POST', path, object)).status;
    };
    assert.equal(await make('v1beta1'), 404);
    // The same of ours is taken: nothing else is wrong with it.
    assert.equal(await make('v1'), 201);
  });
});
