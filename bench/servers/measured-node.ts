/** A Lockstep alone, on data that goes with it, which can be asked what it costs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../src/client/client.ts';
import { cpuTime, memoryOf, type Memory } from '../measure/process.ts';
import { makeCertificate } from './certificate.ts';
import { startLockstep } from './lockstep.ts';
import { unsealed } from './prepare.ts';
import type { Server } from './server.ts';

/** A collection on demand: by a module that the server itself knows nothing of. */
const collectable = ['--expose-gc', '--import', 'data:text/javascript,process.on("SIGUSR2",()=>{gc();gc()})'];
const profiled = ['--cpu-prof', '--cpu-prof-dir=.cache/bench'];

export class MeasuredNode implements AsyncDisposable {
  readonly urls: Server['urls'];
  /** With which its certificate is verified. */
  readonly caCertText: string;
  /** May do anything. */
  readonly root: Client;
  readonly #server: Server;
  readonly #folder: string;

  private constructor(server: Server, root: Client, folder: string, caCertText: string) {
    this.urls = server.urls;
    this.caCertText = caCertText;
    this.root = root;
    this.#server = server;
    this.#folder = folder;
  }

  /** Started and unsealed, on one thread: a collection reaches no other. `profile` leaves a CPU profile of it in .cache/bench/. */
  static async start(profile = false): Promise<MeasuredNode> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
    try {
      const { caCertText, ...certificate } = await makeCertificate(folder);
      const flags = profile ? [...collectable, ...profiled] : collectable;
      const server = await startLockstep({ folder, ...certificate }, { workers: 0, flags });
      return new MeasuredNode(server, await unsealed(server.urls.http), folder, caCertText);
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  /** Microseconds of CPU since it started. */
  get cpu(): number {
    return cpuTime(this.#server.program.pid).own;
  }

  /** What it holds after collections, once an idle moment has passed. */
  async memory(): Promise<Memory> {
    const { program } = this.#server;
    for (let round = 0; round < 3; round += 1) {
      program.signal('SIGUSR2');
      await delay(500);
      await this.root.read('sys/health');
    }
    return memoryOf(program.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.root.close();
    await this.#server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}
