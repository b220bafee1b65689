/**
 * Runs one of this repository's commands under the Node that it needs, installing what is missing first:
 * `node scripts/run.mjs <script.ts | path/to/executable | tool> [arguments]`.
 *
 * Plain JavaScript of Node 20, importing nothing from node_modules: on a fresh clone this is all that can run.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { bin, ensureInstalled, ownNode, root } from './install.mjs';

/** The command line for a target: a script runs under Node 26, a bare name is a tool of node_modules. */
function commandLine([target = '', ...rest]) {
  if (/\.(ts|mjs|js)$/.test(target)) return [ownNode, join(root, target), ...rest];
  return [target.includes('/') ? join(root, target) : join(bin, target), ...rest];
}

function run([file, ...args]) {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(file, args, { cwd: root, stdio: 'inherit', env });
  child.on('error', (error) => {
    console.error(`cannot start ${file}: ${error.message}`);
    process.exitCode = 127;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal ?? 'SIGTERM'] ?? 0);
  });
  // Ctrl-C reaches the whole process group by itself: here it is only outlived, so that the child can end in order.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
}

if (process.argv.length < 3) {
  console.error('usage: node scripts/run.mjs <script.ts | path/to/executable | tool> [arguments]');
  process.exitCode = 2;
} else if (ensureInstalled()) {
  run(commandLine(process.argv.slice(2)));
} else {
  process.exitCode = 1;
}
