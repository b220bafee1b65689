/** The command line of `npm run bench`. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { isLoad, loads, type LoadName } from '../load/loads.ts';
import { transports, type Transport } from '../servers/server.ts';

export const peers = ['lockstep', 'openbao'] as const;
export type Measured = (typeof peers)[number];

export interface Options {
  readonly rounds: number;
  /** Of load for each figure. */
  readonly seconds: number;
  readonly loads: readonly LoadName[];
  readonly connections: readonly number[];
  readonly transports: readonly Transport[];
  readonly only: Measured | undefined;
  readonly workers: number | undefined;
  /** The folder of another checkout. */
  readonly before: string | undefined;
  /** The path of a binary. */
  readonly rustyvault: string | undefined;
  readonly parts: boolean;
  readonly directory: string | undefined;
  readonly json: string | undefined;
  readonly check: boolean;
}

export const usage = `Measures Lockstep and OpenBao side by side.

Usage: npm run bench -- [options]

  --rounds=N            measurements of each figure (default 5)
  --seconds=N           of load in each (default 3)
  --loads=A,B           of ${Object.keys(loads).join(', ')} (default all that both servers have)
  --connections=N,N     (default 1,16,64)
  --transports=A,B      of ${transports.join(', ')} (default both)
  --only=SERVER         ${peers.join(' or ')}: that one alone, without ratios
  --workers=N           worker threads of Lockstep (default: none are configured)
  --before=FOLDER       another checkout of Lockstep, with its packages, such as a git worktree of before a change
  --rustyvault=PATH     a RustyVault binary, to be compared in reads of KV v1 over HTTP
  --parts               the bare parts of a write, without what makes them a secrets platform, compared in writes over HTTP
  --directory=DIR       where the servers keep their data (default: the system's temporary folder); the disk counts
  --json=FILE           every figure of every round (default: a file in .cache/bench/)
  --quick               3 rounds of 1 second, 16 connections; options beside it go before it
  --check               read, write and login as with --quick over HTTP; fails when a ratio is below its floor
  --help

Examples:
  npm run bench
  npm run bench -- --loads=read --transports=http --rounds=9
  npm run bench -- --quick --loads=read,write
  npm run bench -- --only=lockstep --workers=2 --loads=read --connections=64
  npm run bench -- --only=lockstep --before=../lockstep-before --loads=read,write
  npm run bench -- --parts --loads=write --transports=http
  npm run bench -- --check
`;

const flags = {
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  loads: { type: 'string' },
  connections: { type: 'string' },
  transports: { type: 'string' },
  only: { type: 'string' },
  workers: { type: 'string' },
  before: { type: 'string' },
  rustyvault: { type: 'string' },
  parts: { type: 'boolean', default: false },
  directory: { type: 'string' },
  json: { type: 'string' },
  quick: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

const usual = {
  rounds: '5',
  seconds: '3',
  connections: '1,16,64',
  loads: Object.keys(loads).join(','),
  transports: 'http,tls',
};
const quick = { rounds: '3', seconds: '1', connections: '16' };
const check = { ...quick, loads: 'read,write,login', transports: 'http' };

/** Undefined when help was asked for. Throws what is wrong with the arguments. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({ args: [...args], options: flags, strict: true });
  if (values.help) return undefined;
  const given = { ...usual, ...(values.quick ? quick : {}), ...(values.check ? check : {}), ...values };
  const { before, rustyvault, directory, json, only } = values;
  checkTogether(values.check, only, before);
  return {
    rounds: whole('rounds', given.rounds, 1),
    seconds: whole('seconds', given.seconds, 1),
    loads: each('loads', given.loads, isLoad, Object.keys(loads)),
    connections: given.connections.split(',').map((text) => whole('connections', text, 1)),
    transports: each('transports', given.transports, oneOf(transports), transports),
    only: only === undefined ? undefined : each('only', only, oneOf(peers), peers)[0],
    workers: values.workers === undefined ? undefined : whole('workers', values.workers, 0),
    before: before === undefined ? undefined : resolve(before),
    ...{ rustyvault, parts: values.parts, directory, json, check: values.check },
  };
}

/** Throws where options exclude each other, or the folder of one is none of ours. */
function checkTogether(check: boolean, only: string | undefined, before: string | undefined): void {
  if (check && only !== undefined) throw new Error('--check compares: it needs both servers, without --only');
  if (before === undefined) return;
  if (only === 'openbao') throw new Error('--before stands beside Lockstep: without --only=openbao');
  if (!existsSync(join(before, 'scripts/build.ts'))) {
    throw new Error(`--before: there is no checkout of Lockstep in "${before}"`);
  }
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && text.trim() !== '') return value;
  throw new Error(`--${name}: "${text}" is not a whole number from ${least} on`);
}

function oneOf<const T extends string>(all: readonly T[]): (name: string) => name is T {
  return (name): name is T => all.some((one) => one === name);
}

function each<T extends string>(
  flag: string,
  text: string,
  is: (name: string) => name is T,
  all: readonly string[],
): readonly T[] {
  return text.split(',').map((name) => {
    if (is(name)) return name;
    throw new Error(`--${flag}: "${name}" is none of ${all.join(', ')}`);
  });
}
