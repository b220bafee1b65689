import { spawnSync } from 'node:child_process';

/** How long a command takes from its start to its end, in milliseconds. Throws what it wrote when it fails. */
export function milliseconds(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return performance.now() - started;
}
