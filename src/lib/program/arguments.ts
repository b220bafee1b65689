/** The command line of a long-running program (`server`, `agent`). */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { fail } from '../../errors.ts';
import { didYouMean } from '../suggest.ts';

/** `-flag` is `--flag`, as Vault's commands have it. */
const doubled = (arg: string): string => (/^-[a-z]{2}/.test(arg) ? `-${arg}` : arg);

/** Values by flag. Throws `invalidConfig` for a flag that is not known. */
export function parseFlags<const O extends ParseArgsOptionsConfig>(argv: readonly string[], options: O) {
  try {
    return parseArgs({ args: argv.map(doubled), options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const unknown = /^Unknown option '--?([^']+)'/.exec(error instanceof Error ? error.message : '')?.[1];
    if (unknown !== undefined) {
      const meant = didYouMean(unknown, Object.keys(options));
      throw fail('invalidConfig', `there is no flag -${unknown}${meant} (-h lists all)`);
    }
    throw fail('invalidConfig', error instanceof Error ? error.message : 'the arguments are not valid');
  }
}

/** Flags that every such program has. */
export const commonFlags = {
  config: { type: 'string', multiple: true },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  'log-file': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
