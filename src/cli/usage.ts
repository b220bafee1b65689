import { didYouMean } from '../lib/suggest.ts';

/** Lists the subcommands; an unknown name is an error that names what was probably meant. Returns the exit code. */
export function usage(name: string | undefined, commands: readonly string[]): number {
  const asked = name === undefined || /^(help|--?h(elp)?)$/.test(name);
  const out = asked ? process.stdout : process.stderr;
  if (!asked) out.write(`lockstep: there is no command "${name}"${didYouMean(name, commands)}\n\n`);
  out.write(`Usage: lockstep <command> [flags] [arguments]\n\nCommands: ${[...commands].sort().join(' ')}\n`);
  return asked ? 0 : 127;
}
