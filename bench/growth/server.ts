/** A server process on a filled data directory, and what it takes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../src/client/client.ts';
import type { Load } from '../load/loads.ts';
import { wrk } from '../load/wrk.ts';
import { cpuTime, memoryOf, pageFaults, type Memory } from '../measure/process.ts';
import { makeCertificate } from '../servers/certificate.ts';
import { startLockstep } from '../servers/lockstep.ts';
import type { Access } from '../servers/prepare.ts';
import type { Filled } from './fill.ts';

/** Requests of a round: more than it sends, so that keys are drawn anew in each. */
const PREPARED = 32_768;

export interface Costs {
  readonly requests: number;
  readonly perSecond: number;
  /** Microseconds of CPU of the server for each request. */
  readonly cpu: number;
  /** Page faults of the server for each request: pages of the data file that it maps for the first time. */
  readonly faults: number;
}

export interface Running extends AsyncDisposable {
  readonly filled: Filled;
  /** Milliseconds from the start of the process to its listening, and from the unseal request to the first answered read. */
  readonly listening: number;
  readonly ready: number;
  readonly memory: () => Memory;
  /** Microseconds of CPU since the process began. */
  readonly cpu: () => number;
  /** In the form of Prometheus. */
  readonly metrics: () => Promise<string>;
  readonly load: (load: Load, run: { readonly seconds: number; readonly seed: number }) => Promise<Costs>;
}

export interface Start {
  readonly filled: Filled;
  /** A path that only an unsealed server reads. */
  readonly firstRead: string;
  readonly connections: number;
}

/** On one thread. */
export async function start({ filled, firstRead, connections }: Start): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-growth-'));
  const place = { folder, ...(await makeCertificate(folder)) };
  const began = performance.now();
  const server = await startLockstep(place, { workers: 0, hub: false, data: filled.path });
  const listening = performance.now() - began;
  const { program, urls } = server;
  const client = new Client({ address: urls.http, token: filled.token });
  const unsealing = performance.now();
  await client.write('sys/unseal', { key: filled.share });
  await client.read(firstRead);
  const ready = performance.now() - unsealing;
  const root = client.with({ token: filled.rootToken });
  const access: Access = {
    token: filled.token,
    secrets: 'secret/data/',
    roleId: '',
    secretId: '',
    ciphertext: undefined,
  };
  const used = () => ({ cpu: cpuTime(program.pid).own, faults: pageFaults(program.pid) });
  return {
    ...{ filled, listening, ready },
    cpu: () => used().cpu,
    memory: () => memoryOf(program.pid),
    metrics: async () => {
      const query = { format: 'prometheus' };
      return (await root.request('GET', 'sys/metrics', undefined, { query })).body;
    },
    load: async (load, { seconds, seed }) => {
      const before = used();
      const { requests, microseconds } = await wrk(load, access, {
        ...{ url: urls.http, connections, seconds, folder, seed, prepared: PREPARED },
      });
      const after = used();
      return {
        ...{ requests, perSecond: (requests * 1e6) / microseconds },
        cpu: (after.cpu - before.cpu) / requests,
        faults: (after.faults - before.faults) / requests,
      };
    },
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}
