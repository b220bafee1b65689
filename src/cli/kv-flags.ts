import { flag } from './flags.ts';

export const pathArgument = { usage: 'PATH', least: 1, most: 1 } as const;

export const mountFlag = {
  mount: flag.text('Where the engine is mounted; the argument is then the path below it. Default: it leads the path.'),
};

export const versionsFlag = { versions: flag.list('Version numbers, separated by commas.', { value: 'int' }) };
