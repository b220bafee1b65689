/** Picks a subcommand, nothing else: what a subcommand needs is loaded when it is the one that runs. */
import { enableCompileCache } from './lib/compile-cache.ts';

export interface Command {
  /** Resolves with the exit code. `argv` is what follows the subcommand's name. */
  readonly run: (argv: readonly string[]) => Promise<number>;
}

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  server: () => import('./server/command.ts'),
  version: () => import('./cli/version.ts'),
};

enableCompileCache();
const [name, ...argv] = process.argv.slice(2);
const load = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
if (load === undefined) {
  const { usage } = await import('./cli/usage.ts');
  process.exitCode = usage(name, Object.keys(commands));
} else {
  const { run } = await load();
  process.exitCode = await run(argv);
}
