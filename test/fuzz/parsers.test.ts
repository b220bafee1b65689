/** Every text that a client or an operator can send to a parser of ours: an answer or a named error, in bounded time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeIndex } from '../../src/core/freshness.ts';
import { compile, parsePolicy } from '../../src/core/policy/index.ts';
import { isLockstepError } from '../../src/errors.ts';
import { field } from '../../src/framework/field.ts';
import { compileRouter } from '../../src/framework/router.ts';
import { inCidrs } from '../../src/lib/cidr.ts';
import { durationSeconds } from '../../src/lib/duration.ts';
import { HclError, parseHcl } from '../../src/lib/hcl/index.ts';
import { parseFilter } from '../../src/regions/filter.ts';
import { decodeForward } from '../../src/regions/forward-wire.ts';
import { decodeJoinToken } from '../../src/regions/join-token.ts';

const SECONDS = Number(process.env['LOCKSTEP_FUZZ_SECONDS'] ?? 5);

const seed = Date.now() % 2_147_483_647;
const bounded = { seed, numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false };

/** Text that looks like what the parser knows, torn and mixed, and text that looks like nothing. */
const pieces = (...known: readonly string[]) =>
  fc
    .array(fc.oneof(fc.constantFrom(...known), fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 40 })
    .map((parts) => parts.join(''));

function answers(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    assert.ok(isLockstepError(error) || error instanceof HclError, `not a named error: ${String(error)}`);
    assert.ok(error.message.length < 2_000, 'an error repeats its input');
  }
}

function fuzz<T>(name: string, input: fc.Arbitrary<T>, run: (value: T) => unknown): void {
  test(`${name} (seed ${String(seed)})`, () => {
    fc.assert(
      fc.property(input, (value) => {
        answers(() => run(value));
      }),
      bounded,
    );
  });
}

const hcl = pieces(
  'path "',
  'a/*"',
  ' {',
  '}',
  'capabilities',
  ' = ',
  '[',
  '"read"',
  ',',
  ']',
  '#',
  '/*',
  '*/',
  '<<E\n',
  '\nE\n',
  '\\u12',
  '"',
  '{"',
  '":',
  '\n',
  '+',
  '-1',
  '1e9',
);

fuzz('configuration and policy syntax', hcl, (text) => parseHcl(text));
fuzz('policies, parsed and compiled', hcl, (text) => {
  const acl = compile([{ name: 'p', namespace: '', rules: parsePolicy(text) }], 0);
  return acl.allows('read', 'a/b');
});
fuzz('indexes', pieces('W1si', 'bG9n', 'IiwiMS5hIiwxXV0', '"', '[', ']', ','), decodeIndex);
fuzz('join tokens', pieces('lsj.', 'WzEs', 'ImV1Iiwi', '"]', '=', '.'), decodeJoinToken);
fuzz('filters', fc.array(pieces('a', '/', '*', '..', '.', 'secret/', '%2e'), { maxLength: 8 }), parseFilter);
fuzz('durations', pieces('1', 'h', 'm', 's', 'ms', 'd', '-', '+', '.', 'e9', '9999999999'), (text) =>
  durationSeconds(text, 'ttl'),
);
fuzz('address blocks', pieces('10.', '0', '/8', '::', '1', 'ffff:', '/', '.'), (text) => inCidrs([text], '10.0.0.1'));

const anything = fc.oneof(fc.jsonValue(), fc.string(), fc.double(), fc.constant(undefined));
fuzz('fields', anything, (value) => {
  for (const make of [
    field.string,
    field.integer,
    field.boolean,
    field.duration,
    field.list,
    field.map,
    field.object,
  ]) {
    answers(() => make('').coerce(value, 'x'));
  }
});
const at = { help: '', fields: {}, operations: {} } as const;
const router = compileRouter([
  { ...at, pattern: 'data/:path...' },
  { ...at, pattern: 'roles/:name/id' },
  { ...at, pattern: ':path.../tune' },
]);
fuzz('routes', pieces('data/', 'roles/', '/id', '/tune', '/', ':', '...'), (path) => router.match(path));

const forwarded = fc.record({
  idempotencyKey: fc.oneof(fc.string(), anything),
  request: fc.oneof(
    fc.record({
      id: fc.string(),
      verb: fc.constantFrom('update', 'read', 'x'),
      method: fc.string(),
      path: pieces('a', '/', '..', '//'),
      contentType: fc.string(),
      query: fc.jsonValue(),
      body: fc.jsonValue(),
    }),
    anything,
  ),
  client: fc.oneof(
    fc.record({
      displayName: fc.string(),
      policies: fc.jsonValue(),
      entity: fc.string(),
      accessor: fc.string(),
      address: fc.string(),
    }),
    anything,
  ),
});
fuzz(
  'forwarded requests',
  fc.oneof(
    forwarded.map((value) => Buffer.from(JSON.stringify(value))),
    fc.uint8Array(),
  ),
  (bytes) => decodeForward(bytes, '127.0.0.1', new AbortController().signal),
);
