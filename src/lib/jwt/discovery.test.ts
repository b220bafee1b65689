import assert from 'node:assert/strict';
import test from 'node:test';
import { algorithms } from './algorithms.ts';
import { defaultLeeways } from './claims.ts';
import { discover, discoveredKeys, fetchKeys, jwksKeys } from './discovery.ts';
import { askServer } from '../outgoing/ask.ts';
import { documentOfKeys, issuerServer, publishing, signed, signingKey } from './issuer.testing.ts';
import { TokenRefused } from './refusal.ts';
import { ServerUnavailable } from '../outgoing/unavailable.ts';
import { verifyToken } from './verify.ts';

const { signal } = new AbortController();
const claims = { aud: 'us', sub: 'job', exp: 4_000_000_000, iat: 1 };
const expected = { now: Date.now(), leeways: defaultLeeways, algorithms, audiences: ['us'] };
const says = (pattern: RegExp) => (error: unknown) =>
  error instanceof ServerUnavailable && pattern.test(error.detail ?? '');
const times = { between: 0, fresh: 300_000, patience: 2_000, stale: 86_400_000 };

test('keys come by discovery, and a key that the issuer turns to is found by the first token that names it', async () => {
  await using server = await issuerServer();
  const [old, next] = await Promise.all([signingKey('RS256', 'old'), signingKey('ES256', 'next')]);
  let published = documentOfKeys(old);
  server.answer(
    publishing(
      () => server,
      () => published,
    ),
  );
  const keys = discoveredKeys(server.url, { ca: server.ca }, { times });
  await verifyToken(await signed(old, claims), keys, expected, signal);
  published = documentOfKeys(next);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => signed(next, claims)));
  await Promise.all(tokens.map((token) => verifyToken(token, keys, expected, signal)));
  assert.equal(server.asked.filter((path) => path === '/keys').length, 2);
  await assert.rejects(
    verifyToken(await signed(old, claims), keys, expected, signal),
    (error) => error instanceof TokenRefused && error.check === 'key',
  );
});

test('keys that are there work on when the issuer is gone', async () => {
  const key = await signingKey('RS256', 'one');
  const server = await issuerServer();
  server.answer(
    publishing(
      () => server,
      () => documentOfKeys(key),
    ),
  );
  const keys = jwksKeys(`${server.url}/keys`, { ca: server.ca }, { times: { ...times, fresh: 0 } });
  await verifyToken(await signed(key, claims), keys, expected, signal);
  await server[Symbol.asyncDispose]();
  await verifyToken(await signed(key, claims), keys, expected, signal);
  await assert.rejects(
    verifyToken(await signed(key, claims, { kid: 'two' }), keys, expected, signal),
    says(/ECONNREFUSED/),
  );
});

test('only the authorities that are named are trusted, and only the names that are given', async () => {
  const key = await signingKey('RS256', 'one');
  await using server = await issuerServer({ names: ['issuer.example'] });
  await using other = await issuerServer();
  server.answer(
    publishing(
      () => server,
      () => documentOfKeys(key),
    ),
  );
  const address = `${server.url}/keys`;
  await assert.rejects(fetchKeys(address, {}), says(/SELF_SIGNED|UNABLE_TO/));
  await assert.rejects(fetchKeys(address, { ca: other.ca }), says(/UNABLE_TO|SELF_SIGNED|SIGNATURE/));
  await assert.rejects(fetchKeys(address, { ca: server.ca }), says(/ALTNAME/));
  await assert.rejects(fetchKeys(address, { ca: server.ca, serverNames: ['else.example'] }), says(/ALTNAME/));
  await fetchKeys(address, { ca: server.ca, serverNames: ['else.example', 'issuer.example'] });
});

test('a redirect is not followed, wherever it leads', async () => {
  const key = await signingKey('RS256', 'one');
  await using elsewhere = await issuerServer({ tls: false });
  elsewhere.answer((_path, response) => response.end(documentOfKeys(key)));
  await using server = await issuerServer();
  server.answer((_path, response) => response.writeHead(302, { location: `${elsewhere.url}/keys` }).end());
  await assert.rejects(fetchKeys(`${server.url}/keys`, { ca: server.ca }), says(/redirect/));
  assert.deepEqual(elsewhere.asked, []);
});

test('a huge document, a slow one and one that never ends are cut off', async () => {
  await using server = await issuerServer();
  server.answer((_path, response) => {
    const more = (): void => {
      while (response.write('x'.repeat(65_536)));
      response.once('drain', more);
    };
    more();
  });
  await assert.rejects(fetchKeys(`${server.url}/keys`, { ca: server.ca }), says(/more than 524288 bytes/));
  server.answer((_path, response) => response.write('{"keys":['));
  const slow = askServer(`${server.url}/keys`, { ca: server.ca, timeout: 50, bytes: 1_000 });
  await assert.rejects(slow, says(/no answer within 50 ms/));
});

test('an issuer that calls itself otherwise, or sends on to a place without TLS, is refused', async () => {
  await using server = await issuerServer();
  const reach = { ca: server.ca };
  const says1 = (document: object) => {
    server.answer((_path, response) => response.end(JSON.stringify(document)));
  };
  says1({ issuer: 'https://evil.example', jwks_uri: `${server.url}/keys` });
  await assert.rejects(discover(server.url, reach), says(/calls itself "https:\/\/evil.example"/));
  says1({ issuer: server.url, jwks_uri: 'http://127.0.0.1/keys' });
  await assert.rejects(discover(server.url, reach), says(/without TLS/));
  says1({ issuer: server.url });
  await assert.rejects(discover(server.url, reach), says(/jwks_uri/));
  says1([]);
  await assert.rejects(discover(server.url, reach), says(/no plain JSON object/));
  server.answer((_path, response) => response.writeHead(500).end('{}'));
  await assert.rejects(discover(server.url, reach), says(/answers 500/));
  await assert.rejects(discover('file:///etc/passwd', reach), says(/no https/));
  await assert.rejects(discover('https://a:b@127.0.0.1', reach), says(/password/));
});
