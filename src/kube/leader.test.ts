import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silent } from '../lib/log.ts';
import { Leadership, type Lease } from './leader.ts';
import { KubernetesProblem } from './problem.ts';

/** A Lease as an API server keeps it, and a clock that goes on when somebody waits. */
function world() {
  let lease: Lease | undefined;
  let version = 0;
  let time = 0;
  const cutOff = new Set<string>();
  const sleepers: { until: number; wake: () => void }[] = [];
  /** Milliseconds until an answer comes; what is asked for is done at once. */
  const late = new Map<string, number>();
  const reach = (identity: string): void => {
    if (cutOff.has(identity)) throw new KubernetesProblem('cannot be reached');
  };
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((wake) => {
      sleepers.push({ until: time + ms, wake });
      signal?.addEventListener('abort', () => {
        wake();
      });
    });
  const answered = async <T>(identity: string, answer: T): Promise<T> => {
    const ms = late.get(identity) ?? 0;
    if (ms > 0) await sleep(ms);
    return answer;
  };
  const keep = (given: Lease): Lease => {
    version += 1;
    lease = { ...given, metadata: { ...given.metadata, resourceVersion: String(version) } };
    return lease;
  };
  const leasesOf = (identity: string) => ({
    get: async () => {
      reach(identity);
      return answered(identity, lease);
    },
    create: async (given: Lease) => {
      reach(identity);
      if (lease !== undefined) throw new KubernetesProblem('there already', { status: 409 });
      return answered(identity, keep(given));
    },
    replace: async (given: Lease) => {
      reach(identity);
      if (given.metadata.resourceVersion !== lease?.metadata.resourceVersion)
        throw new KubernetesProblem('changed', { status: 409 });
      return answered(identity, keep(given));
    },
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  };
  return {
    holder: () => lease?.spec?.holderIdentity,
    transitions: () => lease?.spec?.leaseTransitions,
    cut: (...identities: readonly string[]) => {
      cutOff.clear();
      for (const each of identities) cutOff.add(each);
    },
    slow: (identity: string, seconds: number) => late.set(identity, seconds * 1_000),
    /** In steps of a second. */
    pass: async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        await settle();
        time += 1_000;
        for (const each of sleepers.filter(({ until }) => until <= time)) {
          sleepers.splice(sleepers.indexOf(each), 1);
          each.wake();
        }
      }
      await settle();
    },
    program: (identity: string) => {
      const ending = new AbortController();
      const state = { leads: false, result: undefined as string | undefined };
      const leadership = new Leadership({
        ...{
          leases: leasesOf(identity),
          namespace: 'n',
          name: 'l',
          identity,
          leaseMs: 15_000,
          renewMs: 10_000,
          retryMs: 2_000,
        },
        log: silent,
        now: () => time,
        pause: sleep,
      });
      const work = async (signal: AbortSignal): Promise<void> => {
        state.leads = true;
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            resolve();
          });
        });
        state.leads = false;
      };
      const run = async (): Promise<void> => {
        state.result = await leadership.lead(ending.signal, work);
      };
      const done = run();
      return { state, end: () => (ending.abort(), done) };
    },
  };
}

test('one leads; the other takes over at once when it ends', async () => {
  const { program, pass, holder, transitions } = world();
  const a = program('a');
  await pass(1);
  const b = program('b');
  await pass(60);
  assert.deepEqual([a.state.leads, b.state.leads, holder()], [true, false, 'a']);
  await a.end();
  assert.deepEqual([a.state.result, holder()], ['ended', '']);
  await pass(3);
  assert.deepEqual([b.state.leads, holder(), transitions()], [true, 'b', 1]);
  await b.end();
});

for (const [whom, cutOff] of [
  ['the one that leads', ['a']],
  ['all', ['a', 'b']],
] as const) {
  test(`${whom} cannot reach the API server: no two lead at once, and in the end one does`, async () => {
    const { program, pass, cut } = world();
    const a = program('a');
    await pass(1);
    const b = program('b');
    await pass(5);
    cut(...cutOff);
    let both = false;
    for (let second = 0; second < 60; second += 1) {
      await pass(1);
      if (second === 30) cut();
      both ||= a.state.leads && b.state.leads;
    }
    assert.deepEqual([a.state.leads, a.state.result, b.state.leads, both], [false, 'lost', true, false]);
    await b.end();
  });
}

for (const [when, begins] of [
  ['from the first on', 0],
  ['once it leads', 1],
] as const) {
  test(`the answers to one come later than its Lease lasts, ${when}: no two lead at once`, async () => {
    const { program, pass, slow } = world();
    if (begins === 0) slow('a', 13);
    const a = program('a');
    // Until it has asked for the Lease, or has it.
    await pass(begins === 0 ? 14 : 1);
    slow('a', 13);
    const b = program('b');
    let both = false;
    for (let second = 0; second < 90; second += 1) {
      await pass(1);
      both ||= a.state.leads && b.state.leads;
    }
    assert.deepEqual(
      [a.state.leads, a.state.result === 'lost', b.state.leads, both],
      [false, begins === 1, true, false],
    );
    const over = a.end();
    slow('a', 0);
    await pass(60);
    await over;
    await b.end();
  });
}
