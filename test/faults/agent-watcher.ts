/**
 * Looks at a folder in a tight loop: each file must be whole and have its mode, and what is being written must be readable
 * by its owner alone. Prints what is wrong and ends with 1; on a line of input prints what it saw and ends with 0.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { problemOf } from './agent-content.ts';

const [folder = ''] = process.argv.slice(2);
let looks = 0;
const values = new Set<string>();

function look(): string | undefined {
  for (const name of fs.readdirSync(folder)) {
    const path = join(folder, name);
    let file: number;
    try {
      file = fs.openSync(path, 'r');
    } catch {
      // Renamed or removed since it was listed.
      continue;
    }
    try {
      const mode = fs.fstatSync(file).mode & 0o777;
      if (name.startsWith('.')) {
        if (mode !== 0o600 && mode !== 0o400) return `${name} has mode ${mode.toString(8)}`;
        continue;
      }
      const text = fs.readFileSync(file, 'utf8');
      if (mode !== 0o400) return `${name} has mode ${mode.toString(8)}`;
      const problem = problemOf(text);
      if (problem !== undefined) return `${name} ${problem}`;
      values.add(text.slice(0, 12));
      looks += 1;
    } finally {
      fs.closeSync(file);
    }
  }
  return undefined;
}

function loop(): void {
  const problem = look();
  if (problem === undefined) {
    setImmediate(loop);
    return;
  }
  process.stdout.write(`${problem}\n`);
  process.exit(1);
}

process.stdin.once('data', () => {
  process.stdout.write(`${JSON.stringify({ looks, values: values.size })}\n`);
  process.exit(0);
});
process.stdout.write('watching\n');
loop();
