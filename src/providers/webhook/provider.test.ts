import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';
import { makeAuthority, makeClient, SERVER } from '../../lib/x509/authority.testing.ts';
import { ProviderProblem, type ProviderClient, type StoreIdentity } from '../contract.ts';
import { givenCredentials } from '../credentials.testing.ts';
import { providerConformance, type ProviderWorld } from '../provider.conformance.ts';
import { valueAt } from './json-path.ts';
import { webhook, type WebhookConfig } from './provider.ts';
import { queryEscape, renderedUrl } from './template.ts';

const { signal } = new AbortController();
const closing = new AsyncDisposableStack();
after(() => closing.disposeAsync());

/** A ClusterSecretStore: a test's server is on the loopback. */
const store: StoreIdentity = { kind: 'ClusterSecretStore', name: 'store', namespace: 'team' };

async function listening(
  listener: RequestListener,
  tls?: { readonly cert: string; readonly key: string },
): Promise<string> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}

const problem = (kind: ProviderProblem['kind'], said: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ProviderProblem, String(error));
  assert.deepEqual([error.kind, said.test(error.message) ? '' : error.message], [kind, '']);
  assert.doesNotMatch(error.message, /canary/);
  return true;
};

/** A web API of secrets: `/secrets/<key>?property=…`, which lets in who has the password. */
async function secretsApi(): Promise<ProviderWorld> {
  const held = new Map<string, unknown>();
  const origin = await listening((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://it');
    const value = held.get(decodeURIComponent(pathname.slice('/secrets/'.length)));
    const property = searchParams.get('property') ?? '';
    const part = property === '' ? value : (value as Record<string, unknown> | undefined)?.[property];
    const isOwn = property === '' || (value !== undefined && Object.hasOwn(value as object, property));
    if (request.headers.authorization !== 'Bearer canary-owner') response.writeHead(403).end();
    else if (value === undefined) response.writeHead(404).end();
    else if (!isOwn) response.writeHead(422).end();
    else response.end(JSON.stringify({ data: part }));
  });
  const config = (at: string): WebhookConfig => ({
    url: `${at}/secrets/{{ .remoteRef.key }}?property={{ .remoteRef.property }}`,
    headers: { Authorization: 'Bearer {{ .login.password }}' },
    result: { jsonPath: '$.data' },
    secrets: [{ name: 'login', secretRef: { name: 'login' } }],
  });
  return {
    connect: (who) =>
      webhook.connect(
        config(who === 'nowhere' ? 'http://127.0.0.1:1' : origin),
        givenCredentials({
          store,
          secrets: { login: { password: `canary-${who}` } },
          labels: { login: { 'external-secrets.io/type': 'webhook' } },
        }),
      ),
    put: (key, values) => Promise.resolve(void held.set(key, values)),
    putText: (key, text) => Promise.resolve(void held.set(key, text)),
  };
}

const ofTheApi = 'what is written, and how, is the web API’s';

describe('conformance', () => {
  providerConformance({
    name: 'webhook',
    world: secretsApi,
    without: {
      ...{ find: 'a request is for one secret', metadata: 'there are none', version: 'is the web API’s' },
      ...{ push: ofTheApi, race: ofTheApi, binary: ofTheApi },
    },
  });
});

describe('webhook', () => {
  const client = (config: WebhookConfig, given: Parameters<typeof givenCredentials>[0] = {}): ProviderClient =>
    webhook.connect(config, givenCredentials({ store, ...given }));
  const text = async (from: ProviderClient, key: string): Promise<string> => {
    const found = await from.read({ key }, signal);
    return found.found ? Buffer.from(found.value).toString('utf8') : 'not found';
  };

  test('method, body, headers and address are templates; a key stays one segment of the address', async () => {
    const url = await listening((request, response) => {
      void textOf(request).then((body) =>
        response.end([request.method, request.url, request.headers['x-of'], body].join(' ')),
      );
    });
    const asks = client({
      url: `${url}/{{ .remoteRef.key }}?v={{ .remoteRef.version }}`,
      ...{ method: 'POST', body: '{{ .remoteRef.key | toJson }}', headers: { 'X-Of': '{{ .remoteRef.namespace }}' } },
    });
    assert.equal(await text(asks, 'a/b ?&#ä"'), 'POST /a%2Fb+%3F%26%23%C3%A4%22?v= team "a/b ?\\u0026#ä\\""');
    for (const key of ['..', '.']) await assert.rejects(text(asks, key), problem('invalid', /segment of dots/), key);
  });

  test('an answer is taken whole, at a path, of several the first; what is not there is no empty value', async () => {
    const answer = '{"list":[{"name":"a","value":"one"},{"name":"b","value":""}],"big":12345678901234567890,"no":null}';
    const url = await listening((_request, response) => response.end(answer));
    const at = (jsonPath: string): Promise<string> => text(client({ url, result: { jsonPath } }), 'b');
    assert.deepEqual(
      [
        await at('$.list[?(@.name=="{{ .remoteRef.key }}")].value'),
        await at('$.list[*].value'),
        await at('$.list'),
        await at('$.no'),
      ],
      ['', 'one', '{"name":"a","value":"one"}', ''],
    );
    assert.equal(await at('$.big'), '12345678901234567890');
    for (const path of ['$.none', '$.list[?(@.name=="z")].value'])
      await assert.rejects(at(path), problem('unsuitable', /nothing at/));
    await assert.rejects(at('$['), problem('invalid', /jsonPath/));
    await assert.rejects(at('$.list[?search(@.name, "(a+)+$")]'), problem('invalid', /jsonPath/));
  });

  test('statuses are told apart, and no redirect is followed', async () => {
    let status = 200;
    const url = await listening((_request, response) => {
      response.writeHead(status, { Location: 'http://127.0.0.1:1/' }).end('canary');
    });
    const asks = client({ url: `${url}/?token=canary` });
    const kinds = [
      [301, 'invalid'],
      [307, 'invalid'],
      [400, 'unsuitable'],
      [401, 'denied'],
      [403, 'denied'],
      [408, 'unreachable'],
      [429, 'unreachable'],
      [500, 'unreachable'],
      [503, 'unreachable'],
    ] as const;
    for (const [each, kind] of kinds) {
      status = each;
      await assert.rejects(text(asks, 'a'), problem(kind, new RegExp(String(each))));
    }
    status = 404;
    assert.equal(await text(asks, 'a'), 'not found');
  });

  test('an answer that does not come, or does not end, is given up', async () => {
    const silent = await listening(() => undefined);
    const endless = await listening((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', more);
      };
      more();
    });
    await assert.rejects(
      text(client({ url: silent, timeout: '50ms' }), 'a'),
      problem('unreachable', /cannot be asked/),
    );
    await assert.rejects(text(client({ url: endless }), 'a'), problem('unsuitable', /more than/));
    assert.throws(() => client({ url: silent, timeout: 'soon' }), problem('invalid', /timeout/));
  });

  test('only Secrets that say so are sent, and no error repeats one', async () => {
    let asked = 0;
    const url = await listening((_request, response) => {
      asked += 1;
      response.end('x');
    });
    const secrets = [{ name: 'login', secretRef: { name: 'login' } }];
    const given = { secrets: { login: { password: 'canary' } } };
    await assert.rejects(text(client({ url, secrets }, given), 'a'), problem('invalid', /lacks the label/));
    const labels = { login: { 'external-secrets.io/type': 'webhook' } };
    const asks = (more: Partial<WebhookConfig>): Promise<string> =>
      text(client({ url, secrets, ...more }, { ...given, labels }), 'a');
    await assert.rejects(asks({ body: '{{ fail .login.password }}' }), problem('invalid', /body/));
    await assert.rejects(asks({ body: '{{ .login.missing }}' }), problem('invalid', /missing/));
    await assert.rejects(
      asks({ headers: { X: 'a\r\nY: {{ .login.password }}' } }),
      problem('invalid', /cannot be asked/),
    );
    await assert.rejects(asks({ url: 'file:///etc/hostname' }), problem('invalid', /no http/));
    assert.throws(() => client({ url, auth: { ntlm: {} } }), problem('invalid', /NTLM/));
    assert.equal(asked, 0);
  });

  test('a SecretStore reaches neither this machine nor link-local addresses, by no name for them', async () => {
    let asked = 0;
    const url = await listening((_request, response) => {
      asked += 1;
      response.end('x');
    });
    const { port } = new URL(url);
    const own: StoreIdentity = { kind: 'SecretStore', name: 'store', namespace: 'team' };
    for (const host of [
      ...[
        '127.0.0.1',
        '127.9.9.9',
        '0.0.0.0',
        '2130706433',
        '0x7f.1',
        'localhost',
        '[::1]',
        '[::]',
        '[::ffff:127.0.0.1]',
      ],
      ...['169.254.169.254', '[::ffff:a9fe:a9fe]', '[fe80::1]', '[fd00:ec2::254]'],
      ...['168.63.129.16', '[fd00:ec2::23]', '[fd20:ce::254]', '[64:ff9b::a9fe:a9fe]', '[64:ff9b::7f00:1]'],
    ]) {
      const asks = client({ url: `http://${host}:${port}` }, { store: own });
      await assert.rejects(text(asks, 'a'), problem('invalid', /is no address that a SecretStore may ask/), host);
      await assert.rejects(asks.check(signal), problem('invalid', /is no address that a SecretStore may ask/), host);
    }
    assert.equal(asked, 0);
    assert.equal(await text(client({ url }), 'a'), 'x', 'a ClusterSecretStore does');
  });

  test('whose certificate is not vouched for is not asked; caBundle and caProvider vouch', async () => {
    const authority = await makeAuthority('CN=webhooks');
    const names = [{ type: 'ip', value: '127.0.0.1' }] as const;
    const server = await makeClient('CN=webhook', authority, { extendedKeyUsage: [SERVER], names: [...names] });
    const url = await listening((_request, response) => response.end('x'), { cert: server.pem, key: server.keyPem });
    const caProvider = { type: 'ConfigMap', name: 'ca', key: 'ca.crt' } as const;
    assert.equal(await text(client({ url, caBundle: Buffer.from(authority.pem).toString('base64') }), 'a'), 'x');
    assert.equal(
      await text(client({ url, caProvider }, { configMaps: { ca: { 'ca.crt': authority.pem } } }), 'a'),
      'x',
    );
    await assert.rejects(text(client({ url }), 'a'), problem('unreachable', /UNABLE_TO_VERIFY|SELF_SIGNED/));
  });

  test('writing and deleting: a value under its key in templates, by POST and DELETE', async () => {
    const asked: string[] = [];
    const url = await listening((request, response) => {
      void textOf(request).then((body) => {
        asked.push([request.method, request.url, body].join(' '));
        return response.writeHead(request.url === '/none' ? 404 : 200).end();
      });
    });
    const value = Buffer.from('p "q"');
    const plain = client({ url: `${url}/{{ .remoteRef.remoteKey }}` });
    await plain.push?.({ key: 'my-key', value }, signal);
    await client({ url, body: '{"v":{{ index .remoteRef .remoteRef.remoteKey | toJson }}}', method: 'PUT' }).push?.(
      { key: 'k', value },
      signal,
    );
    await plain.remove?.({ key: 'my-key' }, signal);
    await plain.remove?.({ key: 'none' }, signal);
    assert.deepEqual(asked, ['POST /my-key p "q"', 'PUT / {"v":"p \\"q\\""}', 'DELETE /my-key ', 'DELETE /none ']);
    await assert.rejects(async () => plain.push?.({ key: 'none', value }, signal), problem('unsuitable', /404/));
  });
});

test('what stands in an address is escaped as Go does it', () => {
  assert.equal(queryEscape("a b/ü!'()*~-_.+%"), 'a+b%2F%C3%BC%21%27%28%29%2A~-_.%2B%25');
  assert.throws(
    () => renderedUrl('http://{{ .remoteRef.key }}', { remoteRef: { key: 'a%2Fb' } }),
    problem('invalid', /no http/),
  );
});

test('of a path with nothing there, nothing is given', async () => {
  assert.equal(await valueAt('$.a[0]', { a: [] }), undefined);
  assert.equal(await valueAt('$.a', { a: [] }), undefined);
});
