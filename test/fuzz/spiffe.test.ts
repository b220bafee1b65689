/** What a trust domain, its endpoint or a workload can send: SPIFFE IDs, bundles, and IDs beside patterns of roles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkWorkloadPattern, matchesWorkload } from '../../src/auth/spiffe/workload-pattern.ts';
import { isLockstepError } from '../../src/errors.ts';
import { ServerUnavailable } from '../../src/lib/outgoing/unavailable.ts';
import { bundleOf } from '../../src/lib/spiffe/bundle.ts';
import { parseSpiffeId } from '../../src/lib/spiffe/spiffe-id.ts';

const SECONDS = Number(process.env['LOCKSTEP_FUZZ_SECONDS'] ?? 5);
const seed = Date.now() % 2_147_483_647;
const bounded = { seed, numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false };

const mixed = (...known: readonly string[]) =>
  fc
    .array(fc.oneof(fc.constantFrom(...known), fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 12 })
    .map((parts) => parts.join(''));

test(`an ID is what it was read from, and has no other spelling (seed ${String(seed)})`, () => {
  const text = mixed('spiffe://', 'example.org', '/', 'ns', '.', '..', 'A', '%2f', ':1', '@', '?', '#', '*', '+');
  fc.assert(
    fc.property(text, (one) => {
      const id = parseSpiffeId(one);
      if (id === undefined) return;
      assert.equal(`spiffe://${id.trustDomain}${id.path}`, one);
      // A reader of URLs sees the same.
      const { protocol, host, pathname, search, hash, username } = new URL(one);
      assert.deepEqual([protocol, host, pathname], ['spiffe:', id.trustDomain, id.path]);
      assert.equal(search + hash + username, '');
    }),
    bounded,
  );
});

test(`a bundle is read or refused by name (seed ${String(seed)})`, () => {
  const json = mixed(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"keys"',
    '"use"',
    '"jwt-svid"',
    '"x509-svid"',
    '"kid"',
    '"x5c"',
    '1',
  );
  const value = fc.jsonValue().map((keys) => JSON.stringify({ keys, spiffe_sequence: 1 }));
  const entry = fc.record(
    { use: fc.constantFrom('jwt-svid', 'x509-svid'), kid: fc.jsonValue(), x5c: fc.jsonValue(), kty: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const entries = fc.array(entry, { maxLength: 4 }).map((keys) => JSON.stringify({ keys }));
  const pem = mixed('-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', 'MIIB', '\n');
  fc.assert(
    fc.property(fc.oneof(json, value, entries, pem), (text) => {
      try {
        bundleOf(text);
      } catch (error) {
        assert.ok(error instanceof ServerUnavailable, String(error));
      }
    }),
    bounded,
  );
});

/** Slow and plain: every way to read the pattern, segment by segment. */
function reference(pattern: string, path: string): boolean {
  const open = pattern.endsWith('*');
  const source = (open ? pattern.slice(0, -1) : pattern)
    .replace(/^\//, '')
    .split('/')
    .map((segment) => (segment === '+' ? '[^/]+' : segment.replaceAll('.', '\\.')))
    .join('/');
  return new RegExp(`^/${source}${open ? (source === '' || source.endsWith('/') ? '.+' : '.*') : ''}$`).test(path);
}

test(`a pattern means what a regular expression for it means (seed ${String(seed)})`, () => {
  const segment = fc.constantFrom('a', 'b', 'ab', 'a.b', '+', '.a');
  const pattern = fc
    .tuple(fc.constantFrom('', '/'), fc.array(segment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '*', '/*'))
    .map(([first, segments, last]) => first + segments.join('/') + last);
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'a.b', 'axb', '.a', 'a.'), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(pattern, path, (one, segments) => {
      try {
        checkWorkloadPattern(one);
      } catch (error) {
        assert.ok(isLockstepError(error, 'badRequest'));
        return;
      }
      const id = `/${segments.join('/')}`;
      assert.equal(matchesWorkload([one], id), reference(one, id), `${one} and ${id}`);
    }),
    bounded,
  );
});
