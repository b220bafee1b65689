import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { hmacSha256, takeKey } from '../../lib/crypto/hash.ts';
import type { AuditedAuth, AuditedCall, AuditedResponse } from './entry.ts';
import { Formatter } from './format.ts';
import { Hasher } from './hasher.ts';
import { parseFormatOptions, type RawOptions } from './options.ts';
import { limits, redacted } from './redact.ts';

const key = takeKey(Buffer.alloc(32, 7));
const hashed = (text: string): string => `hmac-sha256:${hmacSha256(key, text).toString('hex')}`;

function formatter(options: RawOptions = {}): Formatter {
  return new Formatter(parseFormatOptions(options, [], { prefixing: true }), new Hasher(key));
}

interface Entry {
  readonly [name: string]: unknown;
  readonly auth: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, unknown>>;
  readonly response: Readonly<Record<string, unknown>>;
}

function parse(text: string): Entry {
  assert.equal(text.indexOf('\n'), text.length - 1);
  return JSON.parse(text) as Entry;
}

const time = Date.UTC(2030, 0, 31, 12, 0, 0, 250);
const auth: AuditedAuth = {
  clientToken: 'hvs.TOKEN-CANARY',
  accessor: 'ACCESSOR-CANARY',
  displayName: 'approle',
  policies: ['default', 'app'],
  tokenPolicies: ['default', 'app'],
  policyResults: { allowed: true, grantingPolicies: ['app'] },
  metadata: { role_name: 'app' },
  remainingUses: 3,
  entityId: 'e-1',
  tokenType: 'service',
  tokenTtl: 3_600,
  issuedAt: Date.UTC(2030, 0, 31),
  identity: {},
};
const call: AuditedCall = {
  auth,
  request: {
    id: 'b9520994-29c7-bcf5-bfab-66b41bc77838',
    operation: 'update',
    mount: {
      point: 'secret/',
      type: 'kv',
      accessor: 'kv_1',
      class: 'secret',
      clearRequestKeys: ['shown'],
      clearResponseKeys: ['seen'],
    },
    clientToken: auth.clientToken,
    clientTokenAccessor: auth.accessor,
    namespace: { id: 'root', path: '' },
    path: 'secret/data/a',
    data: {
      data: { password: 'REQUEST-CANARY', shown: 'in the clear', n: 1, list: ['LIST-CANARY', true, null], shown2: '' },
      options: {},
    },
    remoteAddress: '127.0.0.1',
    remotePort: 51_234,
    wrapTtl: 60,
    headers: { 'x-one': { values: ['HEADER-CANARY'], hmac: true }, 'x-two': { values: ['a', 'b'], hmac: false } },
    clientCertificateSerial: '77',
  },
};
const response: AuditedResponse = {
  auth: { ...auth, clientToken: 'hvs.MADE-CANARY', accessor: 'MADE-ACCESSOR', identity: {}, numUses: 5 },
  leaseId: 'database/creds/x/1',
  data: { created: 1, value: 'RESPONSE-CANARY', seen: 'in the clear too', seen_not: 'SEEN-CANARY' },
  warnings: ['careful'],
  wrap: {
    ttl: 60,
    token: 'hvs.WRAP-CANARY',
    accessor: 'WRAP-ACCESSOR',
    createdAt: '2030-01-31T12:00:00.250Z',
    creationPath: 'secret/data/a',
    wrappedAccessor: 'WRAPPED-ACCESSOR',
  },
};

test('a request entry has the fields of Vault, and only hashes of what is secret', () => {
  assert.deepEqual(parse(formatter().request({ ...call, error: 'permission denied' }, time)), {
    time: '2030-01-31T12:00:00.250Z',
    type: 'request',
    auth: {
      client_token: hashed('hvs.TOKEN-CANARY'),
      accessor: hashed('ACCESSOR-CANARY'),
      display_name: 'approle',
      policies: ['default', 'app'],
      token_policies: ['default', 'app'],
      policy_results: { allowed: true, granting_policies: [{ name: 'app', namespace_id: 'root', type: 'acl' }] },
      metadata: { role_name: 'app' },
      remaining_uses: 3,
      entity_id: 'e-1',
      token_type: 'service',
      token_ttl: 3_600,
      token_issue_time: '2030-01-31T00:00:00Z',
    },
    request: {
      id: 'b9520994-29c7-bcf5-bfab-66b41bc77838',
      operation: 'update',
      mount_point: 'secret/',
      mount_type: 'kv',
      mount_accessor: 'kv_1',
      mount_class: 'secret',
      client_token: hashed('hvs.TOKEN-CANARY'),
      client_token_accessor: hashed('ACCESSOR-CANARY'),
      namespace: { id: 'root' },
      path: 'secret/data/a',
      data: {
        data: {
          password: hashed('REQUEST-CANARY'),
          shown: 'in the clear',
          n: 1,
          list: [hashed('LIST-CANARY'), true, null],
          shown2: hashed(''),
        },
        options: {},
      },
      remote_address: '127.0.0.1',
      remote_port: 51_234,
      wrap_ttl: 60,
      headers: { 'x-one': [hashed('HEADER-CANARY')], 'x-two': ['a', 'b'] },
      client_certificate_serial_number: '77',
    },
    error: 'permission denied',
  });
});

test('a response entry repeats the request and adds what was answered', () => {
  const one = formatter();
  const entry = parse(one.response(call, response, time));
  assert.deepEqual(entry.request, parse(one.request(call, time)).request);
  assert.equal(entry['type'], 'response');
  assert.deepEqual(Object.keys(entry), ['time', 'type', 'auth', 'request', 'response']);
  assert.deepEqual(entry.response, {
    auth: {
      client_token: hashed('hvs.MADE-CANARY'),
      accessor: hashed('MADE-ACCESSOR'),
      display_name: 'approle',
      policies: ['default', 'app'],
      token_policies: ['default', 'app'],
      policy_results: { allowed: true, granting_policies: [{ name: 'app', namespace_id: 'root', type: 'acl' }] },
      metadata: { role_name: 'app' },
      num_uses: 5,
      remaining_uses: 3,
      entity_id: 'e-1',
      token_type: 'service',
      token_ttl: 3_600,
      token_issue_time: '2030-01-31T00:00:00Z',
    },
    mount_point: 'secret/',
    mount_type: 'kv',
    mount_accessor: 'kv_1',
    mount_class: 'secret',
    secret: { lease_id: 'database/creds/x/1' },
    data: { created: 1, value: hashed('RESPONSE-CANARY'), seen: 'in the clear too', seen_not: hashed('SEEN-CANARY') },
    warnings: ['careful'],
    wrap_info: {
      ttl: 60,
      token: hashed('hvs.WRAP-CANARY'),
      accessor: hashed('WRAP-ACCESSOR'),
      creation_time: '2030-01-31T12:00:00.250Z',
      creation_path: 'secret/data/a',
      wrapped_accessor: hashed('WRAPPED-ACCESSOR'),
    },
  });
});

/** Keys in the order in which a real server (OpenBao 2.7.2, file device) wrote them for a refused and a wrapped read. */
test('keys stand in the order of a real server', () => {
  const order = {
    auth: 'client_token accessor display_name policies token_policies identity_policies no_default_policy policy_results metadata num_uses remaining_uses entity_id token_type token_ttl token_issue_time',
    request:
      'id operation mount_point mount_type mount_accessor mount_class client_token client_token_accessor namespace path data remote_address remote_port wrap_ttl headers client_certificate_serial_number',
    response: 'auth mount_point mount_type mount_accessor mount_class secret data warnings redirect wrap_info',
  };
  const entry = parse(formatter().response(call, response, time));
  for (const part of ['auth', 'request', 'response'] as const) {
    const expected = order[part].split(' ');
    const found = Object.keys(entry[part]);
    assert.deepEqual(
      found,
      expected.filter((name) => found.includes(name)),
      part,
    );
    assert.deepEqual(
      found.filter((name) => !expected.includes(name)),
      [],
      part,
    );
  }
});

test('no canary is in either line, under any options but log_raw', () => {
  for (const options of [{}, { hmac_accessor: 'true' }, { elide_list_responses: 'true' }, { prefix: '@cee: ' }]) {
    const one = formatter(options);
    const text = one.request(call, time) + one.response(call, response, time);
    assert.doesNotMatch(text, /CANARY|ACCESSOR/);
  }
});

test('options change what is shown', () => {
  const plain = formatter({ hmac_accessor: 'false' });
  const open = parse(plain.response(call, response, time));
  assert.equal(open.auth['accessor'], 'ACCESSOR-CANARY');
  assert.equal(open.request['client_token_accessor'], 'ACCESSOR-CANARY');
  assert.equal(open.auth['client_token'], hashed('hvs.TOKEN-CANARY'));
  const wrapInfo = open.response['wrap_info'] as Readonly<Record<string, string>>;
  assert.equal(wrapInfo['accessor'], 'WRAP-ACCESSOR');
  assert.equal(wrapInfo['token'], hashed('hvs.WRAP-CANARY'));

  const raw = parse(formatter({ log_raw: 'true' }).response(call, response, time));
  assert.deepEqual(raw.request['data'], call.request.data);
  assert.equal(raw.auth['client_token'], 'hvs.TOKEN-CANARY');
  assert.deepEqual(raw.request['headers'], { 'x-one': ['HEADER-CANARY'], 'x-two': ['a', 'b'] });

  const prefixed = Buffer.from(formatter({ prefix: '@cee: ' }).request(call, time)).toString();
  assert.ok(prefixed.startsWith('@cee: {"time":'));
});

test('listings are counted where asked, for LIST and SCAN alone', () => {
  const data = { keys: ['a', 'b'], key_info: { a: { x: 'y' }, b: {}, c: {} }, other: 'z' };
  const listed = (operation: string, options: RawOptions) =>
    parse(formatter(options).response({ ...call, request: { ...call.request, operation } }, { data }, time)).response[
      'data'
    ];
  const elide = { elide_list_responses: 'true' };
  assert.deepEqual(listed('list', elide), { keys: 2, key_info: 3, other: hashed('z') });
  assert.deepEqual(listed('scan', elide), { keys: 2, key_info: 3, other: hashed('z') });
  assert.deepEqual(listed('list', { ...elide, log_raw: 'true' }), { keys: 2, key_info: 3, other: 'z' });
  const shown = {
    keys: [hashed('a'), hashed('b')],
    key_info: { a: { x: hashed('y') }, b: {}, c: {} },
    other: hashed('z'),
  };
  assert.deepEqual(listed('list', {}), shown);
  assert.deepEqual(listed('read', elide), shown);
});

test('a login is told by the token that it made', () => {
  const login: AuditedCall = {
    auth: {
      displayName: '',
      policies: [],
      tokenPolicies: [],
      entityId: '',
      tokenType: 'default',
      tokenTtl: 0,
      issuedAt: 0,
    },
    request: { ...call.request, clientToken: undefined, clientTokenAccessor: undefined, path: 'auth/approle/login' },
  };
  const one = formatter();
  assert.deepEqual(parse(one.request(login, time)).auth, { token_type: 'default' });
  assert.equal(parse(one.response(login, response, time)).auth['client_token'], hashed('hvs.MADE-CANARY'));
  assert.equal('client_token' in parse(one.response(login, response, time)).request, false);
});

test('two tokens never share a hash, and one token keeps its own', () => {
  const one = formatter();
  const identity = {};
  const tokenIn = (clientToken: string | undefined, of: object | undefined) => {
    const request = { ...call.request, clientToken };
    return parse(one.request({ auth: { ...auth, clientToken, identity: of }, request }, time)).auth['client_token'];
  };
  assert.equal(tokenIn('a', identity), hashed('a'));
  assert.equal(tokenIn('a', identity), hashed('a'));
  assert.equal(tokenIn('b', {}), hashed('b'));
  assert.equal(tokenIn(undefined, {}), undefined);
  const late = {};
  assert.equal(tokenIn(undefined, late), undefined);
  assert.equal(tokenIn('c', late), hashed('c'));
});

test('data that come again under their identity are hashed once, and only where all is hashed', () => {
  const identity = {};
  const secret = { seen: 'A', hidden: 'B' };
  const dataIn = (one: Formatter, data: object, clearResponseKeys: readonly string[], of: object = identity) => {
    const from = call.request.mount;
    const mount = from === undefined ? undefined : { ...from, clearResponseKeys };
    const entry = one.response({ auth, request: { ...call.request, mount } }, { data, identity: of }, time);
    return parse(entry).response['data'];
  };
  const one = formatter();
  const all = { seen: hashed('A'), hidden: hashed('B') };
  assert.deepEqual(dataIn(one, secret, ['seen']), { seen: 'A', hidden: hashed('B') });
  assert.deepEqual(dataIn(one, secret, []), all);
  assert.deepEqual(dataIn(one, {}, []), all, 'kept');
  assert.deepEqual(dataIn(one, secret, ['hidden']), { seen: hashed('A'), hidden: 'B' });
  assert.deepEqual(dataIn(one, { other: 'C' }, [], {}), { other: hashed('C') });
  const raw = formatter({ log_raw: 'true' });
  assert.deepEqual(dataIn(raw, secret, []), secret);
  assert.deepEqual(dataIn(raw, { seen: 'D' }, []), { seen: 'D' });
});

const walk = (data: unknown): unknown => {
  const text = redacted(data, { hash: hashed, clear: [] });
  return text === undefined ? undefined : JSON.parse(text);
};

test('the shape of any data stays, and none of its strings', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (data) => {
      const expected = JSON.stringify(data, (_key, value: unknown) =>
        typeof value === 'string' ? hashed(value) : value,
      );
      assert.deepEqual(walk(data), JSON.parse(expected));
    }),
    { numRuns: 500 },
  );
});

test('what JSON does not know is written as JSON would, bytes as a hash', () => {
  const bytes = Buffer.from('BYTES-CANARY');
  const data = {
    bytes,
    date: new Date(time),
    big: 12n,
    gone: undefined,
    run: () => 1,
    list: [undefined, Number.NaN],
    inner: { toJSON: () => 'INNER-CANARY' },
  };
  assert.deepEqual(walk(data), {
    bytes: hashed(bytes.toString('base64')),
    date: hashed('2030-01-31T12:00:00.250Z'),
    big: 12,
    list: [null, null],
    inner: hashed('INNER-CANARY'),
  });
  const endless = { toJSON: (): unknown => endless };
  assert.deepEqual(walk(endless), { '*': hashed('{}') });
});

test('huge and deep data costs a bounded number of hashes, and nothing is left out', () => {
  let hashes = 0;
  const counting = { hash: (text: string) => `${(hashes += 1)}:${text.length}`, clear: [] };
  const many = Array.from({ length: 100_000 }, (_, at) => `value ${at}`);
  assert.equal(redacted({ many, one: 'x' }, counting), `{"many":["1:${JSON.stringify(many).length}"],"one":"2:1"}`);
  hashes = 0;
  const wide = Array.from({ length: 300 }, () => Array.from({ length: 300 }, () => 'x'));
  assert.ok((redacted(wide, counting) ?? '').length < 200_000);
  assert.ok(hashes <= limits.values + 300);
  hashes = 0;
  let deep: unknown = 'DEEP-CANARY';
  for (let at = 0; at < 2_000; at += 1) deep = at % 2 === 0 ? [deep] : { in: deep };
  const text = redacted(deep, counting) ?? '';
  assert.equal(hashes, 1);
  assert.doesNotMatch(text, /CANARY/);
  assert.ok(text.length < 1_000);
  const object = Object.fromEntries(many.map((name) => [name, 1]));
  assert.deepEqual(walk(object), { '*': hashed(JSON.stringify(object)) });
});

test('names that mean something to JavaScript are only names', () => {
  const data: unknown = JSON.parse('{"__proto__":{"toString":"x"},"constructor":"y"}');
  assert.equal(redacted(data, { hash: (text) => text, clear: [] }), '{"__proto__":{"toString":"x"},"constructor":"y"}');
});
