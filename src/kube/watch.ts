/**
 * A watch that never goes quiet: pages of a list, then the changes since; after a cut from where it was, after 410 from a
 * new list. A connection that says nothing, not even the bookmarks that API servers send about once a minute, is given up.
 */
import { fullJitter, type Backoff } from '../lib/backoff.ts';
import { pause } from '../lib/pause.ts';
import type { KubernetesApi } from './api.ts';
import { acceptOf, collectionPath, queryOf, type KubernetesObject, type Listing, type Objects } from './objects.ts';
import { KubernetesProblem } from './problem.ts';

export interface Sink<T> {
  /** What of an object that was listed is handed over, undefined: nothing. Of a list that is long, no more lies in memory. */
  readonly kept: (object: T) => T | undefined;
  /** Everything that there is now. */
  readonly replace: (objects: readonly T[]) => void;
  readonly apply: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T) => void;
}

export interface WatchOptions extends Listing {
  /** Milliseconds without a word after which a connection counts as half-open. Default 150 s. */
  readonly silenceMs?: number;
  /** Told of each failure, after which it goes on by itself. */
  readonly failed?: (error: unknown) => void;
  readonly random?: () => number;
  readonly backoff?: Backoff;
}

const SILENCE_MS = 150_000;
const BACKOFF: Backoff = { base: 200, cap: 30_000 };
/** Seconds after which the API server is asked to end a watch, and half of which are drawn on top. */
const LASTING_S = 240;
const LONGEST_LINE = 16 * 1024 * 1024;

interface Line<T> {
  readonly type?: string;
  readonly object?: T & { readonly code?: number; readonly message?: string };
}

const isExpired = (error: unknown): boolean =>
  error instanceof KubernetesProblem && (error.status === 410 || error.reason === 'Expired');

export class Watch<T extends KubernetesObject> {
  readonly #api: KubernetesApi;
  readonly #objects: Objects<T>;
  readonly #sink: Sink<T>;
  readonly #options: WatchOptions;
  #heard = Number.NEGATIVE_INFINITY;
  #version: string | undefined;

  constructor(api: KubernetesApi, objects: Objects<T>, sink: Sink<T>, options: WatchOptions = {}) {
    this.#api = api;
    this.#objects = objects;
    this.#sink = sink;
    this.#options = options;
  }

  /** Milliseconds since the API server last said anything; Infinity before the first list. */
  get staleMs(): number {
    return performance.now() - this.#heard;
  }

  /** Until the signal is aborted; then it resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const { random = Math.random, failed = () => undefined, backoff = BACKOFF } = this.#options;
    let tries = 0;
    while (!signal.aborted) {
      const heard = this.#heard;
      try {
        if (this.#version === undefined) await this.#list(signal);
        await this.#follow(signal);
        tries = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) this.#version = undefined;
        failed(error);
        // Something was heard meanwhile: it is another failure, not the same one again.
        tries = this.#heard > heard ? 1 : tries + 1;
        await pause(fullJitter(backoff, tries, random()), signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const found: T[] = [];
    let next = '';
    let version = '';
    do {
      const page = await this.#objects.page(this.#options, next, signal);
      for (const each of page.items) {
        const kept = this.#sink.kept(each);
        if (kept !== undefined) found.push(kept);
      }
      ({ next, resourceVersion: version } = page);
      this.#hear();
    } while (next !== '');
    this.#sink.replace(found);
    this.#version = version;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { namespace, labelSelector, silenceMs = SILENCE_MS, random = Math.random } = this.#options;
    const silent = new AbortController();
    const timer = setTimeout(() => {
      silent.abort(new Error(`nothing came for ${String(silenceMs)} ms`));
    }, silenceMs);
    try {
      const query = queryOf({
        ...{ watch: 'true', allowWatchBookmarks: 'true', labelSelector, resourceVersion: this.#version },
        timeoutSeconds: String(Math.round(LASTING_S * (1 + random() / 2))),
      });
      const path = collectionPath(this.#objects.kind, namespace) + query;
      const both = AbortSignal.any([signal, silent.signal]);
      const body = await this.#api.stream({ method: 'GET', path, signal: both, ...acceptOf(this.#options, 'one') });
      for await (const line of linesOf(body)) {
        timer.refresh();
        this.#hear();
        this.#take(JSON.parse(line) as Line<T>);
      }
    } catch (error) {
      throw silent.signal.aborted ? silent.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #take({ type, object }: Line<T>): void {
    if (object === undefined) return;
    if (type === 'ERROR') {
      throw new KubernetesProblem(`the watch ended: ${object.message ?? 'the API server does not say why'}`, {
        status: object.code ?? 500,
      });
    }
    const version = object.metadata.resourceVersion;
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') this.#sink.apply(type, object);
    if (version !== undefined) this.#version = version;
  }

  #hear(): void {
    this.#heard = performance.now();
  }
}

async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let waiting: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...waiting, chunk.subarray(from, end)]).toString('utf8');
      waiting = [];
      size = 0;
      from = end + 1;
      if (line.trim() !== '') yield line;
    }
    const rest = chunk.subarray(from);
    size += rest.length;
    if (size > LONGEST_LINE) throw new Error(`a line of the watch has more than ${String(LONGEST_LINE)} bytes`);
    if (rest.length > 0) waiting.push(rest);
  }
}
