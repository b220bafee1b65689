import { version } from '../lib/version.ts';

export function run(): Promise<number> {
  process.stdout.write(`Lockstep v${version}\n`);
  return Promise.resolve(0);
}
