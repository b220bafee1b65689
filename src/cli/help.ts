import { allFlags, outputFlags, sharedFlags } from './all-flags.ts';
import type { Command, Example, Group, Node } from './command.ts';
import type { Flag, Flags } from './flags.ts';
import { wrapText } from './output.ts';
import { alignColumns } from './table.ts';
import { programs, verbs } from './verbs.ts';

const width = 80;
const frequent = ['read', 'write', 'delete', 'list', 'kv', 'login', 'status', 'unwrap', 'wait', 'server', 'agent'];

/** `lockstep -h`. */
export async function mainHelp(): Promise<string> {
  const loaded = await Promise.all(
    Object.entries(verbs).map(async ([name, load]) => [name, (await load()).summary] as const),
  );
  const summaries = new Map([...loaded, ...Object.entries(programs)]);
  const rows = (names: readonly string[]): string =>
    indent(alignColumns(names.map((name) => [name, summaries.get(name) ?? ''])), 4);
  const others = [...summaries.keys()].filter((name) => !frequent.includes(name)).sort();
  return [
    'Usage: lockstep <command> [flags] [arguments]',
    `Common commands:\n${rows(frequent)}`,
    `Other commands:\n${rows(others)}`,
    "See 'lockstep <command> -h' for the flags and examples of a command.\n",
  ].join('\n\n');
}

/** `lockstep kv -h`. */
export function groupHelp(path: readonly string[], group: Group): string {
  const rows = Object.entries(group.commands).map(([name, node]) => [name, node.summary]);
  return [
    `Usage: lockstep ${path.join(' ')} <subcommand> [flags] [arguments]`,
    wrapText(textOf(group), width, '  '),
    ...examplesOf(group.examples),
    `Subcommands:\n${indent(alignColumns(rows), 4)}\n`,
  ].join('\n\n');
}

/** `lockstep kv get -h`. */
export function commandHelp(path: readonly string[], command: Command): string {
  const own = command.flags ?? {};
  return [
    `Usage: ${usageOf(path, command)}`,
    wrapText(textOf(command), width, '  '),
    ...examplesOf(command.examples),
    ...flagSection('Options', own),
    ...flagSection('Output options', without(outputFlags(command), own)),
    ...flagSection('Connection options', without(sharedFlags(command), own)),
  ]
    .join('\n\n')
    .concat('\n');
}

export function usageOf(path: readonly string[], command: Command): string {
  const flags = Object.keys(allFlags(command)).length === 0 ? '' : ' [flags]';
  const args = command.args === undefined ? '' : ` ${command.args.usage}`;
  return `lockstep ${path.join(' ')}${flags}${args}`;
}

export function textOf({ summary, description }: Pick<Node, 'summary' | 'description'>): string {
  return description === undefined ? `${summary}.` : `${summary}. ${description}`;
}

/** `-field=<string>`, `-force, -f`. */
export function spellingOf(name: string, { aliases, value }: Flag<unknown>): string {
  const spelt = [name, ...aliases].map((one) => `-${one}`).join(', ');
  return value === undefined ? spelt : `${spelt}=<${value}>`;
}

export function flagText({ help, choices }: Flag<unknown>): string {
  return choices === undefined ? help : `${help} One of: ${choices.join(', ')}.`;
}

function without(flags: Flags, own: Flags): Flags {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => !(name in own)));
}

function examplesOf(examples: readonly Example[] = []): string[] {
  return examples.map(({ note, line }) => `${wrapText(note, width, '  ')}\n\n      $ lockstep ${line}`);
}

function flagSection(title: string, flags: Flags): string[] {
  const entries = Object.entries(flags);
  if (entries.length === 0) return [];
  const texts = entries.map(([name, it]) => `  ${spellingOf(name, it)}\n${wrapText(flagText(it), width, '      ')}`);
  return [`${title}:\n\n${texts.join('\n\n')}`];
}

function indent(text: string, by: number): string {
  return text.replace(/^/gm, ' '.repeat(by));
}
