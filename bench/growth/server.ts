/** A server process on a filled data directory, and what it takes. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ServerProcess } from '../../test/support/server-process.ts';
import type { Filled } from './fill.ts';

const run = promisify(execFile);
/** Of utime and stime: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MICROSECONDS = 10_000;

export interface Memory {
  /** Megabytes (MiB). RssFile is what maps the data file, which the system takes back when others need it. */
  readonly rssAnon: number;
  readonly rssFile: number;
}

export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  /** Microseconds of CPU of the server for each request. */
  readonly cpu: number;
  /** Page faults of the server for each request: pages of the data file that it maps for the first time. */
  readonly faults: number;
}

export interface Running extends AsyncDisposable {
  readonly filled: Filled;
  readonly address: string;
  /** Milliseconds from the start of the process to its listening, and from the unseal request to the first answered read. */
  readonly listening: number;
  readonly ready: number;
  readonly memory: () => Memory;
  /** Microseconds of CPU since the process began. */
  readonly cpu: () => number;
  readonly get: (path: string) => Promise<string>;
  /** `wrk`, one thread; `script` is Lua that makes the requests. */
  readonly load: (script: string, seconds: number) => Promise<Load>;
}

export interface Start {
  readonly filled: Filled;
  /** A request that only an unsealed server answers. */
  readonly firstRead: string;
  readonly connections: number;
}

function megabytes(status: string, field: string): number {
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

/** From /proc/<pid>/stat, counted behind the name: utime and stime, minflt and majflt. */
function usage(pid: number): { readonly cpu: number; readonly faults: number } {
  const fields =
    readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ') ?? [];
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS,
    faults: Number(fields[7]) + Number(fields[9]),
  };
}

export async function start({ filled, firstRead, connections }: Start): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-growth-'));
  const config = join(folder, 'server.hcl');
  writeFileSync(
    config,
    `listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
storage "lmdb" { path = "${filled.path}" }
audit "file" "file" { options { file_path = "${join(folder, 'audit.log')}" } }
`,
  );
  const began = performance.now();
  const server = new ServerProcess([`-config=${config}`]);
  const address = await server.address();
  const listening = performance.now() - began;
  const unsealing = performance.now();
  await server.ask('PUT', '/v1/sys/unseal', { body: { key: filled.share } });
  const { status, text } = await server.ask('GET', firstRead, { token: filled.token });
  if (status !== 200) throw new Error(`the first read answered ${String(status)}: ${text}`);
  const ready = performance.now() - unsealing;
  const cpu = (): number => usage(server.pid).cpu;
  return {
    ...{ filled, address, listening, ready, cpu },
    memory: () => {
      const stat = readFileSync(`/proc/${String(server.pid)}/status`, 'utf8');
      return { rssAnon: megabytes(stat, 'RssAnon'), rssFile: megabytes(stat, 'RssFile') };
    },
    get: async (path) => (await server.ask('GET', path, { token: filled.rootToken })).text,
    load: async (script, seconds) => {
      const lua = join(folder, 'load.lua');
      writeFileSync(lua, script);
      const before = usage(server.pid);
      const args = ['-t1', `-c${String(connections)}`, `-d${String(seconds)}s`, '-s', lua, address];
      const { stdout } = await run('wrk', args);
      if (/Non-2xx/.test(stdout)) throw new Error(`some requests failed:\n${stdout}`);
      const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
      const after = usage(server.pid);
      return {
        ...{ requests, perSecond: requests / seconds },
        cpu: (after.cpu - before.cpu) / requests,
        faults: (after.faults - before.faults) / requests,
      };
    },
    [Symbol.asyncDispose]: async () => {
      server.signal('SIGTERM');
      await server.exit;
      rmSync(folder, { recursive: true });
    },
  };
}
