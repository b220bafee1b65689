import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Breaker } from '../../lib/breaker.ts';
import { ProviderProblem, type ProblemKind, type ProviderClient } from '../../providers/contract.ts';
import { withFallbacks, type Candidate } from './fallback.ts';

const { signal } = new AbortController();

/** A store that is what its fields say now, and writes down what it is asked for. */
class World {
  readonly asked: string[] = [];
  now = 0;
  readonly #stores = new Map<string, { value?: string | undefined; problem?: ProblemKind | undefined }>();

  set(name: string, is: { readonly value?: string; readonly problem?: ProblemKind }): void {
    this.#stores.set(name, is);
  }

  candidate(name: string): Candidate {
    const breaker = new Breaker({ backoff: { base: 1_000, cap: 1_000 }, now: () => this.now, random: () => 0 });
    const answer = async <T>(what: string, work: (value: string | undefined) => T): Promise<T> => {
      this.asked.push(`${name}.${what}`);
      const { value, problem } = this.#stores.get(name) ?? {};
      if (problem !== undefined) throw new ProviderProblem(problem, `${name} is ${problem}`);
      return Promise.resolve(work(value));
    };
    const bytes = (text: string): Uint8Array => Buffer.from(text);
    const client: ProviderClient = {
      check: () => answer('check', () => undefined),
      read: () =>
        answer('read', (value) => (value === undefined ? { found: false } : { found: true, value: bytes(value) })),
      find: () => answer('find', (value) => new Map(value === undefined ? [] : [['k', bytes(value)]])),
      push: () => answer('push', () => undefined),
      close: () => undefined,
    };
    return { name, breaker, open: () => client };
  }

  take(): readonly string[] {
    return this.asked.splice(0);
  }
}

async function read(client: ProviderClient): Promise<string> {
  const found = await client.read({ key: 'k' }, signal);
  return found.found ? Buffer.from(found.value).toString() : 'not found';
}

const problem = (kind: ProblemKind, said: RegExp) => (error: unknown) =>
  error instanceof ProviderProblem && error.kind === kind && said.test(error.message);

test('the next in order is read while one does not answer, which then rests until a look at it succeeds', async () => {
  const world = new World();
  const client = withFallbacks(['a', 'b', 'c'].map((each) => world.candidate(each)));
  for (const each of ['a', 'b', 'c']) world.set(each, { value: each });
  assert.deepEqual([await read(client), world.take()], ['a', ['a.read']]);
  world.set('a', { problem: 'unreachable' });
  assert.deepEqual([await read(client), world.take()], ['b', ['a.read', 'b.read']]);
  assert.deepEqual([await read(client), world.take()], ['b', ['b.read']]);
  world.set('b', { problem: 'unreachable' });
  assert.deepEqual([await read(client), world.take()], ['c', ['b.read', 'c.read']]);
  world.now = 1_000;
  // Looks at both are under way, and who reads does not wait for them.
  assert.deepEqual([await read(client), world.take()], ['c', ['a.check', 'b.check', 'c.read']]);
  world.set('a', { value: 'a again' });
  world.now = 3_000;
  assert.equal(await read(client), 'c');
  assert.deepEqual([await read(client), await read(client)], ['a again', 'a again']);
});

test('what a store says is said: not found, denied and unsuitable lead to no other', async () => {
  const world = new World();
  const client = withFallbacks(['a', 'b'].map((each) => world.candidate(each)));
  world.set('b', { value: 'b' });
  assert.equal(await read(client), 'not found');
  for (const kind of ['denied', 'unsuitable', 'invalid'] as const) {
    world.set('a', { problem: kind });
    await assert.rejects(read(client), problem(kind, /a is/));
  }
  assert.ok(!world.take().some((each) => each.startsWith('b.')));
});

test('what a stand-in lacks is no answer: the store itself may have it', async () => {
  const world = new World();
  const client = withFallbacks(['a', 'b'].map((each) => world.candidate(each)));
  world.set('a', { problem: 'unreachable' });
  await assert.rejects(read(client), problem('unreachable', /a is unreachable; b, which stands in for it, has it not/));
  await assert.rejects(async () => client.find?.({ name: '.' }, signal), problem('unreachable', /has it not/));
  world.set('b', { problem: 'denied' });
  await assert.rejects(read(client), problem('unreachable', /b is denied/));
});

test('when all rest, whoever is back serves at once', async () => {
  const world = new World();
  const client = withFallbacks(['a', 'b'].map((each) => world.candidate(each)));
  for (const each of ['a', 'b']) world.set(each, { problem: 'unreachable' });
  await assert.rejects(read(client), problem('unreachable', /a: a is unreachable; b: b is unreachable/));
  await assert.rejects(read(client), problem('unreachable', /a did not answer a moment ago; b did not/));
  world.take();
  world.set('b', { value: 'b' });
  world.now = 1_000;
  assert.deepEqual([await read(client), world.take()], ['b', ['a.check', 'b.check', 'b.read']]);
});

test('one that never answers is waited for a while', async () => {
  const world = new World();
  world.set('b', { value: 'b' });
  const [a, b] = ['a', 'b'].map((each) => world.candidate(each));
  assert.ok(a && b);
  const silent: ProviderClient = {
    ...a.open(),
    read: (_reference, given) =>
      new Promise((_resolve, reject) => {
        given.addEventListener('abort', () => {
          reject(given.reason as Error);
        });
      }),
  };
  assert.equal(await read(withFallbacks([{ ...a, open: () => silent }, b], 10)), 'b');
  const given = AbortSignal.abort(new Error('given up'));
  await assert.rejects(withFallbacks([{ ...a, open: () => silent }, b]).read({ key: 'k' }, given), /given up/);
});

test('only the store itself is written to', async () => {
  const world = new World();
  const client = withFallbacks(['a', 'b'].map((each) => world.candidate(each)));
  world.set('a', { problem: 'unreachable' });
  await assert.rejects(
    async () => client.push?.({ key: 'k', value: Buffer.from('x') }, signal),
    problem('unreachable', /a is/),
  );
  assert.deepEqual(world.take(), ['a.push']);
});
