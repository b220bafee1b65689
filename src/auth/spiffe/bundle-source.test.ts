import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ask } from '../../../test/support/node.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import { issuerServer, signed, signingKey, type IssuerServer } from '../../lib/jwt/issuer.testing.ts';
import { REFUSED } from '../../lib/jwt/refusal.ts';
import {
  AUDIENCE,
  bundleText,
  claimsOf,
  DOMAIN,
  enabledMethod,
  type BundleOf,
  type MethodOptions,
} from './mount.testing.ts';

const publish = (server: IssuerServer, bundle: BundleOf | string): void => {
  const text = typeof bundle === 'string' ? bundle : bundleText(bundle);
  server.answer((_path, response) => {
    response.end(text);
  });
};

/** A trust domain whose bundle is fetched from an endpoint of a web server. */
async function fetchedMethod(options: MethodOptions = {}) {
  const server = await issuerServer();
  const method = await enabledMethod(options);
  const key = await signingKey('ES256', 'one');
  const config = {
    ...{ trust_domain: DOMAIN, profile: 'https_web_bundle', audience: AUDIENCE },
    ...{ endpoint_url: `${server.url}/bundle`, endpoint_root_ca_truststore_pem: server.ca },
  };
  publish(server, { keys: [key], sequence: 3 });
  await method.must('config', config);
  await method.role('app');
  const by = async (one: typeof key, change: object = {}) =>
    method.login({ jwt: await signed(one, claimsOf(method.now(), change)) });
  return {
    ...{ ...method, server, key, config, by },
    [Symbol.asyncDispose]: async () => {
      await method[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('a bundle is fetched once for many logins, and again for a key that it does not have', async () => {
  await using domain = await fetchedMethod();
  const { server, key } = domain;
  assert.deepEqual(server.asked, ['/bundle']);
  for (const { status } of await Promise.all(Array.from({ length: 50 }, () => domain.by(key)))) {
    assert.equal(status, 200);
  }
  assert.equal(server.asked.length, 1);
  const next = await signingKey('ES256', 'two');
  publish(server, { keys: [key, next], sequence: 4 });
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => domain.by(next)));
  assert.deepEqual(
    outcomes.filter(({ status }) => status !== 200),
    [],
  );
  assert.equal(server.asked.length, 2, 'one request for all who wait');
  const { reply } = await domain.at('GET', 'config');
  assert.equal(reply?.data?.['cached_bundle_sequence_number'], 4);
});

test('a key that came while the endpoint was asked a moment ago is waited for', async () => {
  await using domain = await fetchedMethod();
  const [second, third] = [await signingKey('ES256', 'two'), await signingKey('ES256', 'three')];
  publish(domain.server, { keys: [domain.key, second], sequence: 4 });
  assert.equal((await domain.by(second)).status, 200);
  publish(domain.server, { keys: [domain.key, second, third], sequence: 5 });
  assert.equal((await domain.by(third)).status, 200);
});

test('unknown keys do not make more requests than one at a time', async () => {
  await using domain = await fetchedMethod();
  const stranger = await signingKey('ES256', 'stranger');
  const before = domain.server.asked.length;
  for (const { errors } of await Promise.all(Array.from({ length: 100 }, () => domain.by(stranger)))) {
    assert.deepEqual(errors, [REFUSED]);
  }
  assert.ok(domain.server.asked.length <= before + 2, String(domain.server.asked.length));
});

const answers: Readonly<Record<string, (server: IssuerServer) => void>> = {
  'is down': (server) => {
    server.answer((_path, response) => {
      response.socket?.destroy();
    });
  },
  redirects: (server) => {
    server.answer((_path, response) => {
      response.writeHead(302, { location: 'https://127.0.0.1:1/' }).end();
    });
  },
  'answers with an error': (server) => {
    server.answer((_path, response) => {
      response.writeHead(500).end('{"keys":[]}');
    });
  },
  'is without end': (server) => {
    server.answer((_path, response) => {
      response.write('{"keys":[');
      const more = (): void => {
        while (response.write(' '.repeat(65_536)));
        response.once('drain', more);
      };
      more();
    });
  },
  'sends something else': (server) => {
    publish(server, '<html>');
  },
  'sends an older bundle': (server) => {
    publish(server, { keys: [], sequence: 2 });
  },
  'sends a bundle without its number': (server) => {
    publish(server, { keys: [] });
  },
};
for (const [what, answer] of Object.entries(answers)) {
  test(`while the endpoint ${what}, the last good bundle holds and unknown keys are not judged`, async () => {
    await using domain = await fetchedMethod();
    answer(domain.server);
    const stranger = await signingKey('ES256', 'stranger');
    const { status } = await domain.by(stranger);
    assert.equal(status, 503);
    const asked = domain.server.asked.length;
    assert.equal((await domain.by(stranger)).status, 503);
    assert.equal(domain.server.asked.length, asked, 'no second try for a while');
    assert.equal((await domain.by(domain.key)).status, 200);
    const refresh = await domain.at('POST', 'config', {});
    assert.equal(refresh.status, 503, 'who asks for a new bundle is told');
  });
}

test('a bundle is fetched when it is due, though nobody logs in', async () => {
  await using domain = await fetchedMethod();
  await domain.node.tick();
  assert.equal(domain.server.asked.length, 1, 'not before');
  publish(domain.server, { keys: [domain.key], sequence: 4, hint: 0 });
  await domain.must('config', {});
  const next = await signingKey('ES256', 'two');
  publish(domain.server, { keys: [next], sequence: 5 });
  const cached = async () => (await domain.at('GET', 'config')).reply?.data?.['cached_bundle_sequence_number'];
  while ((await cached()) !== 5) {
    await domain.node.tick();
    await turn();
  }
  answers['is down']?.(domain.server);
  assert.equal((await domain.by(next)).status, 200);
});

test('keys that the endpoint has withdrawn hold no more', async () => {
  await using domain = await fetchedMethod();
  publish(domain.server, { keys: [], sequence: 4 });
  await domain.must('config', {});
  const { errors } = await domain.by(domain.key);
  assert.deepEqual(errors, [REFUSED]);
});

test('a configuration whose bundle cannot be had is not kept, unless that is put off', async () => {
  await using domain = await fetchedMethod();
  const before = (await domain.at('GET', 'config')).reply?.data;
  answers['is down']?.(domain.server);
  const refused = await domain.at('POST', 'config', { ...domain.config, trust_domain: 'other.test' });
  assert.equal(refused.status, 400);
  assert.match(refused.errors?.[0] ?? '', /trust bundle cannot be had/);
  assert.deepEqual((await domain.at('GET', 'config')).reply?.data, before);
  assert.equal((await domain.by(domain.key)).status, 200);
  const { reply } = await domain.must('config', {
    ...domain.config,
    trust_domain: 'spiffe://other.test',
    defer_bundle_fetch: true,
  });
  assert.equal(reply?.data?.['trust_domain'], 'other.test');
  assert.equal(reply.data['version'], 2);
  assert.equal((await domain.by(domain.key)).status, 503, 'the bundle of the one trust domain is none of the other');
  publish(domain.server, { keys: [domain.key] });
  await domain.at('POST', 'config', { ...domain.config, trust_domain: 'other.test' });
  const { refusal } = await domain.by(domain.key);
  assert.match(refusal ?? '', /^subject: /);
});

test('of two who write the configuration at once one is told, and no version is given twice', async () => {
  await using domain = await fetchedMethod();
  const write = (trust_domain: string) =>
    domain.at('POST', 'config', { ...domain.config, trust_domain, defer_bundle_fetch: true });
  const outcomes = await Promise.all([write('one.test'), write('two.test')]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), [200, 409]);
  assert.match(String(outcomes.find(({ status }) => status === 409)?.errors), /somebody else has written/);
  const { reply } = await domain.at('GET', 'config');
  const kept = outcomes.find(({ status }) => status === 200)?.reply?.data;
  assert.deepEqual([reply?.data?.['version'], reply?.data?.['trust_domain']], [2, kept?.['trust_domain']]);
});

test('after a restart the bundle that was fetched last serves while the endpoint is down', async () => {
  const store = openMemoryStore();
  await using domain = await fetchedMethod({ options: { store } });
  answers['is down']?.(domain.server);
  await domain.node.seal();
  await domain.node.unseal(Buffer.from(domain.share, 'hex'));
  assert.equal((await domain.by(domain.key)).status, 200);
  domain.later(25 * 3_600);
  await domain.node.seal();
  await domain.node.unseal(Buffer.from(domain.share, 'hex'));
  assert.equal((await domain.by(domain.key, { iat: domain.now(), exp: domain.now() + 60 })).status, 503);
});

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-bundle-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test('a bundle in a file is read again when it changes, and the last good one holds while it is broken', async (t) => {
  const at = await folder(t);
  const path = join(at, 'bundle.json');
  const [one, two] = [await signingKey('ES256', 'one'), await signingKey('ES256', 'two')];
  await writeFile(path, bundleText({ keys: [one], sequence: 1 }));
  await using domain = await enabledMethod({ allowed: [at] });
  await domain.must('config', { trust_domain: DOMAIN, profile: 'file', bundle_file: path, audience: AUDIENCE });
  await domain.role('app');
  const by = async (key: typeof one) => domain.login({ jwt: await signed(key, claimsOf(domain.now())) });
  assert.equal((await by(one)).status, 200);
  await writeFile(`${path}.new`, bundleText({ keys: [one, two], sequence: 2 }));
  await rename(`${path}.new`, path);
  assert.equal((await by(two)).status, 200);
  for (const broken of ['{"keys":[', bundleText({ keys: [two], sequence: 1 })]) {
    await writeFile(path, broken);
    assert.equal((await by(await signingKey('ES256', 'three'))).status, 503);
    assert.equal((await by(one)).status, 200);
  }
  await rm(path);
  assert.equal((await by(one)).status, 200);
});

test('only files that the configuration allows are read, whatever leads to them', async (t) => {
  const [at, outside] = [await folder(t), await folder(t)];
  const secret = join(outside, 'secret');
  await writeFile(secret, bundleText({}));
  await symlink(secret, join(at, 'link'));
  await symlink(outside, join(at, 'folder'));
  await using domain = await enabledMethod({ allowed: [at] });
  const write = (path: string) =>
    domain.at('POST', 'config', { trust_domain: DOMAIN, profile: 'file', bundle_file: path });
  const outsiders = [
    secret,
    join(at, 'link'),
    join(at, 'folder/secret'),
    `${at}/../${outside.split('/').at(-1) ?? ''}/secret`,
  ];
  for (const path of [...outsiders, `${at}-more`, '/etc/passwd', '/proc/self/environ']) {
    const { status, errors } = await write(path);
    assert.equal(status, 400, path);
    assert.match(errors?.[0] ?? '', /may not be read: add it to `allow_bundle_paths`/, path);
  }
  for (const path of [join(at, 'none'), at, 'bundle.json', `${at}/a\0b`, '/dev/zero']) {
    assert.equal((await write(path)).status, 400, path);
  }
  await writeFile(join(at, 'large'), 'a'.repeat(600_000));
  assert.match((await write(join(at, 'large'))).errors?.[0] ?? '', /larger than/);
  await writeFile(join(at, 'real'), bundleText({}));
  await symlink('real', join(at, 'inside'));
  assert.equal((await write(join(at, 'inside'))).status, 200, 'as volumes of Kubernetes have them');
  await using none = await enabledMethod();
  const config = { trust_domain: DOMAIN, profile: 'file', bundle_file: join(at, 'real') };
  assert.equal((await none.at('POST', 'config', config)).status, 400, 'without the setting none is');
});

test('what is wrong with a configuration is told by name', async () => {
  await using domain = await enabledMethod();
  const { token, node } = domain;
  const good = { trust_domain: DOMAIN, profile: 'static', bundle: bundleText({}), audience: AUDIENCE };
  const https = { trust_domain: DOMAIN, profile: 'https_web_bundle', endpoint_url: 'https://127.0.0.1:1/' };
  const spiffe = {
    ...good,
    ...https,
    profile: 'https_spiffe_bundle',
    endpoint_spiffe_id: `spiffe://${DOMAIN}/spire/server`,
  };
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ ...good, trust_domain: '' }, /trust_domain must be set/],
    [{ ...good, trust_domain: 'Example.org' }, /trust_domain is none/],
    [{ ...good, trust_domain: `spiffe://${DOMAIN}/path` }, /trust_domain is none/],
    [{ ...good, profile: undefined }, /profile must be set/],
    [{ ...good, profile: 'https' }, /profile/],
    [{ ...good, bundle: '' }, /needs bundle/],
    [{ ...good, bundle: '{}' }, /trust bundle/],
    [{ ...good, audience: ['a', ''] }, /audience/],
    [{ ...good, endpoint_url: 'https://a/' }, /endpoint_url has no meaning/],
    [{ ...good, profile: 'file' }, /needs bundle_file|bundle has no meaning/],
    [{ ...https, endpoint_url: '' }, /needs endpoint_url/],
    [{ ...https, endpoint_url: 'http://127.0.0.1:1/' }, /must be an https/],
    [{ ...https, endpoint_url: 'https://a:b@127.0.0.1:1/' }, /must be an https/],
    [{ ...https, endpoint_root_ca_truststore_pem: 'text' }, /no PEM/],
    [{ ...https, bundle: bundleText({}) }, /bundle has no meaning/],
    [{ ...spiffe, bundle: '' }, /needs bundle/],
    [{ ...spiffe, endpoint_spiffe_id: 'spiffe://other.test/spire/server' }, /of the trust domain/],
    [{ ...spiffe, endpoint_spiffe_id: `spiffe://${DOMAIN}` }, /no SPIFFE ID of a workload/],
    [{ ...spiffe }, /no authority to know its endpoint by/],
  ];
  for (const [body, said] of cases) {
    const { status, errors } = await ask(node, 'POST', 'auth/spiffe/config', { token, body: { ...body } });
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(errors?.[0] ?? '', said, JSON.stringify(body));
  }
  assert.equal((await domain.at('GET', 'config')).status, 404);
  const login = await ask(node, 'POST', 'auth/spiffe/role/app', { token, body: { token_policies: 'web' } });
  assert.match(login.errors?.[0] ?? '', /workload_id_patterns must be set/);
});
