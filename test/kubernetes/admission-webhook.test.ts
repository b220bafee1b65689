/** Templates that do not compile are refused before they are stored: a real API server asks real controllers, by their own rights. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { freePort } from '../../src/cli/up/free-port.ts';
import { manifests, WEBHOOK } from '../../src/controllers/manifests.ts';
import { servingCertificate } from '../../src/lib/crypto/serving-certificate.ts';
import { applyAll, untilServed } from './support/applied.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesAnswer, type KubernetesCluster } from './support/cluster.ts';
import { controllersOf, type End } from './support/controllers.ts';
import { makeNamespaces } from './support/provider-worlds.ts';
import { create, projectedToken } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const GROUP = '/apis/external-secrets.io';
const ES = `${GROUP}/v1/namespaces/shop/externalsecrets`;
const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const SECRETS = '/api/v1/namespaces/lockstep-system/secrets';

const broken = { template: { data: { pw: 'user\n{{ nope .pw }}' } } };
const sound = { template: { data: { pw: '{{ .pw | upper }}' }, metadata: { labels: { from: '{{ "hub" }}' } } } };
const es = (name: string, target: object) => ({
  ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name } },
  spec: { secretStoreRef: { name: 's' }, target },
});
const selector = { secret: { name: 's' } };

interface Found {
  readonly metadata: object;
  readonly spec: object;
  readonly status?: object;
}

interface Secret {
  readonly metadata: { readonly labels?: object };
  readonly data: Readonly<Record<'ca.crt' | 'ca.key' | 'tls.crt' | 'tls.key', string>>;
}

interface Configuration {
  readonly metadata: { readonly resourceVersion: string };
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

const decoded = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
const printOf = (text: string): string => new X509Certificate(decoded(text)).fingerprint256;
const said = ({ body }: KubernetesAnswer): string => (body as { readonly message?: string }).message ?? '';

describe('a webhook', { skip }, () => {
  const started = new AsyncDisposableStack();
  let cluster: KubernetesCluster;
  let token: string;
  let ports: readonly [first: number, second: number];
  let lives: readonly [first: string, second: string];
  let ends: End[];

  const make = (object: object, path = ES): Promise<KubernetesAnswer> => cluster.ask('POST', path, object);
  const get = async <T>(path: string): Promise<T> => (await cluster.ask('GET', path)).body as T;
  const certificate = (): Promise<Secret> => get<Secret>(`${SECRETS}/${WEBHOOK}`);
  const configuration = (): Promise<Configuration> => get<Configuration>(`${CONFIGURATIONS}/${WEBHOOK}`);

  /** Puts another in its place; again while the controller, too, writes to it. The status of the answer. */
  async function change(name: string, to: (found: Found) => Found, part = ''): Promise<number> {
    for (;;) {
      const { status } = await cluster.ask('PUT', `${ES}/${name}${part}`, to(await get<Found>(`${ES}/${name}`)));
      if (status !== 409) return status;
    }
  }

  /** The fingerprint of what is shown there. */
  async function shownAt(port: number): Promise<string> {
    const { data } = await certificate();
    const socket = connect({ port, host: '127.0.0.1', ca: decoded(data['ca.crt']) });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  /** An API server trusts, or stops trusting, a moment after it was told. */
  async function untilRefused(): Promise<void> {
    while ((await make(es('early', broken), `${ES}?dryRun=All`)).status !== 422) await pause(100);
  }

  before(async () => {
    cluster = started.use(await startCluster());
    await makeNamespaces(cluster, ['shop', 'lockstep-system']);
    ports = [await freePort(), await freePort()];
    lives = [`127.0.0.1:${String(await freePort())}`, `127.0.0.1:${String(await freePort())}`];
    const objects = manifests('lockstep-system', { webhook: { url: `https://127.0.0.1:${String(ports[0])}` } });
    const isHook = ({ kind }: { readonly kind?: string }): boolean => kind === 'ValidatingWebhookConfiguration';
    await applyAll(
      cluster,
      objects.filter((each) => !isHook(each)),
    );
    await untilServed(cluster);
    // Somebody's from before there was a webhook.
    for (const name of ['before', 'leaving', 'status'])
      await create(cluster, ES, { ...es(name, broken), metadata: { name, finalizers: ['test/one'] } });
    const hook = objects.find(isHook);
    assert.ok(hook);
    // Three seconds may be too short for a machine that does much else.
    const webhooks = (hook.webhooks as readonly object[]).map((each) => ({ ...each, timeoutSeconds: 30 }));
    await applyAll(cluster, [{ ...hook, webhooks } as never]);
    token = await projectedToken(cluster, { namespace: 'lockstep-system', name: 'lockstep-controller' }, []);
    const kubeconfig = cluster.kubeconfig(undefined, token);
    ends = ports.map((port, i) =>
      controllersOf(kubeconfig, [
        `-webhook-addr=127.0.0.1:${String(port)}`,
        '-webhook-dns-names=127.0.0.1',
        '-webhook-check-interval=200ms',
      ])(lives[i] ?? ''),
    );
    started.defer(async () => {
      for (const end of ends) await end('SIGKILL');
    });
    await untilRefused();
  });
  after(() => started.disposeAsync());

  test('refuses an ExternalSecret by the field, the line and the reason', async () => {
    const answer = await make(es('refused', broken));
    assert.equal(answer.status, 422);
    assert.equal(
      said(answer),
      'admission webhook "templates.controller.lockstep" denied the request: ' +
        'spec.target.template.data[pw]: template: pw:2: function "nope" not defined',
    );
    assert.equal((await cluster.ask('GET', `${ES}/refused`)).status, 404);
  });

  test('refuses the other kinds that hold templates', async () => {
    const push = { secretStoreRefs: [{ name: 's' }], selector, ...broken };
    for (const [kind, version, path, spec] of [
      ['ClusterExternalSecret', 'v1', 'clusterexternalsecrets', { externalSecretSpec: es('', broken).spec }],
      ['PushSecret', 'v1alpha1', 'namespaces/shop/pushsecrets', push],
      ['ClusterPushSecret', 'v1alpha1', 'clusterpushsecrets', { pushSecretSpec: push }],
    ] as const) {
      const object = { apiVersion: `external-secrets.io/${version}`, kind, metadata: { name: 'refused' }, spec };
      const answer = await make(object, `${GROUP}/${version}/${path}`);
      assert.equal(answer.status, 422, kind);
      assert.match(said(answer), /template\.data\[pw\]: template: pw:2: function "nope" not defined/);
    }
  });

  test('allows what compiles, and what lies elsewhere', async () => {
    assert.equal((await make(es('sound', sound))).status, 201);
    const templateFrom = [{ configMap: { name: 'not-there', items: [{ key: 'k' }] } }];
    assert.equal((await make(es('elsewhere', { template: { templateFrom } }))).status, 201);
    assert.equal(await change('sound', (found) => ({ ...found, spec: es('', broken).spec })), 422);
  });

  test('what was broken before gets its labels, its status and its end, but no other broken template', async () => {
    const conditions = [{ type: 'Ready', status: 'False', reason: 'Test', message: 'of a test' }];
    assert.equal(await change('status', (found) => ({ ...found, status: { conditions } }), '/status'), 200);
    const target = (found: Found, to: object): Found => ({ ...found, spec: es('', to).spec });
    const metadata = (found: Found, more: object): Found => ({ ...found, metadata: { ...found.metadata, ...more } });
    assert.equal(await change('before', (found) => metadata(found, { labels: { a: 'b' } })), 200);
    const other = { template: { data: { pw: '{{ other }}' } } };
    assert.equal(await change('before', (found) => target(found, other)), 422);
    assert.equal(await change('before', (found) => target(found, sound)), 200);
    assert.equal((await cluster.ask('DELETE', `${ES}/leaving`)).status, 200);
    assert.equal(await change('leaving', (found) => metadata(found, { finalizers: [] })), 200);
    assert.equal((await cluster.ask('GET', `${ES}/leaving`)).status, 404);
  });

  test('is not asked about what the controller makes for others', async () => {
    const answer = await cluster.ask('POST', `${ES}?dryRun=All`, es('made', broken), token);
    assert.equal(answer.status, 201, said(answer));
  });

  test('several controllers show one certificate, and those who wait for the lead are ready', async () => {
    const { data } = await certificate();
    for (const port of ports) {
      while ((await shownAt(port).catch(() => '')) !== printOf(data['tls.crt'])) await pause(50);
    }
    assert.equal((await configuration()).webhooks[0]?.clientConfig.caBundle, data['ca.crt']);
    for (const live of lives) while ((await fetch(`http://${live}/readyz`)).status !== 200) await pause(50);
  });

  test('the certificate is replaced before it ends, of the same authority, and shown by all', async () => {
    const { data, ...secret } = await certificate();
    const before = await configuration();
    const now = Date.now() - 80 * 86_400_000;
    const kept = {
      ...{ authorities: decoded(data['ca.crt']), authorityKey: decoded(data['ca.key']) },
      server: { certificate: '', key: '' },
    };
    // As it would be after 80 days: of an authority that these controllers have not met.
    const old = await servingCertificate(undefined, { commonName: WEBHOOK, names: ['127.0.0.1'], now });
    assert.notEqual(old.authorities, kept.authorities);
    const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
    const ending = {
      ...{ 'ca.crt': encode(old.authorities), 'ca.key': encode(old.authorityKey) },
      ...{ 'tls.crt': encode(old.server.certificate), 'tls.key': encode(old.server.key) },
    };
    assert.equal((await cluster.ask('PUT', `${SECRETS}/${WEBHOOK}`, { ...secret, data: ending })).status, 200);
    let next = await certificate();
    while (next.data['tls.crt'] === ending['tls.crt']) {
      await pause(50);
      next = await certificate();
    }
    assert.equal(next.data['ca.crt'], ending['ca.crt']);
    for (const port of ports) {
      while ((await shownAt(port).catch(() => '')) !== printOf(next.data['tls.crt'])) await pause(50);
    }
    const after = await configuration();
    assert.equal(after.webhooks[0]?.clientConfig.caBundle, ending['ca.crt']);
    assert.notEqual(after.webhooks[0]?.clientConfig.caBundle, before.webhooks[0]?.clientConfig.caBundle);
    await untilRefused();
  });

  test('nothing is written while nothing is to be changed, and a lost Secret is made anew', async () => {
    const { resourceVersion } = (await configuration()).metadata;
    const { data } = await certificate();
    // The other controllers look several times meanwhile.
    const looks = async (): Promise<number> => {
      const metrics = (await cluster.ask('GET', '/metrics')).body as string;
      const line =
        /^apiserver_request_total\{[^}]*resource="validatingwebhookconfigurations"[^}]*verb="GET"[^}]*\} (\d+)/m;
      return Number(line.exec(metrics)?.[1] ?? 0);
    };
    const seen = await looks();
    while ((await looks()) < seen + 6) await pause(50);
    assert.equal((await configuration()).metadata.resourceVersion, resourceVersion);
    assert.deepEqual((await certificate()).data, data);
    await cluster.ask('DELETE', `${SECRETS}/${WEBHOOK}`);
    while ((await configuration()).metadata.resourceVersion === resourceVersion) await pause(50);
    assert.notEqual((await certificate()).data['ca.crt'], data['ca.crt']);
    await untilRefused();
  });

  test('its rights are over its own configuration alone', async () => {
    const statusOf = async (method: string, path: string, body?: object): Promise<number> =>
      (await cluster.ask(method, path, body, token)).status;
    const rights = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const may = async (resource: string, verb: string, name = '', namespace = ''): Promise<boolean> => {
      const group = resource === 'secrets' ? '' : 'admissionregistration.k8s.io';
      const spec = { resourceAttributes: { group, resource, verb, name, namespace } };
      const { body } = await cluster.ask('POST', rights, { spec }, token);
      return (body as { readonly status: { readonly allowed: boolean } }).status.allowed;
    };
    const hooks = 'validatingwebhookconfigurations';
    for (const verb of ['get', 'patch']) assert.equal(await may(hooks, verb, WEBHOOK), true, verb);
    for (const verb of ['create', 'list', 'watch', 'update', 'delete'])
      assert.equal(await may(hooks, verb, WEBHOOK), false, verb);
    for (const verb of ['get', 'patch']) assert.equal(await may(hooks, verb, 'other'), false, verb);
    assert.equal(await may('mutatingwebhookconfigurations', 'patch', WEBHOOK), false);
    assert.equal(await may('validatingadmissionpolicies', 'patch', WEBHOOK), false);
    assert.equal(await statusOf('DELETE', `${CONFIGURATIONS}/${WEBHOOK}`), 403);
  });

  test('with no controller left all is allowed', async () => {
    for (const end of ends.splice(0)) await end('SIGKILL');
    assert.equal((await make(es('unasked', broken))).status, 201);
  });
});
