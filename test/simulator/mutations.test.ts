/**
 * The simulator's worth: each way of breaking the machines below must be found. A mutation is a copy of the sources with
 * a line changed, so that what is played is the real code but for that line.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..', '..');
const work = await mkdtemp(join(tmpdir(), 'lockstep-mutants-'));
after(() => rm(work, { recursive: true, force: true }));

interface Mutation {
  readonly breaks: string;
  /** File, what stands there, what stands there instead. */
  readonly edits: readonly (readonly [string, string, string])[];
  /** The rules of which one must be seen broken. */
  readonly found: RegExp;
}

const mutations: readonly Mutation[] = [
  {
    breaks: 'the hub sends what lies outside of the filter',
    edits: [['view.ts', 'return path !== undefined && inView(view.held, path);', 'return path !== undefined;']],
    found: /no foreign name on the wire/u,
  },
  {
    breaks: "the hub looks at the rule of the entry's time alone",
    edits: [['hub-walk.ts', 'const told: Streaming = { ...stage, view,', 'const told: Streaming = { ...stage,']],
    found: /on the wire/u,
  },
  {
    breaks: 'a change of view purges nothing',
    edits: [['hub-walk.ts', 'purge: change.purge, writes }', 'purge: { prefixes: [], filter: undefined }, writes }']],
    found: /nothing outside the view is held|state at the cursor/u,
  },
  {
    breaks: 'what enters the view is not loaded',
    edits: [
      ['hub-walk.ts', 'if (change.entering === undefined) return send', 'if (change.writes !== null) return send'],
    ],
    found: /state at the cursor/u,
  },
  {
    breaks: 'a snapshot ends before the log has reached its last page',
    edits: [['hub-walk.ts', 'stage.at.position.sequence >= load.until', 'stage.at.position.sequence >= 0']],
    found: /state at the cursor|nothing outside the view is held/u,
  },
  {
    breaks: 'a run of skipped batches is forgotten when a batch follows',
    edits: [
      [
        'hub-walk.ts',
        'return then(flushSkip({ ...state, stage: moved }, moved), (next) =>',
        'return then([{ ...state, stage: { ...moved, skip: undefined, sent: moved.at.position } }, []], (next) =>',
      ],
    ],
    found: /gap/u,
  },
  {
    breaks: 'the region takes frames again, and does not compare predecessors',
    edits: [
      ['follower.ts', 'if (n !== link.n + 1) return', 'if (n === 0) return'],
      ['follower-frames.ts', "if (!samePosition(step.previous, at)) return 'gap';", ''],
      [
        'follower-frames.ts',
        "return step.position.sequence > at.sequence ? undefined : 'backwards';",
        'return undefined;',
      ],
    ],
    found: /the cursor goes back|state at the cursor|true regions raise no alarm/u,
  },
  {
    breaks: 'the region acknowledges before its store has answered',
    edits: [
      [
        'follower-frames.ts',
        'const taken = processed(turn, changes.length, {});',
        'const taken = { ...processed(turn, changes.length, { through, moved: true }), copy: next };',
      ],
    ],
    found: /acknowledged is applied/u,
  },
  {
    breaks: 'frames applied together lose all writes but the last',
    edits: [
      [
        'follower-frames.ts',
        "{ do: 'apply', changes, copy: next }",
        "{ do: 'apply', changes: changes.slice(-1), copy: next }",
      ],
    ],
    found: /state at the cursor|nothing outside the view is held/u,
  },
  {
    breaks: 'what an unfinished load has staged stays for the next',
    edits: [
      ['follower-frames.ts', 'if (!turn.state.staged) return', 'if (turn.state.commands >= 0) return'],
      ['follower.ts', 'if (state.staged) return run', 'if (state.stopped) return run'],
    ],
    found: /state at the cursor|nothing outside the view is held/u,
  },
  {
    breaks: 'a hub that went back in time is not noticed',
    edits: [
      ['locate.ts', "sameBytes(own, hash) ? 'here' : 'fork'", "'here'"],
      ['hub-ledger.ts', "sameBytes(sent.point.hash, cursor.hash) ? undefined : ('ackHash' as const)", 'undefined'],
    ],
    found: /state at the cursor|nothing outside the view is held/u,
  },
  {
    breaks: 'an epoch is believed without proof',
    edits: [['follower.ts', 'if (!same && !isProven(', 'if (state.stopped && !isProven(']],
    found: /an epoch needs proof/u,
  },
  {
    breaks: 'a resumed stream uses the rule of today for what lies before it',
    edits: [['view-history.ts', '(each) => each.sequence <= position.sequence', '() => true']],
    found: /state at the cursor|nothing outside the view is held/u,
  },
  {
    breaks: 'the hub does not wait for credit',
    edits: [['hub-ledger.ts', 'return ledger.bytes < ledger.window &&', 'return ledger.bytes >= 0 &&']],
    found: /bounded buffers|flooded/u,
  },
  {
    breaks: 'wait counts who is one batch behind',
    edits: [['convergence.ts', 'at.sequence >= index.sequence)', 'at.sequence + 1 >= index.sequence)']],
    found: /what wait says is so/u,
  },
  {
    breaks: 'the hub says that nothing is lacking before the region has it',
    edits: [['hub-walk.ts', 'stage.at.position.sequence >= markAt.sequence', 'stage.at.position.sequence >= 0']],
    found: /a mark is true/u,
  },
  {
    breaks: 'a region whose stream was refused never comes back',
    edits: [['follower-state.ts', 'retryAt: now + retryDelay(attempt, random)', 'retryAt: Infinity']],
    found: /everything converges/u,
  },
];

async function mutate(name: string, { edits }: Mutation): Promise<string> {
  const copy = join(work, name);
  for (const part of ['src/regions', 'src/storage/store.ts', 'src/errors.ts', 'src/lib/machine.ts', 'test/simulator']) {
    await cp(join(root, part), join(copy, part), { recursive: true });
  }
  await writeFile(join(copy, 'package.json'), '{"type":"module"}');
  for (const [file, from, to] of edits) {
    const path = join(copy, 'src/regions', file);
    const source = await readFile(path, 'utf8');
    assert.equal(source.split(from).length, 2, `"${from}" stands once in ${file}`);
    await writeFile(
      path,
      source.replace(from, () => to),
    );
  }
  return join(copy, 'test/simulator/mutant.ts');
}

async function play(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, '1', '3000'], { timeout: 300_000 });
  return stdout.trim();
}

test('the copied sources play as the sources do', async () => {
  const script = await mutate('none', { breaks: 'nothing', edits: [], found: /./u });
  assert.ok((await readdir(join(work, 'none/src/regions'))).includes('view.ts'));
  const { stdout } = await promisify(execFile)(process.execPath, [script, '1', '100']);
  assert.equal(stdout.trim(), 'survived');
});

mutations.forEach((mutation, at) => {
  test(`found: ${mutation.breaks}`, async (context) => {
    const outcome = await play(await mutate(`m${at}`, mutation));
    context.diagnostic(outcome);
    assert.match(outcome, mutation.found);
  });
});
