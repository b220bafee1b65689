/**
 * A disk whose flushes or writes begin to fail, or that loses what was not flushed, under a process that writes: the
 * process ends, and had acknowledged nothing that is not there.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Acknowledged, checkStore } from './storage-check.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-disk-'));
after(() => rmSync(root, { recursive: true, force: true }));

const library = join(root, 'disk-fault.so');
const source = join(import.meta.dirname, 'disk-fault.c');
const compiled =
  process.platform === 'linux' &&
  spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { stdio: 'inherit' }).status === 0;

interface Outcome {
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

async function writeUntilFault(fault: string, path: string, acknowledgements: number): Promise<Outcome> {
  const trigger = `${path}.trigger`;
  const child = spawn(process.execPath, [join(import.meta.dirname, 'storage-writer.ts'), path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { LD_PRELOAD: library, DISK_FAULT: fault, DISK_FAULT_TRIGGER: trigger },
  });
  let output = '';
  let errors = '';
  let lines = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    lines += text.split('\n').length - 1;
    if (lines >= acknowledgements) writeFileSync(trigger, '');
    // It never met the fault: nothing is flushed any more.
    if (lines >= acknowledgements + 20_000) child.kill('SIGKILL');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (errors += text));
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  rmSync(trigger);
  return { signal, output, errors };
}

for (const [fault, what] of [
  ['flush', 'a flush that fails'],
  ['write', 'a full disk'],
  ['journal', 'a write of the commit itself that fails'],
  ['slot', 'a write of the checkpoint that fails'],
] as const) {
  test(`${what} ends the process, and what it acknowledged is there`, async (t) => {
    if (!compiled) return t.skip('needs Linux and a C compiler (cc) for the failing disk');
    const path = join(root, fault);
    mkdirSync(path);
    const { signal, output, errors } = await writeUntilFault(fault, path, 100);
    const [before = '', behind] = output.split('fault\n');
    // A checkpoint fails beside commits, which are durable without it; a commit that fails is told to nobody.
    if (fault === 'journal') assert.equal(behind, '', `acknowledged behind the failure: ${behind}`);
    assert.notEqual(behind, undefined, 'it met no fault');
    // lmdb-js overruns a buffer when it words a write error: the C library can be first to end the process.
    assert.ok(signal === 'SIGKILL' || (fault === 'write' && signal === 'SIGABRT'), `${signal}: ${errors}`);
    if (signal === 'SIGKILL') assert.match(errors, /lockstep: the storage failed, the process ends/);
    const acknowledged = new Acknowledged();
    acknowledged.read(`${before}${behind}`);
    assert.ok(acknowledged.lines >= 100);
    await checkStore(path, acknowledged);
  });
}

for (const [fault, when] of [
  ['power', 'during a commit'],
  ['power-flush', 'during a checkpoint'],
] as const) {
  test(`a power cut ${when} that loses what was not flushed loses nothing acknowledged`, async (t) => {
    if (!compiled) return t.skip('needs Linux and a C compiler (cc) for the failing disk');
    const path = join(root, fault);
    mkdirSync(path);
    const acknowledged = new Acknowledged();
    for (const acknowledgements of [1, 20, 100, 33, 250, 8]) {
      const { signal, output, errors } = await writeUntilFault(fault, path, acknowledgements);
      assert.equal(signal, 'SIGKILL', errors);
      const [before = '', behind] = output.split('fault\n');
      assert.notEqual(behind, undefined, 'it met no fault');
      if (fault === 'power') assert.equal(behind, '', `acknowledged behind the power cut: ${behind}`);
      acknowledged.read(`${before}${behind}`);
      await checkStore(path, acknowledged);
    }
  });
}
