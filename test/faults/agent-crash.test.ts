/**
 * An agent is killed, again and again, while its secrets change: at random moments and at each of its failpoints. A
 * watcher sees no partial file and no wrong mode, nothing is left over, and the next start converges.
 * `node --test test/faults/agent-crash.test.ts --rounds=<n> --seed=<seed>` for more, or again.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { AgentProcess, Region, Workplace } from '../support/agent-process.ts';
import { content } from './agent-content.ts';

const { values: flags } = parseArgs({
  options: { seed: { type: 'string' }, rounds: { type: 'string' } },
  strict: false,
});
const seed = Number(flags.seed ?? (Math.random() * 2 ** 31) | 0);
const rounds = Number(flags.rounds ?? 12);

const FAILPOINTS = ['agent.before-rename', 'agent.before-cache', 'agent.before-acknowledge'] as const;
const names = ['a', 'b', 'c'];

const program = fileURLToPath(new URL('./agent-watcher.ts', import.meta.url));

class Watcher {
  readonly #child;
  readonly #lines: string[] = [];
  readonly #exit: Promise<unknown>;

  private constructor(folder: string) {
    this.#child = spawn(process.execPath, [program, folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#exit = once(this.#child, 'close');
    createInterface(this.#child.stdout).on('line', (line) => this.#lines.push(line));
  }

  static async start(folder: string): Promise<Watcher> {
    const watcher = new Watcher(folder);
    await once(watcher.#child.stdout, 'data');
    return watcher;
  }

  /** Fails with what was wrong, if anything was. */
  async stop(): Promise<{ readonly looks: number; readonly values: number }> {
    this.#child.stdin.on('error', () => undefined).write('stop\n');
    await this.#exit;
    const last = this.#lines.at(-1) ?? '';
    assert.equal(this.#child.exitCode, 0, last);
    return JSON.parse(last) as { looks: number; values: number };
  }
}

/** Writes the secrets in turn, as fast as the server takes them, until told to stop. */
class Updates {
  readonly #region: Region;
  readonly newest = new Map<string, number>();
  #next = 1;

  constructor(region: Region) {
    this.#region = region;
  }

  async write(): Promise<void> {
    for (const name of names) {
      const n = this.#next++;
      await this.#region.write(name, { v: content(n) });
      this.newest.set(name, n);
    }
  }

  async during(work: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    const ended = work.finally(() => {
      over.abort();
    });
    while (!over.signal.aborted) await this.write();
    await ended;
  }
}

async function setUp(t: TestContext) {
  const region = await Region.start();
  t.after(() => region[Symbol.asyncDispose]());
  const updates = new Updates(region);
  await updates.write();
  const place = new Workplace(t);
  const more = names.map(
    (name) =>
      `secret "${name}" { path = "secret/data/app/${name}" field = "v" destination = "${place.path(`out/${name}`)}" }`,
  );
  await place.configure(region, { more: more.join('\n') });
  return { region, updates, place };
}

/** A start without a failpoint brings every file to the newest value, and clears what was left over. */
async function converges({ updates, place }: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  await using agent = new AgentProcess(place);
  await agent.logged('changes are pushed');
  for (const [name, n] of updates.newest) assert.equal(place.read(`out/${name}`), content(n), name);
  assert.deepEqual(fs.readdirSync(place.path('out')).sort(), names);
  agent.signal('SIGTERM');
  assert.deepEqual(await agent.exit, { code: 0, signal: null });
}

test('SIGKILL at random moments while secrets change', async (t) => {
  t.diagnostic(`seed ${seed}, ${rounds} rounds`);
  const world = await setUp(t);
  const watcher = await Watcher.start(world.place.path('out'));
  const moments = fc.sample(
    fc.record({ line: fc.integer({ min: 1, max: 25 }), late: fc.integer({ min: 0, max: 40 }) }),
    {
      seed,
      numRuns: rounds,
    },
  );
  for (const { line, late } of moments) {
    const agent = new AgentProcess(world.place);
    await world.updates.during(kill(agent, line, late));
  }
  await converges(world);
  const { looks, values } = await watcher.stop();
  t.diagnostic(`${looks} looks at files, ${values} values, ${world.updates.newest.get('a')} writes`);
  assert.ok(looks > 100 && values > 3);
});

for (const name of FAILPOINTS) {
  test(`SIGKILL at ${name}`, async (t) => {
    const world = await setUp(t);
    const watcher = await Watcher.start(world.place.path('out'));
    for (const hit of [1, 2, 7]) {
      const agent = new AgentProcess(world.place, { LOCKSTEP_FAILPOINTS: `${name}=kill@${hit}` });
      await world.updates.during(
        agent.exit.then(({ signal }) => assert.equal(signal, 'SIGKILL', agent.lines.join('\n'))),
      );
      await converges(world);
    }
    await watcher.stop();
  });
}

/** By lines of its log, so that the moments are spread over what it does and not over its start. */
async function kill(agent: AgentProcess, line: number, late: number): Promise<void> {
  await lines(agent, line);
  for (let turn = 0; turn < late; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  agent.signal('SIGKILL');
  assert.equal((await agent.exit).signal, 'SIGKILL', agent.lines.join('\n'));
}

async function lines(agent: AgentProcess, count: number): Promise<void> {
  while (agent.running && agent.lines.length < count) await agent.logged('', agent.lines.length);
}
