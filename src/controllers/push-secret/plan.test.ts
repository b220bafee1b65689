import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leftOver, plan, type PushSecret } from './plan.ts';

const valuesOf = (values: Readonly<Record<string, string | Buffer>>) =>
  new Map(Object.entries(values).map(([key, value]) => [key, Buffer.from(value)]));

const pushing = (spec: Partial<PushSecret['spec']>): PushSecret => ({
  metadata: { namespace: 'shop', name: 'out' },
  spec: { secretStoreRefs: [{ name: 's' }], selector: { secret: { name: 'source' } }, ...spec },
});

const data = (remoteKey: string, more: object = {}, property?: string) => ({
  match: { remoteRef: { remoteKey, ...(property === undefined ? {} : { property }) }, ...more },
});

const store = { kind: 'SecretStore', name: 's', labels: { tier: 'a' }, nameOf: (key: string) => key.toLowerCase() };

const planned = (spec: Partial<PushSecret['spec']>, values = valuesOf({ a: '1', b_U002f_c: '2' })) =>
  plan(pushing(spec), { values, from: { labels: {}, annotations: {} } }, store).map(({ pushed }) => [
    pushed.key,
    pushed.property,
    Buffer.from(pushed.value).toString('utf8'),
  ]);

test('one value, all of it, and keys with their slashes again', () => {
  assert.deepEqual(planned({ data: [data('k', { secretKey: 'a' }, 'p'), data('all')] }), [
    ['k', 'p', '1'],
    ['all', undefined, '{"a":"1","b_U002f_c":"2"}'],
  ]);
  const reverse = [{ ...data('all'), conversionStrategy: 'ReverseUnicode' as const }];
  assert.deepEqual(planned({ data: reverse }), [['all', undefined, '{"a":"1","b/c":"2"}']]);
});

const to = (source: string, target: string) => ({ regexp: { source, target } });

test('all keys that match go to their store, each under its name or together', () => {
  const values = valuesOf({ 'db-host': 'h', 'db-port': '1', token: 't' });
  const storeRef = { name: 's' };
  const rewrite = [to('^db-', 'app/')];
  assert.deepEqual(planned({ dataTo: [{ storeRef, match: { regexp: '^db-' }, rewrite }] }, values), [
    ['app/host', undefined, 'h'],
    ['app/port', undefined, '1'],
  ]);
  assert.deepEqual(planned({ dataTo: [{ storeRef, remoteKey: 'all' }] }, values), [
    ['all', undefined, '{"db-host":"h","db-port":"1","token":"t"}'],
  ]);
  const reverse = { storeRef, conversionStrategy: 'ReverseUnicode' } as const;
  assert.deepEqual(planned({ dataTo: [reverse] }, valuesOf({ b_U002f_c: '2' })), [['b/c', undefined, '2']]);
  const named = [data('mine', { secretKey: 'token' }, 'p')];
  assert.deepEqual(planned({ dataTo: [{ storeRef, match: { regexp: 'o' } }], data: named }, values), [
    ['db-host', undefined, 'h'],
    ['db-port', undefined, '1'],
    ['mine', 'p', 't'],
  ]);
  assert.deepEqual(planned({ dataTo: [{ storeRef, match: { regexp: 'none' } }] }, values), []);
});

test('nothing goes to a store that is not meant', () => {
  const select = (labels: Record<string, string>) => ({ labelSelector: { matchLabels: labels } });
  for (const storeRef of [{ name: 'other' }, { name: 's', kind: 'ClusterSecretStore' as const }, select({ tier: 'b' })])
    assert.deepEqual(planned({ dataTo: [{ storeRef, remoteKey: 'k' }] }), [], JSON.stringify(storeRef));
  assert.equal(planned({ dataTo: [{ storeRef: select({ tier: 'a' }), remoteKey: 'k' }] }).length, 1);
});

test('what cannot be is refused before anything is written', () => {
  const refused: readonly (readonly [Partial<PushSecret['spec']>, RegExp])[] = [
    [{ data: [data('k', { secretKey: 'none' })] }, /secret key none does not exist/],
    [{ data: [data('k', { secretKey: 'a' }, 'p'), data('k', { secretKey: 'a' }, 'p')] }, /"k\/p" is named twice/],
    [{ dataTo: [{}] }, /storeRef: name a store, or give a labelSelector/],
    [{ dataTo: [{ storeRef: { name: 's' }, match: { regexp: '(' } }] }, /match\.regexp/],
    [{ dataTo: [{ storeRef: { name: 's' }, remoteKey: 'k', rewrite: [to('a', 'b')] }] }, /nothing to rewrite/],
    [{ dataTo: [{ storeRef: { name: 's' }, rewrite: [to('.*', 'one')] }] }, /"one" is named twice/],
    [{ dataTo: [{ storeRef: { name: 's' }, rewrite: [to('.*', '')] }] }, /leaves nothing of/],
  ];
  for (const [spec, said] of refused) assert.throws(() => planned(spec), said);
  const binary = valuesOf({ raw: Buffer.from([0xff]) });
  assert.throws(() => planned({ data: [data('k')] }, binary), /secret key raw is no text/);
  const same = valuesOf({ 'b/c': '1', b_U002f_c: '2' });
  assert.throws(() => planned({ data: [{ ...data('k'), conversionStrategy: 'ReverseUnicode' }] }, same), /collision/);
});

test('metadata goes along, and stays known for the time when it is taken away', () => {
  const metadata = { kind: 'PushSecretMetadata' };
  const given = { values: valuesOf({ a: '1' }), from: { labels: { team: 'shop' }, annotations: {} } };
  const spec = {
    data: [{ ...data('k'), metadata }],
    dataTo: [
      { storeRef: { name: 's' }, metadata },
      { storeRef: { name: 's' }, remoteKey: 'all', metadata },
    ],
  };
  const all = plan(pushing(spec), given, store);
  assert.equal(all.length, 3);
  for (const { data: kept, pushed } of all) {
    assert.deepEqual([kept.metadata, pushed.metadata, pushed.from?.labels], [metadata, metadata, { team: 'shop' }]);
  }
  const [one] = leftOver({ 'SecretStore/s': { k: { ...data('k'), metadata } } }, {});
  assert.deepEqual(one?.[1], { key: 'k', property: undefined, metadata });
});

test('what was written and is named no more is left over', () => {
  const before = {
    'SecretStore/s': { 'k/p': data('k', {}, 'p'), all: data('all') },
    'SecretStore/t': { all: data('all') },
  };
  const now = { 'SecretStore/s': { all: data('all') } };
  assert.deepEqual(leftOver(before, now), [
    ['SecretStore/s', { key: 'k', property: 'p' }],
    ['SecretStore/t', { key: 'all', property: undefined }],
  ]);
});

test('what was written is left over whatever it is called', () => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    const before = { 'SecretStore/s': Object.fromEntries([[name, data(name)]]) };
    assert.deepEqual(leftOver(before, { 'SecretStore/s': {} }), [
      ['SecretStore/s', { key: name, property: undefined }],
    ]);
    assert.deepEqual(leftOver(before, before), []);
  }
});

test('two names of one secret are named twice, and what has another name now is not taken away', () => {
  assert.throws(
    () => planned({ data: [data('db', { secretKey: 'a' }), data('DB', { secretKey: 'a' })] }),
    /"db" is the same/,
  );
  const of = (...all: readonly (readonly [key: string, property?: string])[]) => ({
    'SecretStore/s': Object.fromEntries(
      all.map(([key, property]) => [property === undefined ? key : `${key}/${property}`, data(key, {}, property)]),
    ),
  });
  const nameOf = (_store: string, key: string): string => key.toLowerCase();
  const left = (before: Parameters<typeof leftOver>[0], now: Parameters<typeof leftOver>[1]) =>
    leftOver(before, now, nameOf).map(([, { key, property }]) => [key, property]);
  assert.deepEqual(left(of(['DB']), of(['db'])), []);
  assert.deepEqual(left(of(['DB', 'a'], ['DB', 'b']), of(['db', 'a'])), [['DB', 'b']]);
  // A property of what is written as a whole now, and the whole of which a property is written now.
  assert.deepEqual(left(of(['db', 'a']), of(['db'])), []);
  assert.deepEqual(left(of(['db']), of(['db', 'a'])), []);
});
