/** The load generator wrk, on one thread: Debian's package `wrk`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { has, must } from '../../test/clients/support/run.ts';
import { Random } from '../../test/simulator/random.ts';
import type { Access } from '../servers/prepare.ts';
import type { Load, Request } from './loads.ts';

/** More than there are keys to draw from. */
const PREPARED = 4_096;

/** Why there is no wrk, with the remedy; undefined when there is. As root on Debian it is installed. */
export async function withoutWrk(): Promise<string | undefined> {
  if (await has('sh', ['-c', 'command -v wrk'])) return undefined;
  if (process.getuid?.() !== 0 || !(await has('sh', ['-c', 'command -v apt-get']))) {
    return 'wrk is not there; install it, on Debian with `apt-get install wrk`';
  }
  process.stderr.write('installing wrk\n');
  const install = ['install', '-y', '--no-install-recommends', 'wrk'];
  // A machine that has never asked for the list of packages knows none.
  const installed =
    (await has('apt-get', install)) || ((await has('apt-get', ['update'])) && (await has('apt-get', install)));
  return installed ? undefined : 'wrk is not there, and `apt-get install wrk` failed';
}

/** As it came over the wire. Times in microseconds. */
export interface WrkResult {
  readonly requests: number;
  readonly microseconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface WrkRun {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Where the prepared requests go. */
  readonly folder: string;
  /** The same one gives the same keys in the same order. */
  readonly seed: number;
  /** Requests that are made before and then sent in turn. */
  readonly prepared?: number;
}

/** Throws when a reply was not 2xx, or a connection failed. */
export async function wrk(load: Load, access: Access, run: WrkRun): Promise<WrkResult> {
  const { url, connections, seconds, folder, seed, prepared = PREPARED } = run;
  const file = join(folder, 'requests');
  const random = new Random(seed);
  const host = new URL(url).host;
  const requests = Array.from({ length: prepared }, () => wire(load.request(access, random.word()), host));
  writeFileSync(file, requests.join('\0'), { mode: 0o600 });
  const script = join(import.meta.dirname, 'replay.lua');
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout=20s', `-s${script}`, url];
  return readResult(await must('wrk', [...args, '--', file]));
}

function wire({ method, path, token, body }: Request, host: string): string {
  const content = body === undefined ? '' : JSON.stringify(body);
  const headers = [
    `Host: ${host}`,
    ...(token === undefined ? [] : [`X-Vault-Token: ${token}`]),
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${content.length}`]),
  ];
  return `${method} /v1/${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${content}`;
}

/** Reads what `replay.lua` prints. Throws when anything went wrong. */
export function readResult(output: string): WrkResult {
  const line = /^result (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk gave no result:\n${output}`);
  const result = JSON.parse(line) as WrkResult & { readonly errors: Readonly<Record<string, number>> };
  const wrong = Object.entries(result.errors).filter(([, count]) => count > 0);
  if (wrong.length > 0) {
    const shown = wrong.map(([kind, count]) => `${count} × ${kind}`).join(', ');
    throw new Error(`of ${result.requests} requests failed: ${shown} (status: the reply was not 2xx)`);
  }
  if (result.requests === 0) throw new Error('no request was answered');
  return result;
}
