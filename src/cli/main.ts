/** The command line of Lockstep's API: finds the command, reads its flags, runs it, turns errors into exit codes. */
import { ApiError } from '../client/api-error.ts';
import { isLockstepError } from '../errors.ts';
import { didYouMean } from '../lib/suggest.ts';
import { allFlags } from './all-flags.ts';
import { countOf, type Command, type Group } from './command.ts';
import type { Context } from './context.ts';
import { codeOf, CommandError, exit, isExpected } from './errors.ts';
import { parseArguments, UsageError, type Parsed } from './flags.ts';
import type { Terminal } from './terminal.ts';
import { programs, verbs } from './verbs.ts';

/** `argv` is what follows `lockstep`. Resolves with the exit code. */
export async function run(argv: readonly string[], terminal: Terminal = process): Promise<number> {
  const [verb = '-h', ...rest] = argv;
  if (verb === '-v' || verb === '-version' || verb === '--version') return run(['version', ...rest], terminal);
  if (/^(help|--?h(elp)?)$/.test(verb)) {
    terminal.stdout.write(await (await import('./help.ts')).mainHelp());
    return argv.length === 0 ? exit.unknownCommand : exit.ok;
  }
  const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (load === undefined) {
    const meant = didYouMean(verb, [...Object.keys(verbs), ...Object.keys(programs)]);
    terminal.stderr.write(`lockstep: there is no command "${verb}"${meant}\nSee 'lockstep -h' for all of them.\n`);
    return exit.unknownCommand;
  }
  const node = await load();
  return node.kind === 'group' ? runGroup([verb], node, rest, terminal) : runCommand([verb], node, rest, terminal);
}

async function runGroup(
  path: readonly string[],
  group: Group,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [name, ...rest] = argv;
  const node = name !== undefined && Object.hasOwn(group.commands, name) ? group.commands[name] : undefined;
  if (name === undefined || (node === undefined && /^(help|--?h(elp)?)$/.test(name))) {
    const asked = name !== undefined;
    const { groupHelp } = await import('./help.ts');
    (asked ? terminal.stdout : terminal.stderr).write(groupHelp(path, group));
    return asked ? exit.ok : exit.local;
  }
  const deeper = [...path, name];
  if (node?.kind === 'group') return runGroup(deeper, node, rest, terminal);
  if (node !== undefined) return runCommand(deeper, node, rest, terminal);
  const meant = didYouMean(name, Object.keys(group.commands));
  const parent = path.join(' ');
  terminal.stderr.write(`lockstep ${parent}: there is no command "${name}"${meant}\nSee 'lockstep ${parent} -h'.\n`);
  return exit.local;
}

async function runCommand(
  path: readonly string[],
  command: Command,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  let context: Context | undefined;
  try {
    const parsed = parseArguments(argv, allFlags(command));
    if (parsed.help) {
      terminal.stdout.write((await import('./help.ts')).commandHelp(path, command));
      return exit.ok;
    }
    checkCount(command, parsed.args);
    const { makeContext } = await import('./make-context.ts');
    context = makeContext(command, parsed, terminal);
    return await perform(command, parsed, context);
  } catch (error) {
    const code = report(error, path, terminal);
    if (context?.anonymous === true && path[0] !== 'login' && isDenied(error)) terminal.stderr.write(NO_TOKEN);
    return error instanceof UsageError ? (command.usageCode ?? code) : code;
  } finally {
    context?.close();
  }
}

async function perform(command: Command, { values, args }: Parsed, context: Context): Promise<number> {
  try {
    return (await command.run(context, { values: values as never, args })) ?? exit.ok;
  } catch (error) {
    const { Described } = await import('./described.ts');
    if (!(error instanceof Described)) throw error;
    context.out.print(error.text);
    return exit.ok;
  }
}

function checkCount({ args = { usage: '', least: 0, most: 0 } }: Command, given: readonly string[]): void {
  if (given.length >= args.least && given.length <= args.most) return;
  const how = given.length < args.least ? 'Not enough' : 'Too many';
  throw new UsageError(`${how} arguments (expected ${countOf(args)}, got ${given.length})`);
}

const NO_TOKEN = 'The request carried no token: set VAULT_TOKEN, or log in with `lockstep login`.\n';

function isDenied(error: unknown): boolean {
  const cause = error instanceof CommandError ? error.cause : error;
  return cause instanceof ApiError && cause.status === 403;
}

function report(error: unknown, path: readonly string[], terminal: Terminal): number {
  if (!isExpected(error) && !isLockstepError(error) && !(error instanceof RangeError)) throw error;
  const hint = error instanceof UsageError ? `\nSee 'lockstep ${path.join(' ')} -h'.` : '';
  terminal.stderr.write(`${error.message}${hint}\n`);
  return codeOf(error);
}
