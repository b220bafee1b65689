import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseHcl, type Value } from '../lib/hcl/index.ts';
import { formatAddress } from './address.ts';
import { key } from './kinds.ts';
import { Mismatch, type Key } from './schema.ts';

function accepts<T>(kind: Key<T>, cases: readonly (readonly [Value, unknown])[]): void {
  for (const [raw, expected] of cases) assert.deepEqual(kind.parse(raw), expected, JSON.stringify(raw));
}

function refuses(kind: Key<unknown>, raws: readonly Value[]): void {
  for (const raw of raws) assert.throws(() => kind.parse(raw), Mismatch, JSON.stringify(raw));
}

const body = parseHcl('a = 1');

test('booleans, as Go and Vault read them', () => {
  accepts(key.boolean('h'), [
    ...[true, 'true', 'TRUE', 't', '1', 1].map((raw) => [raw, true] as const),
    ...[false, 'false', 'F', '0', 0].map((raw) => [raw, false] as const),
  ]);
  refuses(key.boolean('h'), ['yes', '', 2, 'tRuE', [true], body]);
});

test('numbers and sizes', () => {
  accepts(key.integer('h'), [
    [-1, -1],
    ['-12', -12],
    ['7', 7],
  ]);
  refuses(key.integer('h'), [1.5, '1.5', '', '٣', '1e3', '99999999999999999999', true, [], body]);
  refuses(key.count('h'), [-1, '-1']);
  accepts(key.bytes('h'), [
    [1024, 1024],
    ['10', 10],
    ['1KiB', 1024],
    ['2 mb', 2e6],
    ['1GiB', 2 ** 30],
  ]);
  refuses(key.bytes('h'), [-1, '-1', '1.5MB', '1 XB', 'KiB', '999999999999999TiB', '', [], body]);
});

test('limits: 0 is the default, negative is none', () => {
  const limit = key.limit('h', 500);
  accepts(limit, [
    [0, 500],
    ['0', 500],
    [-1, Number.POSITIVE_INFINITY],
    ['-1', Number.POSITIVE_INFINITY],
    [7, 7],
    ['1KiB', 1024],
  ]);
  refuses(limit, ['x', '-2x', 1.5, -1.5, true]);
});

test('durations are seconds', () => {
  accepts(key.duration('h'), [
    ['1h', 3600],
    ['250ms', 0.25],
    [90, 90],
    ['90', 90],
    ['2d', 172_800],
  ]);
  refuses(key.duration('h'), [-1, '-1s', 'soon', true, ['1h'], body]);
});

test('lists', () => {
  accepts(key.list('h'), [
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    ['a, b', ['a', 'b']],
    ['', []],
    [[], []],
  ]);
  refuses(key.list('h'), [1, ['a', 1], [['a']], body, true]);
});

test('addresses', () => {
  accepts(key.address('h'), [
    ['127.0.0.1:8200', { host: '127.0.0.1', port: 8200 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    [':8200', { host: '', port: 8200 }],
    ['hub.example:65535', { host: 'hub.example', port: 65_535 }],
  ]);
  refuses(key.address('h'), [
    '127.0.0.1',
    'a:b',
    '1.2.3.4:65536',
    '::1:8200',
    '[1.2.3.4]:1',
    '{{ GetPrivateIP }}:8200',
    'a b:1',
    'http://x:1',
    8200,
  ]);
  assert.equal(formatAddress({ host: '::1', port: 1 }), '[::1]:1');
  assert.equal(formatAddress({ host: 'a', port: 1 }), 'a:1');
});

test('URLs', () => {
  accepts(key.url('h'), [
    ['https://a.example:8200/', 'https://a.example:8200'],
    ['http://127.0.0.1:8200', 'http://127.0.0.1:8200'],
    ['unix:///run/agent.sock', 'unix:///run/agent.sock'],
  ]);
  refuses(key.url('h'), ['a.example:8200', 'ftp://a', 'https://', 'https://user:pw@a', '', 'unix://x', 1]);
});

test('networks', () => {
  accepts(key.networks('h'), [['10.0.0.0/8,::1', ['10.0.0.0/8', '::1']]]);
  refuses(key.networks('h'), ['10.0.0.0/33', '::/129', 'example', '1.2.3.4/8/8', '1.2.3.4/', ['10.0.0.0/x']]);
});

test('modes, owners and commands', () => {
  accepts(key.mode('h'), [
    ['0640', 0o640],
    ['640', 0o640],
    [0o400, 0o400],
    [0, 0],
  ]);
  // 640 in decimal is 01200: a forgotten zero, not a mode.
  refuses(key.mode('h'), [640, '0999', '64', '06400', -1, 1.5, true]);
  accepts(key.owner('h'), [
    ['app', 'app'],
    ['1000', 1000],
    [0, 0],
  ]);
  refuses(key.owner('h'), ['', -1, 1.5, 2 ** 32, true]);
  accepts(key.command('h'), [
    [
      ['a', 'b c'],
      ['a', 'b c'],
    ],
    ['echo "x y" && z', ['/bin/sh', '-c', 'echo "x y" && z']],
  ]);
  refuses(key.command('h'), ['', ' ', [], 1, body]);
});

test('paths', () => {
  accepts(key.path('h'), [['a/b', 'a/b']]);
  refuses(key.path('h'), ['', 'a\0b', 1]);
  refuses(key.absolutePath('h'), ['a', './a', '']);
});

test('keys of 32 bytes and secrets are not shown', () => {
  accepts(key.keySource('h'), [
    ['file:///keys/1', { from: 'file', path: '/keys/1' }],
    ['env://SEAL_KEY', { from: 'variable', variable: 'SEAL_KEY' }],
  ]);
  refuses(key.keySource('h'), ['file://relative', 'env://', 'env://A=B', 1]);
  assert.equal(JSON.stringify(key.keySource('h').parse('canary')), '{"from":"value","value":"[redacted]"}');
  assert.equal(`${key.secret('h').parse('canary')}`, '[redacted]');
});

test('one of several words', () => {
  const level = key.oneOf(['warn', 'info'])('h');
  accepts(level, [['WARN', 'warn']]);
  refuses(level, ['', 'w', 1, ['warn']]);
  assert.equal(level.type, '"warn" or "info"');
});

test('no kind fails otherwise than with a Mismatch, nor repeats its input', () => {
  const { oneOf, limit, ...makers } = key;
  const kinds: readonly Key<unknown>[] = [
    ...Object.values(makers).map((make) => make('h')),
    oneOf(['a', 'b'])('h'),
    limit('h', 1),
  ];
  const scalar = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.integer());
  const raw: fc.Arbitrary<Value> = fc.oneof(scalar, fc.array(scalar), fc.array(fc.array(scalar)), fc.constant(body));
  fc.assert(
    fc.property(fc.constantFrom(...kinds), raw, (kind, value) => {
      try {
        kind.parse(value);
      } catch (error) {
        assert.ok(error instanceof Mismatch, String(error));
      }
    }),
    { numRuns: 2000 },
  );
  for (const kind of kinds) {
    try {
      kind.parse('hvs canary {{ }} \0');
    } catch (error) {
      assert.ok(error instanceof Mismatch && !error.message.includes('canary'));
    }
  }
});
