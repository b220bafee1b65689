/** New keys of a cluster: who may bring them, and all who may not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';
import { documentOfKeys, signed, signingKey, unsigned, type SigningKey } from '../../lib/jwt/issuer.testing.ts';
import { publicationSigner, publisherAudience, type PublicationSigner } from '../../lib/jwt/key-publication.ts';
import { REFUSED } from '../../lib/jwt/refusal.ts';
import { AUDIENCE, claimsOf, enabledMethod, ISSUER } from './mount.testing.ts';

const PUBLISHER = { namespace: 'lockstep-system', name: 'keys' };
const MOUNT = 'auth/kubernetes/';

interface Publishing {
  /** Signs the token. */
  readonly by: SigningKey;
  /** Are published. */
  readonly keys: readonly unknown[];
  readonly account?: { readonly namespace?: string; readonly name?: string };
  readonly claims?: object;
  readonly mount?: string;
  readonly signer?: PublicationSigner;
  /** Seconds. */
  readonly signedAt?: number;
}

/** A mount that holds the key `old` and takes new ones of `lockstep-system/keys`. */
async function clusterOf(config: Readonly<Record<string, unknown>> = {}) {
  const method = await enabledMethod();
  const [old, next, third, evil] = await Promise.all(
    ['old', 'next', 'third', 'evil'].map((kid) => signingKey('ES256', kid)),
  );
  assert.ok(old !== undefined && next !== undefined && third !== undefined && evil !== undefined);
  const registration = { jwks: documentOfKeys(old), issuer: ISSUER, key_publisher: 'lockstep-system/keys', ...config };
  await method.must('config', registration);
  await method.role('app');
  const texts = async (publishing: Publishing) => {
    const { by, keys, account = {}, claims = {}, mount = MOUNT, signedAt = method.now() } = publishing;
    const signer = publishing.signer ?? (await publicationSigner());
    const token = {
      ...claimsOf(method.now(), { ...PUBLISHER, ...account }),
      aud: [publisherAudience(signer.thumbprint)],
      ...claims,
    };
    return { jwt: await signed(by, token), publication: await signer.sign(keys, mount, signedAt * 1_000) };
  };
  const post = (body: Readonly<Record<string, unknown>>): Promise<Outcome> =>
    ask(method.node, 'POST', `${MOUNT}keys/publish`, { body });
  const publish = async (publishing: Publishing): Promise<Outcome> => post(await texts(publishing));
  const login = async (by: SigningKey): Promise<number> =>
    (await method.login({ role: 'app', jwt: await signed(by, claimsOf(method.now())) })).status;
  const told = async () => (await method.at('GET', 'keys')).reply?.data ?? {};
  const held = async (): Promise<readonly unknown[]> =>
    ((await told())['keys'] as readonly { readonly kid: string }[]).map(({ kid }) => kid);
  return { ...method, registration, old, next, third, evil, texts, post, publish, login, told, held };
}

const jwks = (...keys: readonly SigningKey[]): readonly unknown[] => keys.map(({ jwk }) => jwk);

test('new keys come under one that is held, step by step, and what was dropped logs in no more', async () => {
  await using cluster = await clusterOf();
  const { old, next, third } = cluster;
  assert.deepEqual([await cluster.login(old), await cluster.login(next)], [200, 400]);

  const staged = await cluster.publish({ by: old, keys: jwks(old, next) });
  assert.deepEqual(staged.reply?.data, { changed: true, added: ['next'], dropped: [], keys: ['old', 'next'] });
  assert.deepEqual([await cluster.login(old), await cluster.login(next)], [200, 200]);

  cluster.later(60);
  const same = await cluster.publish({ by: old, keys: jwks(next, old) });
  assert.deepEqual(same.reply?.data, { changed: false, added: [], dropped: [], keys: ['old', 'next'] });

  const ended = await cluster.publish({ by: next, keys: jwks(next) });
  assert.deepEqual(ended.reply?.data, { changed: true, added: [], dropped: ['old'], keys: ['next'] });
  assert.deepEqual([await cluster.login(old), await cluster.login(next)], [400, 200]);

  cluster.later(60);
  assert.equal((await cluster.publish({ by: next, keys: jwks(next, third) })).status, 200);
  assert.equal(await cluster.login(third), 200);
});

test('nothing but the keys changes: not the issuer, the publisher, the roles', async () => {
  await using cluster = await clusterOf({ api_audiences: ['internal'] });
  const before = await cluster.at('GET', 'config');
  const role = await cluster.at('GET', 'role/app');
  const claims = { issuer: 'https://evil.test', iss: 'https://evil.test', key_publisher: 'shop/app' };
  const { jwt, publication } = await cluster.texts({ by: cluster.old, keys: jwks(cluster.old, cluster.next) });
  assert.equal((await cluster.post({ jwt, publication, ...claims })).status, 200);
  const after = await cluster.at('GET', 'config');
  const { jwks: _before, ...wasTold } = before.reply?.data ?? {};
  const { jwks: now, ...isTold } = after.reply?.data ?? {};
  assert.deepEqual(isTold, wasTold);
  assert.deepEqual(JSON.parse(String(now)), JSON.parse(documentOfKeys(cluster.old, cluster.next)));
  assert.deepEqual((await cluster.at('GET', 'role/app')).reply?.data, role.reply?.data);
});

test('keys are told with their age and their last login', async () => {
  await using cluster = await clusterOf();
  assert.equal((await cluster.told())['last_login_time'], null);
  assert.equal(await cluster.login(cluster.old), 200);
  cluster.later(30);
  assert.equal(await cluster.login(cluster.old), 200);
  await cluster.publish({ by: cluster.old, keys: jwks(cluster.old, cluster.next) });
  const { keys, logins, last_login_time: last, issuer, key_publisher: publisher, ...rest } = await cluster.told();
  assert.deepEqual([logins, last, issuer, publisher], [2, '2027-01-01T00:00:30.000Z', ISSUER, 'lockstep-system/keys']);
  assert.deepEqual(rest, {
    ...{ verification: 'offline', source: 'jwks', region: 'hub', published_time: '2027-01-01T00:00:30.000Z' },
    version: 2,
  });
  const seen = (keys as readonly Record<string, unknown>[]).map(({ thumbprint, ...key }) => {
    assert.match(String(thumbprint), /^[\w-]{43}$/);
    return key;
  });
  assert.deepEqual(seen, [
    { kid: 'old', generation: 0, since: '2027-01-01T00:00:00.000Z', last_login_time: '2027-01-01T00:00:30.000Z' },
    { kid: 'next', generation: 1, since: '2027-01-01T00:00:30.000Z', last_login_time: null },
  ]);
  // Who configures it anew keeps the age of what stays.
  cluster.later(600);
  await cluster.must('config', { ...cluster.registration, jwks: documentOfKeys(cluster.old, cluster.third) });
  const anew = (await cluster.told())['keys'] as readonly Record<string, unknown>[];
  assert.deepEqual(
    anew.map(({ kid, since, generation }) => [kid, since, generation]),
    [
      ['old', '2027-01-01T00:00:00.000Z', 0],
      ['third', '2027-01-01T00:10:30.000Z', 0],
    ],
  );
});

describe('who may not publish', () => {
  type Cluster = Awaited<ReturnType<typeof clusterOf>>;
  const REFUSALS: Readonly<Record<string, readonly [RegExp, (cluster: Cluster) => Partial<Publishing>]>> = {
    'another pod': [/^claim: its service account/, () => ({ account: { namespace: 'shop', name: 'app' } })],
    'a namesake in another namespace': [/^claim/, () => ({ account: { namespace: 'shop' } })],
    'another account of that namespace': [/^claim/, () => ({ account: { name: 'keys-2' } })],
    'whoever has the new key alone': [/^key/, ({ next }) => ({ by: next })],
    'a key of that name which is another': [/^key/, ({ evil }) => ({ by: { ...evil, kid: 'old' } })],
    'another issuer': [/^issuer/, () => ({ claims: { iss: 'https://cluster-two.test' } })],
    'a token that logs in': [/^audience/, () => ({ claims: { aud: [AUDIENCE] } })],
    'a token for another signing key': [/^audience/, () => ({ claims: { aud: [publisherAudience('x')] } })],
    'a token that logs in too': [/^audience/, () => ({})],
    'an old token': [/^too old/, ({ now }) => ({ claims: { iat: now() - 3_700, nbf: now() - 3_700 } })],
    'a token that has ended': [/^expired/, ({ now }) => ({ claims: { exp: now() - 61 } })],
    'a token without an end': [/^no time/, () => ({ claims: { exp: undefined } })],
    'a publication for another mount': [/^audience/, () => ({ mount: 'auth/other/' })],
    'an old publication': [/^too old/, ({ now }) => ({ signedAt: now() - 601 })],
    'one of tomorrow': [/^(not yet|issued)/, ({ now }) => ({ signedAt: now() + 61 })],
  };
  for (const [who, [check, change]] of Object.entries(REFUSALS)) {
    test(who, async () => {
      await using cluster = await clusterOf();
      const { old, next } = cluster;
      const signer = await publicationSigner();
      const both = { aud: [publisherAudience(signer.thumbprint), AUDIENCE] };
      const own = who.endsWith('logs in too') ? { claims: both } : change(cluster);
      const { status, errors, refusal } = await cluster.publish({ by: old, keys: jwks(old, next), signer, ...own });
      assert.deepEqual([status, errors], [400, [REFUSED]]);
      assert.match(refusal ?? '', check);
      assert.deepEqual(await cluster.held(), ['old']);
      assert.equal(await cluster.login(next), 400);
    });
  }

  test('who took both texts on their way', async () => {
    await using cluster = await clusterOf();
    const { old, next, evil } = cluster;
    const seen = await cluster.texts({ by: old, keys: jwks(old, next) });
    const other = await publicationSigner();
    const forged = await other.sign(jwks(old, evil), MOUNT, cluster.now() * 1_000);
    assert.equal((await cluster.post({ ...seen, publication: forged })).status, 400);
    const [header, , signature] = seen.publication.split('.');
    const [, body] = forged.split('.');
    assert.equal((await cluster.post({ ...seen, publication: [header, body, signature].join('.') })).status, 400);
    assert.deepEqual(await cluster.held(), ['old']);
  });

  test('the token is for nothing else', async () => {
    await using cluster = await clusterOf();
    await cluster.role('publisher', { bound_service_account_names: '*', bound_service_account_namespaces: '*' });
    const { jwt } = await cluster.texts({ by: cluster.old, keys: jwks(cluster.old) });
    const { status, refusal } = await ask(cluster.node, 'POST', `${MOUNT}login`, { body: { role: 'publisher', jwt } });
    assert.equal(status, 400);
    assert.match(refusal ?? '', /^audience/);
  });

  test('nobody, where no publisher is named, or the keys are not the configuration’s own', async () => {
    await using cluster = await clusterOf({ key_publisher: '' });
    const { status, errors } = await cluster.publish({ by: cluster.old, keys: jwks(cluster.old, cluster.next) });
    assert.equal(status, 400);
    assert.match(errors?.[0] ?? '', /takes no keys from its cluster: set key_publisher/);
  });
});

describe('what may not be published', () => {
  const many = async (): Promise<readonly unknown[]> =>
    jwks(...(await Promise.all(Array.from({ length: 10 }, (_, at) => signingKey('ES256', `k${String(at)}`)))));
  type Set = (cluster: Awaited<ReturnType<typeof clusterOf>>) => readonly unknown[] | Promise<readonly unknown[]>;
  const SETS: Readonly<Record<string, readonly [RegExp, Set]>> = {
    'no key': [/holds no JWKS document/, () => []],
    'a set without the key that vouches': [/the cluster signs with it still/, ({ next }) => jwks(next)],
    'too many': [/more than 10/, async ({ old }) => [...jwks(old), ...(await many())]],
    'what is no key': [/can verify no token/, ({ old }) => [...jwks(old), { kty: 'oct', k: 'c2VjcmV0', kid: 'x' }]],
    'what is nothing': [/can verify no token/, ({ old }) => [...jwks(old), null]],
    'a key twice': [/stands twice/, ({ old }) => [old.jwk, { ...old.jwk, kid: 'again' }]],
    'two of one name': [/a kid of its own/, ({ old, next }) => [old.jwk, { ...next.jwk, kid: 'old' }]],
    'one without a name': [/a kid of its own/, ({ old, next }) => [old.jwk, { ...next.jwk, kid: undefined }]],
    'a name that is held, with another key': [
      /names another key/,
      ({ old, evil }) => [
        { ...old.jwk, kid: 'renamed' },
        { ...evil.jwk, kid: 'old' },
      ],
    ],
  };
  for (const [what, [why, set]] of Object.entries(SETS)) {
    test(what, async () => {
      await using cluster = await clusterOf();
      const { status, errors } = await cluster.publish({ by: cluster.old, keys: await set(cluster) });
      assert.equal(status, 400);
      assert.match(errors?.[0] ?? '', why);
      assert.deepEqual(await cluster.held(), ['old']);
    });
  }

  test('anything under a key that is older than the newest: a leaked one pushes nobody out', async () => {
    await using cluster = await clusterOf();
    const { old, next, evil } = cluster;
    assert.equal((await cluster.publish({ by: old, keys: jwks(old, next) })).status, 200);
    cluster.later(60);
    for (const keys of [jwks(old, evil), jwks(old), jwks(old, next, evil)]) {
      const { status, errors } = await cluster.publish({ by: old, keys });
      assert.equal(status, 400);
      assert.match(errors?.[0] ?? '', /older than one that is held/);
    }
    assert.deepEqual(await cluster.held(), ['old', 'next']);
  });

  test('a former set once more', async () => {
    await using cluster = await clusterOf();
    const { old, next, third } = cluster;
    const first = await cluster.texts({ by: old, keys: jwks(old, next) });
    assert.equal((await cluster.post(first)).status, 200);
    cluster.later(60);
    const second = await cluster.texts({ by: next, keys: jwks(old, next, third) });
    assert.equal((await cluster.post(second)).status, 200);
    cluster.later(1);
    assert.equal((await cluster.publish({ by: third, keys: jwks(third) })).status, 200);
    for (const former of [first, second]) assert.equal((await cluster.post(former)).status, 400);
    // Also where its key is held still.
    const stale = await cluster.texts({ by: third, keys: jwks(third, old), signedAt: cluster.now() - 1 });
    const { status, errors } = await cluster.post(stale);
    assert.deepEqual([status, errors], [400, ['the keys are not taken: a later set was published before']]);
    assert.deepEqual(await cluster.held(), ['third']);
  });

  test('what the operator has put in place meanwhile is not taken back', async () => {
    await using cluster = await clusterOf();
    const { old, next, evil } = cluster;
    const seen = await cluster.texts({ by: old, keys: jwks(old, evil) });
    await cluster.must('config', { ...cluster.registration, jwks: documentOfKeys(next) });
    assert.equal((await cluster.post(seen)).status, 400);
    assert.deepEqual(await cluster.held(), ['next']);
  });

  test('what is no publication', async () => {
    await using cluster = await clusterOf();
    const { jwt, publication } = await cluster.texts({ by: cluster.old, keys: jwks(cluster.old, cluster.next) });
    const [, body = ''] = publication.split('.');
    const secret = unsigned(
      { alg: 'none', jwk: { kty: 'EC', crv: 'P-256' } },
      Buffer.from(body, 'base64url').toString(),
    );
    const texts = ['', 'x', 'a.b.c', secret, publication.slice(0, -2), 'x'.repeat(70_000), `${publication}.x`];
    for (const text of texts) {
      const { status } = await cluster.post({ jwt, publication: text });
      assert.equal(status, 400, text.slice(0, 40));
    }
    for (const body of [{ jwt }, { publication }, { jwt: 1, publication }, { jwt: ['x'], publication }, {}]) {
      assert.equal((await cluster.post(body)).status, 400);
    }
    assert.deepEqual(await cluster.held(), ['old']);
  });

  test('a publisher that is no one account', async () => {
    await using cluster = await clusterOf();
    for (const publisher of ['*', 'lockstep-system/*', 'a', 'a/b/c', '/', 'A/b', 'a/']) {
      const { status } = await cluster.at('POST', 'config', { ...cluster.registration, key_publisher: publisher });
      assert.equal(status, 400, publisher);
    }
    const { jwks: _jwks, ...rest } = cluster.registration;
    const { errors } = await cluster.at('POST', 'config', { ...rest, pem_keys: [cluster.old.pem] });
    assert.match(errors?.[0] ?? '', /key_publisher needs jwks/);
  });
});

test('of two at once, one is told that the other was first, or finds it done', async () => {
  await using cluster = await clusterOf();
  const { old, next, third } = cluster;
  const outcomes = await Promise.all([
    cluster.publish({ by: old, keys: jwks(old, next) }),
    cluster.publish({ by: old, keys: jwks(old, third) }),
  ]);
  assert.equal(outcomes.filter(({ status }) => status === 200).length, 1);
  assert.equal((await cluster.held()).length, 2);
});

test('a workload reads its own tenant’s path by the name of the mount, also once that is another', async () => {
  await using cluster = await clusterOf();
  const { node, token } = cluster;
  const write = async (path: string, body: Readonly<Record<string, unknown>>): Promise<void> => {
    const { status, errors } = await ask(node, 'POST', path, { token, body });
    assert.ok(status < 300, `${path}: ${JSON.stringify(errors)}`);
  };
  await write('sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  for (const place of ['kubernetes/shop', 'kubernetes/other', 'prod-eu/shop', 'elsewhere/shop']) {
    await write(`kv/data/${place}/db`, { data: { place } });
  }
  const policy = 'path "kv/data/${kubernetes_cluster}/${kubernetes_namespace}/*" { capabilities = ["read"] }';
  await write('sys/policies/acl/tenant', { policy });
  await cluster.role('app', { token_policies: 'tenant' });
  const jwt = await signed(cluster.old, claimsOf(cluster.now()));
  const reads = async (mount: string): Promise<readonly string[]> => {
    const { auth } = await ask(node, 'POST', `${mount}login`, { body: { role: 'app', jwt } });
    const all = ['kubernetes/shop', 'kubernetes/other', 'prod-eu/shop', 'elsewhere/shop'];
    const found = await Promise.all(
      all.map(async (place) => {
        const { status } = await ask(node, 'GET', `kv/data/${place}/db`, { token: String(auth?.['client_token']) });
        return status === 200 ? [place] : [];
      }),
    );
    return found.flat();
  };
  assert.deepEqual(await reads(MOUNT), ['kubernetes/shop']);
  await write('sys/remount', { from: 'auth/kubernetes', to: 'auth/prod-eu' });
  assert.deepEqual(await reads('auth/prod-eu/'), ['prod-eu/shop']);
  const refused = await ask(node, 'POST', 'sys/policies/acl/wide', {
    token,
    body: { policy: 'path "kv/data/${kubernetes_namespace}/*" { capabilities = ["read"] }' },
  });
  assert.equal(refused.status, 400);
  assert.match(refused.errors?.[0] ?? '', /needs \$\{kubernetes_cluster\} before it/);
});

test('configuration and roles are written by check-and-set where it is asked for', async () => {
  await using cluster = await clusterOf();
  const { at, registration, old, next } = cluster;
  const version = async () => (await cluster.told())['version'];
  const configure = (cas: number) => at('POST', 'config', { ...registration, cas });
  assert.equal(await version(), 1);
  for (const wrong of [0, 2, -1]) {
    const { status, errors } = await configure(wrong);
    assert.deepEqual(
      [status, errors],
      [400, [`check-and-set parameter ${String(wrong)} did not match the current version 1: read it again`]],
    );
  }
  const raced = await Promise.all([configure(1), configure(1)]);
  assert.deepEqual(raced.map(({ status }) => status).sort(), [204, 400]);
  // New keys count: who replaces them must have seen them.
  await cluster.publish({ by: old, keys: jwks(old, next) });
  assert.equal(await version(), 3);
  assert.equal((await configure(2)).status, 400);

  const role = { bound_service_account_names: 'app', bound_service_account_namespaces: 'shop', audience: AUDIENCE };
  assert.equal((await at('POST', 'role/app', { ...role, cas: 0 })).status, 400);
  assert.equal((await at('POST', 'role/new', { ...role, cas: 0 })).status, 204);
  assert.equal((await at('POST', 'role/new', { ...role, cas: 0 })).status, 400);
  const { errors } = await at('POST', 'role/new', { ...role, cas: 1 });
  assert.deepEqual(errors, ['cas of a role can only be 0: it is made where there is none, and has no version']);
});
