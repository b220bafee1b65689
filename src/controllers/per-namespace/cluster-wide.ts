/** One of the cluster is looked at when it changes, when what it makes does, and when namespaces come, go or are labelled. */
import type { WorkQueue } from '../../kube/work-queue.ts';
import { changed } from '../changed.ts';
import type { MadeObject } from './plan.ts';
import { PerNamespaceReconciler, type FromObject, type PerNamespace } from './reconcile.ts';

export interface ClusterWide {
  /** Before anything is listed. */
  readonly watch: () => void;
  /** Every one of them is looked at. */
  readonly all: () => void;
  readonly close: () => Promise<void>;
}

export interface ClusterWideOptions {
  readonly queueOf: (
    failure: string,
    workers: number,
    handle: (key: string) => Promise<number | undefined>,
  ) => WorkQueue;
  /** Whether everything was listed once. */
  readonly ready: () => boolean;
}

export function clusterWide<From extends FromObject, Made extends MadeObject>(
  of: PerNamespace<From, Made>,
  { queueOf, ready }: ClusterWideOptions,
): ClusterWide {
  const reconciler = new PerNamespaceReconciler(of);
  const queue = queueOf(`a ${of.kind.kind} is not in sync`, 1, (name) => reconciler.reconcile(name));
  const add = (names: readonly string[]): void => {
    if (ready()) for (const name of names) queue.add(name, 'changed');
  };
  return {
    watch: () => {
      of.cache.from?.onChange((name, now, before) => {
        if (changed(now, before)) add([name]);
      });
      of.cache.made.onChange((_key, now, before) => {
        const name = (now ?? before)?.metadata.name ?? '';
        if (changed(now, before)) add(reconciler.makersOf(name));
      });
    },
    all: () => {
      add(reconciler.names);
    },
    close: () => queue.close(),
  };
}
