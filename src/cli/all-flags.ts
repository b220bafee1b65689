import type { Command } from './command.ts';
import type { Flags } from './flags.ts';
import { connectionFlags, fieldFlag, formatFlag } from './global-flags.ts';

/** A command's flags with those that it shares with others. */
export function allFlags(command: Command): Flags {
  return { ...sharedFlags(command), ...outputFlags(command), ...command.flags };
}

export function sharedFlags({ local = false }: Command): Flags {
  return local ? {} : connectionFlags;
}

export function outputFlags({ output = 'none' }: Command): Flags {
  return { ...(output === 'none' ? {} : formatFlag), ...(output === 'field' ? fieldFlag : {}) };
}
