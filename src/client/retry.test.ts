import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from './api-error.ts';
import { ConnectionError } from './connection-error.ts';
import { retryDelay, withRetries } from './retry.ts';

function refused(status: number, retryAfterMs?: number): ApiError {
  return new ApiError({ method: 'GET', url: 'u', status, errors: [], warnings: [], retryAfterMs });
}

test('pauses are random below a bound that doubles up to five seconds', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (tries, random) => {
      const delay = retryDelay(refused(503), tries, 'safe', () => random);
      assert.ok(delay !== undefined && delay >= 0 && delay <= Math.min(5_000, 100 * 2 ** tries));
    }),
  );
});

test('waits at least as long as the server asks, and not at all when that is too long', () => {
  assert.equal(
    retryDelay(refused(429, 2_000), 0, 'unsafe', () => 0.5),
    2_050,
  );
  assert.equal(
    retryDelay(refused(429, 3_600_000), 0, 'safe', () => 0),
    undefined,
  );
});

test('a write is repeated only when the server surely did nothing with it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 400, max: 599 }), fc.boolean(), fc.boolean(), (status, sent, transient) => {
      const again = (error: unknown): boolean => retryDelay(error, 0, 'unsafe', () => 0) !== undefined;
      assert.equal(again(refused(status)), status === 412 || status === 429);
      assert.equal(again(new ConnectionError('m', { code: 'c', transient, sent })), transient && !sent);
    }),
  );
});

test('what is neither an answer nor a connection error is never repeated', () => {
  assert.equal(
    retryDelay(new TypeError('bug'), 0, 'safe', () => 0),
    undefined,
  );
});

test('with patience, a server that is busy or away is asked again however often; other failures still count', async () => {
  const failing = (failures: readonly Error[], patienceMs: number): Promise<number> => {
    let made = 0;
    const attempt = (): Promise<number> => {
      made += 1;
      const failure = failures[made - 1];
      return failure === undefined ? Promise.resolve(made) : Promise.reject(failure);
    };
    const { signal } = new AbortController();
    return withRetries(attempt, { replay: 'safe', retries: 1, patienceMs, random: () => 0, signal });
  };
  const away = new ConnectionError('m', { code: 'c', transient: true, sent: true });
  assert.equal(await failing([refused(503), refused(429), away, refused(502)], 600_000), 5);
  await assert.rejects(failing([refused(503), refused(503), refused(503)], 0), ApiError);
  await assert.rejects(failing([refused(500), refused(500), refused(500)], 600_000), ApiError);
});
