/** Objects of kinds that become known as ExternalSecrets name them: each kind is watched from its first use on, by its metadata. */
import type { Informer } from '../../../kube/informer.ts';
import { apiVersionOf, type Kind, type KubernetesObject } from '../../../kube/objects.ts';

type Watched = Informer<KubernetesObject>;

export interface WatchesOptions {
  readonly informer: (kind: Kind) => Watched;
}

export const kindText = (kind: Kind): string => `${apiVersionOf(kind)} ${kind.kind}`;

export class Watches {
  readonly #informer: (kind: Kind) => Watched;
  readonly #watched = new Map<string, Watched>();
  readonly #running: Promise<void>[] = [];
  #changed: (kind: string, key: string) => void = () => undefined;
  #signal: AbortSignal | undefined;

  constructor(options: WatchesOptions) {
    this.#informer = options.informer;
  }

  /** By `kindText`; undefined: nobody makes one. */
  get(kind: string): Watched | undefined {
    return this.#watched.get(kind);
  }

  get all(): readonly Watched[] {
    return [...this.#watched.values()];
  }

  /** From now on. */
  begin(kind: Kind): void {
    const text = kindText(kind);
    const signal = this.#signal;
    if (this.#watched.has(text) || signal === undefined) return;
    const informer = this.#informer(kind);
    informer.onChange((key) => {
      this.#changed(text, key);
    });
    this.#watched.set(text, informer);
    this.#running.push(informer.run(signal));
  }

  /** Until the signal is aborted. `changed` is told of objects by `kindText` and key. */
  async run(changed: (kind: string, key: string) => void, signal: AbortSignal): Promise<void> {
    this.#changed = changed;
    this.#signal = signal;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const end = (): void => {
      resolve(undefined);
    };
    signal.addEventListener('abort', end, { once: true });
    if (!signal.aborted) await promise;
    await Promise.all(this.#running);
  }
}
