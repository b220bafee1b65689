/** Takes away what generators have left once nobody needs it, and forgets it. */
import { isLockstepError } from '../../errors.ts';
import { apiVersionOf } from '../../kube/objects.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import { conditionsWith, momentOf } from '../conditions.ts';
import type { Generators } from '../generator/generate.ts';
import { generatorState, type GeneratorState } from './definition.ts';
import { deadlineOf, FINALIZER, keptIn } from './plan.ts';

const CLEAN_MS = 30_000;

export interface GeneratorStateOptions {
  readonly cluster: Cluster;
  readonly generators: Generators;
  readonly now?: () => number;
}

export class GeneratorStateReconciler {
  readonly #options: GeneratorStateOptions;

  constructor(options: GeneratorStateOptions) {
    this.#options = options;
  }

  /** Milliseconds until it is due. Rejects when what is left could not be taken away: then it is tried again. */
  async reconcile(key: string): Promise<number | undefined> {
    const state = this.#options.cluster.generatorStates.get(key);
    if (state === undefined) return undefined;
    if (state.metadata.deletionTimestamp !== undefined) return this.#end(state);
    await this.#say(state, 'Created', 'generator state created');
    const due = (deadlineOf(state) ?? Number.POSITIVE_INFINITY) - this.#now();
    if (due > 0) return Number.isFinite(due) ? due : undefined;
    const { namespace = '', name, uid = '' } = state.metadata;
    await this.#options.cluster.generatorStateObjects.delete({ namespace, name }, { uid });
    return undefined;
  }

  async #end(state: GeneratorState): Promise<undefined> {
    const { finalizers = [], namespace = '' } = state.metadata;
    if (!finalizers.includes(FINALIZER)) return;
    const kept = keptIn(state);
    try {
      if (kept === undefined) throw new ProviderProblem('invalid', 'spec does not say what made it');
      const signal = AbortSignal.timeout(CLEAN_MS);
      await this.#options.generators.cleanUp(kept.by, kept.left, namespace, signal);
    } catch (error) {
      // Over by itself: whether anybody could be told is of no interest any more.
      const over = (deadlineOf(state) ?? Number.POSITIVE_INFINITY) <= this.#now();
      if (!over) {
        const known = error instanceof ProviderProblem || isLockstepError(error);
        await this.#say(state, 'Error', known ? error.message : 'an unexpected error: see the log of the controller');
        throw error;
      }
    }
    const { status: _own, ...object } = state;
    await this.#options.cluster.generatorStateObjects.replace({
      ...object,
      metadata: { ...state.metadata, finalizers: finalizers.filter((each) => each !== FINALIZER) },
    });
  }

  async #say(state: GeneratorState, reason: 'Created' | 'Error', message: string): Promise<void> {
    const { cluster } = this.#options;
    const { conditions: before = [] } = state.status ?? {};
    const ready = reason === 'Created';
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', reason, message };
    const conditions = conditionsWith(before, condition, momentOf(this.#now()));
    if (conditions === before) return;
    const { namespace = '', name } = state.metadata;
    await cluster.generatorStateObjects.patchStatus({ namespace, name }, { conditions });
    const about = { ...state, apiVersion: apiVersionOf(generatorState), kind: generatorState.kind };
    cluster.events.record(about, { type: ready ? 'Normal' : 'Warning', reason, message });
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}
