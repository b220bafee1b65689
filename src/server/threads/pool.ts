/** The threads of a server that read, as the thread that writes sees them. */
import type { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { KnownUnsealing } from '../../core/known-unsealing.ts';
import type { ReadingThreads } from '../../core/threads.ts';
import type { Handler, Request } from '../../framework/request.ts';
import { allDone } from '../../lib/all-done.ts';
import { toldOf } from '../../lib/fault.ts';
import type { LogSource } from '../../lib/log-source.ts';
import { Board } from '../../lib/threads/board.ts';
import { Line } from '../../lib/threads/line.ts';
import { SharedAge } from '../../lib/threads/shared-age.ts';
import { SharedWindows } from '../../lib/threads/shared-windows.ts';
import type { Store } from '../../storage/store.ts';
import type { UpgradeRequest, Upgrade } from '../endpoint.ts';
import type { Serving } from '../http.ts';
import type { ListenerSettings } from '../listener.ts';
import type { ReaderAsks, ThreadData, WriterAsks } from './asks.ts';
import { watchDemand, type Load } from './demand.ts';
import { answerOver, Receiver, type Handed } from './handover.ts';
import { Tunnels, type Opening } from './tunnel.ts';

export interface PoolOptions extends Omit<ThreadData, 'board' | 'age' | 'windows'> {
  /** How many there may be; at least one. */
  readonly size: number;
  /** What this thread has served so far; absent: all threads are there from the start, and not when reads need them. */
  readonly load?: () => Omit<Load, 'handshakes'>;
  /** What the threads follow, below the barrier. */
  readonly store: Store;
  /** Takes what threads log, and says which of it is wanted. */
  readonly logs: LogSource;
  /** A thread failed: what it knows is lost, and the node must not go on as if nothing had been. */
  readonly failed: (error: Error) => void;
}

/** Batches after which threads are told to look: an old view keeps pages from being used again. */
const LOOK_EVERY = 64;

/**
 * Half of a thread's young objects, in MiB; the first thread has what the command line says (`bin/lockstep`). Of what serves reads
 * nearly nothing outlives its request. A flag, since a thread's `resourceLimits` give way to that of the command line.
 */
const YOUNG_MEBIBYTES = 4;

interface Thread {
  readonly worker: Worker;
  readonly line: Line<ReaderAsks, WriterAsks>;
  readonly tunnels: Tunnels;
  readonly exited: Promise<void>;
}

/** What serves the requests that threads hand over; it is there before the first one listens. */
export interface Served {
  readonly handler: Handler;
  readonly upgrade: Upgrade;
  /** This thread's own. */
  readonly serving: Pick<Serving, 'renew' | 'handshakes'>;
}

export class ThreadPool implements AsyncDisposable {
  /** How old this region's copy is; whoever hears the hub sets it. */
  readonly age = new SharedAge();
  /** What quotas have counted. */
  readonly windows = new SharedWindows();
  readonly #options: PoolOptions;
  readonly #data: ThreadData;
  readonly #threads: Thread[] = [];
  readonly #known = new KnownUnsealing();
  readonly #observation: Disposable;
  #listeners: readonly ListenerSettings[] = [];
  #served: Served | undefined;
  #demand: Disposable | undefined;
  #closing = false;
  #closed = false;

  constructor(options: PoolOptions) {
    const { size, store, load, ...rest } = options;
    const board = new Board();
    board.publish(store.position.sequence);
    this.#observation = store.observe(({ position }) => {
      board.publish(position.sequence);
      if (position.sequence % LOOK_EVERY === 0) for (const { line } of this.#threads) line.tell('look', undefined);
    });
    const { path, settings, audit, log } = rest;
    this.#options = options;
    this.#data = {
      path,
      settings,
      audit,
      log,
      board: board.memory,
      age: this.age.memory,
      windows: this.windows.memory,
    };
    if (load === undefined) while (this.#threads.length < size) this.#start();
    options.logs.follow((state) => {
      if (!this.#closed) for (const { line } of this.#threads) line.tell('logState', state);
    });
  }

  get running(): number {
    return this.#threads.length;
  }

  readonly node: ReadingThreads = {
    windows: this.windows,
    unseal: (unsealing) => {
      this.#known.unseal(unsealing);
      return this.#askAll('unseal', unsealing);
    },
    seal: () => {
      this.#known.seal();
      return this.#askAll('seal', undefined);
    },
    expectRoot: (root) => {
      this.#known.expectRoot(root);
      return this.#askAll('expectRoot', root);
    },
    unsealNamespace: (unsealing) => {
      this.#known.unsealNamespace(unsealing);
      return this.#askAll('unsealNamespace', unsealing);
    },
    expectNamespaceRoot: (unsealing) => {
      this.#known.expectNamespaceRoot(unsealing);
      return this.#askAll('expectNamespaceRoot', unsealing);
    },
    sealNamespaces: (ids) => {
      this.#known.sealNamespaces(ids);
      return this.#askAll('sealNamespaces', ids);
    },
    audit: {
      // Also where it fails: until it is disabled, no thread that comes late may serve without it.
      enable: (device) => {
        this.#known.enable(device);
        return this.#askAll('enableAudit', device);
      },
      disable: (path) => {
        this.#known.disable(path);
        return this.#askAll('disableAudit', path);
      },
      reopen: () => this.#askAll('reopenAudit', undefined),
    },
    inFlight: async () => (await Promise.all(this.#threads.map(({ line }) => line.ask('inFlight', undefined)))).flat(),
    metrics: () => Promise.all(this.#threads.map(({ line }) => line.ask('metrics', undefined))),
  };

  /** Resolves when every thread listens at the addresses given, or rejects with `listenFailed`. */
  async listen(listeners: readonly ListenerSettings[], served: Served): Promise<void> {
    this.#served = served;
    this.#listeners = listeners;
    await this.#askAll('listen', listeners);
    const { load } = this.#options;
    if (load === undefined) return;
    const loads = (): Load => ({ ...load(), handshakes: served.serving.handshakes() });
    this.#demand = watchDemand(loads, () => this.#grow());
  }

  /** Another thread, from whose start on all are told what this one is; false: there are as many as there may be. */
  async #grow(): Promise<boolean> {
    if (this.#closing) return false;
    const { size, logs } = this.#options;
    const { log } = logs;
    const { line } = this.#start();
    line.tell('logState', logs.state);
    try {
      const unsealing = this.#known.current;
      if (unsealing !== undefined) await line.ask('unseal', unsealing);
      if (this.#closing) return false;
      await line.ask('listen', this.#listeners);
    } catch (error) {
      if (!this.#closing)
        log.error('a thread cannot read: it stands by, and no other is started', { reason: toldOf(error) });
      return false;
    }
    log.info('reads are shared with one more thread', { threads: this.#threads.length, most: size });
    this.#first.serving.renew();
    for (const thread of this.#threads) if (thread.line !== line) thread.line.tell('renew', undefined);
    return this.#threads.length < size;
  }

  reload(): Promise<void> {
    return this.#askAll('reload', undefined);
  }

  /** Lets requests end, then the threads. The store is to stay open until this resolves. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#demand?.[Symbol.dispose]();
    await this.#askAll('close', undefined).catch(() => undefined);
    this.#closed = true;
    this.#observation[Symbol.dispose]();
    for (const { worker, line, tunnels } of this.#threads) {
      line.cut();
      tunnels.cut();
      void worker.terminate();
    }
    await Promise.all(this.#threads.map(({ exited }) => exited));
  }

  async #askAll<K extends Exclude<keyof ReaderAsks, 'metrics' | 'inFlight'>>(
    name: K,
    argument: ReaderAsks[K]['argument'],
  ): Promise<void> {
    // Without threads there is nothing to do, and nothing to wait for.
    if (this.#closed) return;
    await allDone(this.#threads.map(({ line }) => line.ask(name, argument)));
  }

  #start(): Thread {
    const { logs, failed } = this.#options;
    // Its name ends as this module's does: `.ts` in a checkout, `.js` when compiled.
    const entry = new URL(import.meta.url.endsWith('.ts') ? './reader.ts' : './reader.js', import.meta.url);
    setFlagsFromString(`--max-semi-space-size=${String(YOUNG_MEBIBYTES)}`);
    const worker = new Worker(entry, { workerData: this.#data });
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        if (!this.#closing) failed(new Error('a thread ended by itself'));
        resolve();
      });
    });
    worker.once('error', failed);
    const receiver = new Receiver({ handle: (request) => this.#first.handler.handle(request) }, (upload) =>
      line.ask('upload', upload),
    );
    const tunnels = new Tunnels({
      data: (piece) => line.ask('tunnelData', piece),
      end: (end) => {
        line.tell('tunnelEnd', end);
      },
    });
    const line: Line<ReaderAsks, WriterAsks> = new Line<ReaderAsks, WriterAsks>(worker, {
      request: async (request) => answerOver(tunnels, await receiver.serve(request)),
      gone: (place) => {
        receiver.gone(place);
      },
      log: (record) => {
        logs.take(record);
      },
      tunnelOpen: (opening) => {
        this.#upgrade(opening, tunnels.open(opening.id));
      },
      ...tunnels.answers,
    });
    const thread: Thread = { worker, line, tunnels, exited };
    this.#threads.push(thread);
    return thread;
  }

  get #first(): Served {
    if (this.#served === undefined) throw new Error('a thread asked for something before it listened');
    return this.#served;
  }

  #upgrade({ method, url, headers, head, parsed }: Opening, socket: Duplex): void {
    const request: UpgradeRequest = { method, url, headers };
    this.#first.upgrade(request, socket, Buffer.from(head), boundTo(socket, parsed));
  }
}

function boundTo(socket: Duplex, parsed: Handed): Request {
  const abort = new AbortController();
  socket.once('close', () => {
    abort.abort();
  });
  return { ...parsed, signal: () => abort.signal };
}
