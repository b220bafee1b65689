/**
 * The provider `gcpsm` against a server of ours, on which Google's own client for Python is set first: what that writes ours reads,
 * and the other way around.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ProviderProblem, type ProviderClient, type StoreIdentity } from '../../src/providers/contract.ts';
import { givenCredentials, type Given } from '../../src/providers/credentials.testing.ts';
import type { GcpsmConfig } from '../../src/providers/gcpsm/config.ts';
import { gcpsm } from '../../src/providers/gcpsm/provider.ts';
import { providerConformance, type ProviderWorld, type Who } from '../../src/providers/provider.conformance.ts';
import { googleServer, type GoogleServer } from '../support/google.ts';
import { pythonWith, withoutPython } from './support/cache.ts';
import { must } from './support/run.ts';

const { signal } = new AbortController();
const noPython = await withoutPython();
const OWNER = 'owner@shop.iam.gserviceaccount.com';
const AUDIENCE = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k';
const cluster: StoreIdentity = { kind: 'ClusterSecretStore', name: 'x', namespace: 'team' };

const problem = (kind: ProviderProblem['kind'], said: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ProviderProblem, String(error));
  assert.deepEqual([error.kind, said.test(error.message) ? '' : error.message], [kind, '']);
  return true;
};
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

describe('gcpsm', () => {
  const opened = new Set<ProviderClient>();
  const files: Record<string, { readonly key: string }> = {};
  let google: GoogleServer;

  const secretRef = (name: string): GcpsmConfig => ({
    auth: { secretRef: { secretAccessKeySecretRef: { name, key: 'key' } } },
  });
  const client = (config: GcpsmConfig, given: Given = {}): ProviderClient => {
    const made = gcpsm.connect({ projectID: 'shop', ...config }, givenCredentials({ secrets: files, ...given }));
    opened.add(made);
    return made;
  };
  const read = async (from: ProviderClient, key: string, more: object = {}): Promise<string> => {
    const found = await from.read({ key, ...more }, signal);
    return found.found ? Buffer.from(found.value).toString('utf8') : 'not found';
  };
  const put = (key: string, text: string, labels: Readonly<Record<string, string>> = {}): void => {
    const path = `projects/shop/secrets/${key}`;
    const data = Buffer.from(text).toString('base64');
    const there = google.secrets.get(path) ?? { given: {}, labels, annotations: {}, etag: 1, versions: [] };
    there.versions.push({ data, state: 'ENABLED' });
    google.secrets.set(path, there);
  };
  const stored = (key: string, parent = 'projects/shop') => {
    const found = google.secrets.get(`${parent}/secrets/${key}`);
    assert.ok(found, key);
    return found;
  };
  const pushSecretMetadata = (spec: object): object => ({
    ...{ apiVersion: 'kubernetes.external-secrets.io/v1alpha1', kind: 'PushSecretMetadata' },
    spec,
  });

  before(async () => {
    google = await googleServer();
    Object.assign(process.env, google.variables);
    for (const who of ['owner', 'stranger']) {
      files[who] = { key: await google.keyFile(`${who}@shop.iam.gserviceaccount.com`) };
    }
    google.allowed.add(OWNER);
  });
  after(async () => {
    for (const each of opened) each.close();
    for (const name of Object.keys(google.variables)) delete process.env[name];
    await google[Symbol.asyncDispose]();
  });

  test(
    'Google’s own client gets on with the server, and with what ours wrote',
    { skip: noPython ?? false },
    async () => {
      const python = await pythonWith('google-cloud-secret-manager-2.32.0-python', [
        'google-cloud-secret-manager==2.32.0',
        'google-auth==2.63.0',
        'requests==2.34.2',
      ]);
      await client(secretRef('owner')).push?.({ key: 'ours', value: bytes('from <ä>') }, signal);
      const subject = await google.clusterToken({ sub: 'system:serviceaccount:team:app', aud: AUDIENCE });
      const input = JSON.stringify({ url: google.url, key: files['owner']?.key, subject, audience: AUDIENCE });
      const script = join(import.meta.dirname, 'google/secret_manager.py');
      const said = await must(python, [script], { input });
      assert.deepEqual(JSON.parse(said), {
        ...{ ours: 'from <ä>', first: 'one', latest: 'two', listed: ['theirs'], federated: 'two', gone: 'NotFound' },
        ...{ stale: 'BadRequest', twice: 'Conflict', labels: { team: 'x' } },
      });
      assert.equal(await read(client(secretRef('owner')), 'left'), 'by them');
    },
  );

  providerConformance({
    name: 'gcpsm',
    without: {
      binary: 'a property of JSON is text; whole secrets are bytes: see below',
      path: 'names have no slashes: a path is how they begin, see below',
      race: 'its API has no check on new versions',
    },
    version: { names: async () => Promise.resolve(['1', '2']), none: '9' },
    world: async (): Promise<ProviderWorld> => ({
      connect: (who: Who) => {
        if (who !== 'nowhere') return client(secretRef(who));
        const key = JSON.stringify({ ...JSON.parse(files['owner']?.key ?? '{}'), private_key_id: 'canary' });
        const before_ = { ...process.env };
        process.env['CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER'] = 'http://127.0.0.1:1';
        try {
          return client(secretRef('away'), { secrets: { away: { key } } });
        } finally {
          Object.assign(process.env, before_);
        }
      },
      put: async (key, values, tags = {}) => {
        put(key, JSON.stringify(values), tags);
        return Promise.resolve();
      },
      putText: async (key, text) => {
        put(key, text);
        return Promise.resolve();
      },
      revision: async (key) => {
        const { versions, etag, labels } = stored(key);
        return Promise.resolve(JSON.stringify([versions, etag, labels]));
      },
    }),
  });

  test('bytes that are no text come through as a whole secret; an empty one is a value', async () => {
    const own = client(secretRef('owner'));
    const value = Uint8Array.from({ length: 256 }, (_, at) => at);
    await own.push?.({ key: 'raw', value }, signal);
    const found = await own.read({ key: 'raw' }, signal);
    assert.ok(found.found && Buffer.from(value).equals(found.value));
    put('empty', '');
    assert.deepEqual(await own.read({ key: 'empty' }, signal), { found: true, value: Buffer.from('') });
  });

  test('all pages are read; a path is how names begin; a name that Google has not is refused', async () => {
    const own = client(secretRef('owner'));
    for (const each of ['1', '2', '3', '4', '5', '6', '7']) put(`paged-${each}`, each, { of: 'pages' });
    const names = async (query: object) => [...((await own.find?.(query, signal)) ?? new Map()).keys()].toSorted();
    assert.equal((await names({ name: '^paged-' })).length, 7);
    assert.equal((await names({ tags: { of: 'pages' } })).length, 7);
    assert.deepEqual(await names({ path: 'paged-7', name: '.' }), ['paged-7']);
    assert.deepEqual(await names({ tags: { of: 'no" label OR labels.of=pages' } }), []);
    for (const key of ['a/versions/1', '..', '../../other/secrets/a', 'a:access', '']) {
      await assert.rejects(own.read({ key }, signal), problem('invalid', /is no name of a secret/), key);
      await assert.rejects(
        async () => own.push?.({ key, value: bytes('') }, signal),
        problem('invalid', /no name/),
        key,
      );
    }
    await assert.rejects(own.read({ key: 'paged-1', version: '../x' }, signal), problem('invalid', /no name/));
  });

  test('a version that is disabled is no answer, unless the store takes the newest that is enabled', async () => {
    for (const each of ['one', 'two', 'three']) put('disabled', each);
    const { versions } = stored('disabled');
    for (const each of versions.slice(1)) each.state = 'DISABLED';
    const failing = client({ ...secretRef('owner'), secretVersionSelectionPolicy: 'LatestOrFail' });
    await assert.rejects(failing.read({ key: 'disabled' }, signal), problem('unsuitable', /DISABLED state/));
    const fetching = client({ ...secretRef('owner'), secretVersionSelectionPolicy: 'LatestOrFetch' });
    assert.equal(await read(fetching, 'disabled'), 'one');
    await assert.rejects(fetching.read({ key: 'disabled', version: '2' }, signal), problem('unsuitable', /DISABLED/));
    for (const each of versions) each.state = 'DISABLED';
    await assert.rejects(fetching.read({ key: 'disabled' }, signal), problem('unsuitable', /DISABLED state/));
  });

  test('labels and annotations are read, and written as a PushSecret says', async () => {
    const own = client(secretRef('owner'));
    const push = (spec?: object): unknown =>
      own.push?.(
        { key: 'about', value: bytes('v'), ...(spec === undefined ? {} : { metadata: pushSecretMetadata(spec) }) },
        signal,
      );
    const cmekKeyName = 'projects/p/locations/l/keyRings/r/cryptoKeys/k';
    const topics = ['projects/shop/topics/changed'];
    await push({
      labels: { team: 'a' },
      annotations: { note: 'n' },
      topics,
      replicationLocations: ['eu', 'us'],
      cmekKeyName,
    });
    const made = stored('about');
    const encryption = { customerManagedEncryption: { kmsKeyName: cmekKeyName } };
    assert.deepEqual(made.given, {
      topics: [{ name: topics[0] }],
      replication: { userManaged: { replicas: ['eu', 'us'].map((location) => ({ location, ...encryption })) } },
    });
    const mark = { 'managed-by': 'external-secrets' };
    assert.deepEqual([made.labels, made.annotations], [{ team: 'a', ...mark }, { note: 'n' }]);
    const at = (property?: string): Promise<string> => read(own, 'about', { metadata: true, property });
    assert.deepEqual(await Promise.all([at('labels.team'), at('annotations')]), ['a', '{"note":"n"}']);
    assert.deepEqual(JSON.parse(await at()), { labels: made.labels, annotations: made.annotations });
    await assert.rejects(at('labels.none'), problem('unsuitable', /labels.none/));
    await assert.rejects(at('team'), problem('unsuitable', /labels and annotations/));
    await push();
    assert.deepEqual(made.labels, { team: 'a', ...mark });
    await push({ labels: { stage: 'b', 'managed-by': 'me' }, mergePolicy: 'Merge' });
    assert.deepEqual([made.labels, made.annotations], [{ team: 'a', stage: 'b', ...mark }, { note: 'n' }]);
    await push({ labels: { stage: 'c' }, mergePolicy: 'Replace' });
    assert.deepEqual([made.labels, made.annotations], [{ stage: 'c', ...mark }, {}]);
    assert.equal(made.versions.length, 1);
    assert.throws(() => own.checkMetadata?.(pushSecretMetadata({ topics: 'x' })), problem('invalid', /topics/));
    await own.push?.(
      { key: 'near', value: bytes('v'), metadata: pushSecretMetadata({ replicationLocation: 'eu' }) },
      signal,
    );
    assert.deepEqual(stored('near').given, { replication: { userManaged: { replicas: [{ location: 'eu' }] } } });
  });

  test('regional secrets are at their region; a location that is none is no address', async () => {
    const own = client({ ...secretRef('owner'), location: 'europe-west3' });
    await own.push?.({ key: 'regional', value: bytes('v') }, signal);
    assert.deepEqual(stored('regional', 'projects/shop/locations/europe-west3').given, {});
    assert.equal(await read(own, 'regional'), 'v');
    assert.equal(await read(client(secretRef('owner')), 'regional'), 'not found');
    assert.throws(() => client({ ...secretRef('owner'), location: 'x.evil.example/' }), problem('invalid', /location/));
    assert.throws(() => client({ ...secretRef('owner'), projectID: '../x' }), problem('invalid', /projectID/));
    const anyPolicy = { ...secretRef('owner'), secretVersionSelectionPolicy: 'Any' };
    assert.throws(() => client(anyPolicy), problem('invalid', /LatestOrFetch/));
  });

  test('one login serves many reads, and a token that was revoked is asked for anew', async () => {
    put('often', 'x');
    const own = client(secretRef('owner'));
    google.asked.length = 0;
    const logins = (): number => google.asked.filter((each) => each === 'POST /token').length;
    await Promise.all([1, 2, 3, 4].map(() => read(own, 'often')));
    await read(own, 'often');
    assert.equal(logins(), 1);
    google.revoke();
    assert.equal(await read(own, 'often'), 'x');
    assert.equal(logins(), 2);
  });

  test('keys of other types, and token addresses of somebody else, are refused', async () => {
    const key = JSON.parse(files['owner']?.key ?? '{}') as object;
    const with_ = (more: object): ProviderClient =>
      client(secretRef('other'), { secrets: { other: { key: JSON.stringify({ ...key, ...more }) } } });
    const other = google.variables['CLOUDSDK_AUTH_TOKEN_HOST'];
    await assert.rejects(
      with_({ type: 'external_account', credential_source: { executable: { command: 'id' } } }).check(signal),
      problem('invalid', /of the type external_account: a service account/),
    );
    await assert.rejects(with_({ private_key: 'x' }).check(signal), problem('invalid', /private_key/));
    await assert.rejects(with_({ universe_domain: 'x.example' }).check(signal), problem('invalid', /universe/));
    await assert.rejects(with_({ client_email: 'nobody@x' }).check(signal), problem('denied', /account not found/));
    const broken = client(secretRef('other'), { secrets: { other: { key: '{"private_key": "canary' } } });
    await assert.rejects(broken.check(signal), (error: Error) => !error.message.includes('canary'));
    delete process.env['CLOUDSDK_AUTH_TOKEN_HOST'];
    try {
      const uris = [
        'http://169.254.169.254/',
        'https://evil.example/?googleapis.com',
        'https://googleapis.com.evil.example/',
      ];
      for (const uri of [
        ...uris,
        'http://oauth2.googleapis.com/token',
        'https://oauth2.googleapis.com:8443/token',
        '',
      ]) {
        await assert.rejects(with_({ token_uri: uri }).check(signal), problem('invalid', /no address of Google/), uri);
      }
    } finally {
      process.env['CLOUDSDK_AUTH_TOKEN_HOST'] = other;
    }
  });

  test('a service account of the cluster, by the cluster’s own pool and by a federated one', async () => {
    put('by-account', 'x');
    google.allowed.add('federated:system:serviceaccount:team:app');
    const asked: unknown[] = [];
    const given = (annotations: Readonly<Record<string, string>> = {}): Given => ({
      annotations,
      token: async (ref, audiences, life) => {
        asked.push([ref.name, audiences, life]);
        return google.clusterToken({ sub: `system:serviceaccount:team:${ref.name}`, aud: [...audiences] });
      },
    });
    const serviceAccountRef = { name: 'app', audiences: ['more'] };
    const workloadIdentity = { serviceAccountRef, clusterLocation: 'eu', clusterName: 'c', clusterProjectID: 'infra' };
    assert.equal(await read(client({ auth: { workloadIdentity } }, given()), 'by-account'), 'x');
    const annotated = given({ 'iam.gke.io/gcp-service-account': OWNER });
    assert.equal(await read(client({ auth: { workloadIdentity } }, annotated), 'by-account'), 'x');
    assert.ok(google.asked.some((each) => each.includes('serviceAccounts/owner%40shop')));
    const federation = { serviceAccountRef: { name: 'app' }, audience: AUDIENCE };
    assert.equal(await read(client({ auth: { workloadIdentityFederation: federation } }, given()), 'by-account'), 'x');
    const becoming = { ...federation, gcpServiceAccountEmail: OWNER, serviceAccountRef: { name: 'none' } };
    assert.equal(await read(client({ auth: { workloadIdentityFederation: becoming } }, given()), 'by-account'), 'x');
    assert.deepEqual(asked, [
      ['app', ['infra.svc.id.goog', 'more'], 900],
      ['app', ['infra.svc.id.goog', 'more'], 900],
      ['app', [AUDIENCE], 900],
      ['none', [AUDIENCE], 900],
    ]);
    const other = { ...federation, serviceAccountRef: { name: 'app', audiences: ['sts.amazonaws.com'] } };
    const refused = client({ auth: { workloadIdentityFederation: other } }, given());
    await assert.rejects(refused.check(signal), problem('denied', /cannot log in: Google .* invalid_grant/));
  });

  test('a file of an external account names one address alone, and no file, program or machine', async () => {
    put('by-file', 'x');
    const server = createServer((request, reply) => {
      assert.equal(request.headers['x-who'], 'me');
      const token = google.clusterToken({ sub: 'system:serviceaccount:team:app', aud: AUDIENCE });
      void token.then((jwt) => reply.end(JSON.stringify({ jwt })));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const externalTokenEndpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/token`;
    const format = { type: 'json', subject_token_field_name: 'jwt' };
    const source = { url: externalTokenEndpoint, headers: { 'x-who': 'me' }, format };
    const asked = (credential_source: object, more: object = {}, store = cluster): Promise<string> => {
      const file = { type: 'external_account', audience: AUDIENCE, credential_source, ...more };
      const federation = { credConfig: { name: 'file', key: 'json' }, externalTokenEndpoint };
      const configMaps = { file: { json: JSON.stringify(file) } };
      return read(client({ auth: { workloadIdentityFederation: federation } }, { store, configMaps }), 'by-file');
    };
    try {
      assert.equal(await asked(source), 'x');
      const as = 'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts';
      assert.equal(
        await asked(source, { service_account_impersonation_url: `${as}/${OWNER}:generateAccessToken` }),
        'x',
      );
      for (const each of ['executable', 'file', 'environment_id', 'certificate']) {
        await assert.rejects(
          asked({ ...source, [each]: 'x' }),
          problem('invalid', new RegExp(`${each} is of the controller`)),
        );
      }
      await assert.rejects(
        asked({ ...source, url: 'http://169.254.169.254/' }),
        problem('invalid', /externalTokenEndpoint/),
      );
      await assert.rejects(asked(source, { token_url: 'https://evil.example/' }), problem('invalid', /token_url/));
      const elsewhere = { service_account_impersonation_url: 'https://evil.example/' };
      await assert.rejects(asked(source, elsewhere), problem('invalid', /impersonation/));
      await assert.rejects(asked(source, { type: 'authorized_user' }), problem('invalid', /external_account/));
      const team: StoreIdentity = { kind: 'SecretStore', name: 'x', namespace: 'team' };
      await assert.rejects(asked(source, {}, team), problem('invalid', /no address that a SecretStore may ask/));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('the controller lends its own account to a ClusterSecretStore alone; what can never work is said at once', async () => {
    put('by-machine', 'x');
    google.allowed.add('machine');
    assert.equal(await read(client({}, { store: cluster }), 'by-machine'), 'x');
    const account = { serviceAccountRef: { name: 'app' } };
    const aws = { region: 'eu', awsCredentialsSecretRef: { name: 'x' } };
    const wrong: readonly (readonly [GcpsmConfig, RegExp])[] = [
      [{}, /lends its own account to a ClusterSecretStore alone/],
      [{ auth: { ...secretRef('x').auth, workloadIdentity: account } }, /secretRef and workloadIdentity: one of them/],
      [{ auth: { secretRef: {} } }, /secretAccessKeySecretRef/],
      [{ auth: { workloadIdentity: account } }, /clusterLocation/],
      [{ auth: { workloadIdentityFederation: {} } }, /one of serviceAccountRef and credConfig/],
      [{ auth: { workloadIdentityFederation: account } }, /audience/],
      [
        { auth: { workloadIdentityFederation: { awsSecurityCredentials: aws } } },
        /awsSecurityCredentials is not offered/,
      ],
    ];
    for (const [config, said] of wrong) assert.throws(() => client(config), problem('invalid', said));
  });
});
