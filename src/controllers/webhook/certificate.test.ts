import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubernetesApi } from '../../kube/api.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import { ownCertificate } from './certificate.ts';

const SECRET = '/api/v1/namespaces/system/secrets/hook';
const CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hook';

interface Stored {
  readonly metadata: { readonly resourceVersion: string; readonly labels?: object };
  readonly data?: Readonly<Record<string, string>>;
  readonly webhooks?: readonly { readonly clientConfig?: { readonly caBundle?: string } }[];
}

const problem = (status: number): KubernetesProblem => new KubernetesProblem('refused', { status });

/** As much of an API server as it asks: objects by path, under their versions. `before` happens before each write. */
class Server {
  readonly objects = new Map<string, Stored>();
  readonly written: string[] = [];
  before: (path: string) => void = () => undefined;
  #version = 0;

  put(path: string, object: object): void {
    this.#version += 1;
    const { metadata } = object as Stored;
    this.objects.set(path, { ...object, metadata: { ...metadata, resourceVersion: String(this.#version) } });
  }

  api(): KubernetesApi {
    const read = (path: string): Promise<unknown> => {
      const found = this.objects.get(path);
      return found === undefined ? Promise.reject(problem(404)) : Promise.resolve(found);
    };
    const write = (path: string, object: object, known: string | undefined): Promise<unknown> => {
      this.before(path);
      const found = this.objects.get(path);
      if (found?.metadata.resourceVersion !== known) return Promise.reject(problem(409));
      this.put(path, { ...found, ...object });
      this.written.push(path);
      return read(path);
    };
    return {
      json: read,
      create: (path: string, object: Stored & { readonly metadata: { readonly name: string } }) =>
        write(`${path.split('?')[0] ?? ''}/${object.metadata.name}`, object, undefined),
      send: ({ path, body }: { readonly path: string; readonly body: Stored }) =>
        write(path.split('?')[0] ?? '', body, body.metadata.resourceVersion),
    } as unknown as KubernetesApi;
  }
}

const own = { at: { namespace: 'system', name: 'hook' }, names: ['hook.system.svc'], now: () => 1_800_000_000_000 };

function server(): Server {
  const made = new Server();
  made.put(CONFIGURATION, {
    metadata: {},
    webhooks: [{ name: 'a', clientConfig: { url: 'https://a' } }, { name: 'b' }],
  });
  return made;
}

const bundles = (made: Server) =>
  made.objects.get(CONFIGURATION)?.webhooks?.map(({ clientConfig }) => clientConfig?.caBundle);

test('it is made, kept in a Secret and told; then nothing more is written', async () => {
  const made = server();
  const source = ownCertificate(made.api(), own);
  const shown = await source();
  const { data = {} } = made.objects.get(SECRET) ?? {};
  assert.equal(Buffer.from(data['tls.crt'] ?? '', 'base64').toString(), shown.cert);
  assert.deepEqual(bundles(made), [data['ca.crt'], data['ca.crt']]);
  assert.deepEqual(made.objects.get(CONFIGURATION)?.webhooks?.[0]?.clientConfig, {
    url: 'https://a',
    caBundle: data['ca.crt'],
  });
  assert.deepEqual(await source(), shown);
  assert.deepEqual(await ownCertificate(made.api(), own)(), shown);
  assert.deepEqual(made.written, [SECRET, CONFIGURATION]);
});

test('two that begin at once show the same, and each writes no more than what is not there yet', async () => {
  const made = server();
  const [one, other] = await Promise.all([ownCertificate(made.api(), own)(), ownCertificate(made.api(), own)()]);
  assert.deepEqual(one, other);
  assert.deepEqual(made.written, [SECRET, CONFIGURATION]);
});

test('one that somebody else has renewed meanwhile is taken, not written over', async () => {
  const [made, other] = [server(), server()];
  const theirs = await ownCertificate(other.api(), own)();
  made.before = (path) => {
    if (path === SECRET && !made.objects.has(SECRET)) made.put(SECRET, other.objects.get(SECRET) ?? {});
  };
  assert.deepEqual(await ownCertificate(made.api(), own)(), theirs);
  assert.deepEqual(made.written, [CONFIGURATION]);
});

test('it is shown only once it is told whom to trust', async () => {
  const made = new Server();
  await assert.rejects(
    ownCertificate(made.api(), own)(),
    /the ValidatingWebhookConfiguration "hook" is not there: apply/,
  );
});

test("somebody else's Secret of that name is not written over", async () => {
  const made = server();
  made.put(SECRET, { metadata: {}, data: { 'tls.crt': 'eA==' } });
  await assert.rejects(
    ownCertificate(made.api(), own)(),
    /system\/hook was not made by this controller.*-webhook-name/,
  );
  assert.deepEqual(made.written, []);
});

test('one that others change all the time is given up, and said to be', async () => {
  const made = server();
  made.put(SECRET, { metadata: { labels: { 'lockstep/webhook': 'certificate' } } });
  made.before = (path) => {
    if (path === SECRET) made.put(SECRET, made.objects.get(SECRET) ?? {});
  };
  await assert.rejects(ownCertificate(made.api(), own)(), /changed again and again/);
});
