/** Picks a subcommand, nothing else: what a subcommand needs is loaded when it is the one that runs. */
import { enableCompileCache } from './lib/compile-cache.ts';

export interface Command {
  /** Resolves with the exit code. `argv` is what follows the subcommand's name. */
  readonly run: (argv: readonly string[]) => Promise<number>;
}

/** Programs of their own; every other name is a command of the API's client. */
const programs: Readonly<Record<string, () => Promise<Command>>> = {
  agent: () => import('./agent/command.ts'),
  controller: () => import('./controllers/command.ts'),
  explain: () => import('./controllers/explain/command.ts'),
  migrate: () => import('./controllers/migrate/command.ts'),
  'snapshot-drill': () => import('./server/drill-command.ts'),
  server: () => import('./server/command.ts'),
  up: () => import('./cli/up/command.ts'),
};

enableCompileCache();
const argv = process.argv.slice(2);
const [name = ''] = argv;
const load = Object.hasOwn(programs, name) ? programs[name] : undefined;
if (load === undefined) {
  const { run } = await import('./cli/main.ts');
  process.exitCode = await run(argv);
} else {
  const { run } = await load();
  process.exitCode = await run(argv.slice(1));
}
