import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Applicable } from './applicable.ts';
import { windowFor, type Counted, type RateLimit } from './rate-limit.ts';

const quota = (path: string, more: Partial<RateLimit> = {}): RateLimit => ({
  ...{ name: path, path, role: '', rate: 1, interval: 1, blockInterval: 0 },
  ...{ inheritable: path === '', groupBy: 'ip', secondaryRate: 0 },
  ...more,
});

const request = (path: string, more: Partial<Counted> = {}): Counted => ({
  ...{ path, namespace: '', mount: undefined, address: '192.0.2.1', entity: '' },
  role: () => undefined,
  ...more,
});

const nameFor = (quotas: readonly RateLimit[], counted: Counted) => new Applicable(quotas).for(counted)?.name;

describe('which quota a request is counted by', () => {
  const all = [
    quota(''),
    quota('secret/'),
    quota('secret/data/a*'),
    quota('secret/data/a/b'),
    quota('n/'),
    quota('n/kv/'),
  ];

  test('the one that says most of its path', () => {
    const expected: Readonly<Record<string, string>> = {
      'sys/mounts': '',
      'secret/data/c': 'secret/',
      'secret/data/ab': 'secret/data/a*',
      'secret/data/a/b': 'secret/data/a/b',
      'secret/data/a/bc': 'secret/data/a*',
      secrets: '',
    };
    for (const [path, name] of Object.entries(expected)) assert.equal(nameFor(all, request(path)), name, path);
    assert.equal(nameFor(all, request('n/kv/x', { namespace: 'n/' })), 'n/kv/');
  });

  test("a namespace's holds below it where it is inheritable", () => {
    const below = request('n/m/kv/x', { namespace: 'n/m/' });
    assert.equal(nameFor(all, request('n/sys/x', { namespace: 'n/' })), 'n/');
    assert.equal(nameFor(all, below), '');
    assert.equal(
      nameFor([...all.filter(({ path }) => path !== 'n/'), quota('n/', { inheritable: true })], below),
      'n/',
    );
  });

  test("a role's comes first, for logins by it alone", () => {
    const quotas = [
      ...all,
      quota('auth/approle/', { name: 'mount' }),
      quota('auth/approle/', { name: 'role', role: 'r' }),
    ];
    const login = (role?: string) => request('auth/approle/login', { mount: 'auth/approle/', role: () => role });
    assert.deepEqual(
      [nameFor(quotas, login('r')), nameFor(quotas, login('other')), nameFor(quotas, login())],
      ['role', 'mount', 'mount'],
    );
  });

  test('as a plain search says, for any quotas and paths', () => {
    const part = fc.constantFrom('a', 'b', 'ab', 'secret');
    const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const target = fc.oneof(
      path,
      path.map((p) => `${p}/`),
      path.map((p) => `${p}*`),
      fc.constant(''),
    );
    fc.assert(
      fc.property(fc.uniqueArray(target, { maxLength: 12 }), path, (targets, asked) => {
        const matching = targets.filter((t) =>
          t === '' || t.endsWith('/')
            ? asked.startsWith(t)
            : t.endsWith('*')
              ? asked.startsWith(t.slice(0, -1))
              : asked === t,
        );
        const exact = matching.find((t) => t === asked);
        const length = (t: string) => t.replace('*', '').length;
        const best =
          exact ??
          matching.reduce<string | undefined>((a, b) => (a === undefined || length(b) > length(a) ? b : a), undefined);
        const found = nameFor(
          targets.map((t) => quota(t)),
          request(asked),
        );
        assert.ok(found === best || length(found ?? '') === length(best ?? ''), `${found} ${best}`);
        assert.equal(found === undefined, best === undefined);
      }),
    );
  });
});

describe('who is counted together', () => {
  const keyFor = (more: Partial<RateLimit>, counted: Partial<Counted>) => {
    const { key, rule } = windowFor(quota('secret/', { rate: 5, ...more }), request('secret/x', counted));
    return `${key.split('\0')[1] ?? ''} ${rule.limit}`;
  };

  test('an address, or the network of one', () => {
    assert.equal(keyFor({}, { address: '192.0.2.7' }), 'ip:192.0.2.7 5');
    assert.equal(keyFor({}, { address: '2001:db8::1' }), 'ip:2001:db8:0:0 5');
    assert.equal(keyFor({}, { address: '2001:db8:0:0:ffff:1:2:3' }), 'ip:2001:db8:0:0 5');
    assert.equal(keyFor({}, { address: '::ffff:192.0.2.7' }), 'ip:::ffff:192.0.2.7 5');
    assert.equal(keyFor({}, { address: '/run/lockstep.sock' }), 'ip:/run/lockstep.sock 5');
  });

  test('an entity, where it is said and there is one', () => {
    assert.equal(keyFor({ groupBy: 'none' }, { entity: 'e' }), 'all 5');
    assert.equal(keyFor({ groupBy: 'entity_then_ip' }, { entity: 'e' }), 'entity:e 5');
    assert.equal(keyFor({ groupBy: 'entity_then_ip', secondaryRate: 2 }, {}), 'ip:192.0.2.1 2');
    assert.equal(keyFor({ groupBy: 'entity_then_none' }, {}), 'all 5');
    assert.equal(keyFor({ rate: 0.5 }, {}), 'ip:192.0.2.1 1');
  });
});
