import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubernetesApi } from '../../kube/api.ts';
import { coreKind, Objects, type Listing } from '../../kube/objects.ts';
import type { ConfigMap } from '../cluster.ts';
import type { Secret } from '../external-secret/plan.ts';
import type { PushSecret } from './plan.ts';
import { sourceOf, type Source } from './source.ts';

const api = new KubernetesApi({
  ...{ name: 'none', server: 'https://127.0.0.1:1', ca: undefined, serverName: undefined, impersonate: {} },
  credential: () => Promise.resolve({}),
});

/** Answers with `found`, and tells what it was asked. */
class Listed extends Objects<Secret> {
  readonly asked: Listing[] = [];
  readonly #found: readonly Secret[];

  constructor(found: readonly Secret[]) {
    super(api, coreKind('Secret', 'secrets'));
    this.#found = found;
  }

  override list(listing: Listing): Promise<readonly Secret[]> {
    this.asked.push(listing);
    return Promise.resolve(this.#found);
  }
}

const generation = { generate: () => Promise.reject(new Error('no generator is asked')) };

test('Secrets are asked for by their labels: values of others are not read', async () => {
  const secrets = new Listed([{ metadata: { namespace: 'shop', name: 'db' }, data: { a: 'MQ==' } }]);
  const source: Source = { secrets, configMaps: new Objects<ConfigMap>(api, coreKind('ConfigMap', 'configmaps')) };
  const push = (selector: object): PushSecret =>
    ({ metadata: { namespace: 'shop', name: 'out' }, spec: { selector: { secret: { selector } } } }) as PushSecret;
  const selector = { matchLabels: { team: 'shop' }, matchExpressions: [{ key: 'old', operator: 'DoesNotExist' }] };
  const given = await sourceOf(source, push(selector), generation, AbortSignal.timeout(10_000));
  assert.deepEqual(secrets.asked, [{ namespace: 'shop', labelSelector: 'team=shop,!old' }]);
  assert.equal(given.length, 1);
  const hostile = push({ matchLabels: { team: 'shop,app' } });
  await assert.rejects(sourceOf(source, hostile, generation, AbortSignal.timeout(10_000)), /no label can be/);
  assert.equal(secrets.asked.length, 1);
});
