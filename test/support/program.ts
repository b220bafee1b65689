/** A foreign server program as a process, with the last of what it wrote. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const keptCharacters = 4000;

export interface RunningProgram {
  readonly name: string;
  readonly pid: number;
  readonly ended: boolean;
  readonly written: () => string;
  /** Resolves when the process is gone. Nothing is kept, so nothing is closed in order. */
  readonly end: () => Promise<void>;
}

export function startProgram(path: string, args: readonly string[]): RunningProgram {
  const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exit = once(child, 'exit').catch((error: unknown) => {
    text += String(error);
    failed = true;
  });
  let text = '';
  let failed = false;
  child.stderr.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-keptCharacters);
  });
  return {
    name: basename(path),
    pid: child.pid ?? 0,
    get ended() {
      return failed || child.exitCode !== null || child.signalCode !== null;
    },
    written: () => text,
    end: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Looks until `condition` holds; throws with what the program wrote once that has ended. */
export async function until(program: RunningProgram, condition: () => Promise<boolean>): Promise<void> {
  for (;;) {
    if (program.ended) throw new Error(`${program.name} ended:\n${program.written()}`);
    try {
      if (await condition()) return;
    } catch {
      // It does not listen yet.
    }
    await setTimeout(50);
  }
}
