/** The subscriptions of this node, by what they want and by whose they are. */
import type { ConsumerEvents } from './subscriptions.ts';
import { PathIndex } from './patterns.ts';
import type { Subscription } from './subscription.ts';

export class Roster {
  readonly #index = new PathIndex<Subscription>();
  readonly #byToken = new Map<string, Set<Subscription>>();
  readonly #all = new Map<Subscription, ConsumerEvents | undefined>();

  get size(): number {
    return this.#all.size;
  }

  add(subscription: Subscription, consumer: ConsumerEvents | undefined): void {
    const { tokenKey, wants } = subscription;
    this.#all.set(subscription, consumer);
    this.#byToken.set(tokenKey, (this.#byToken.get(tokenKey) ?? new Set()).add(subscription));
    this.#index.add(wants.patterns, subscription);
  }

  /** False: it was not here. */
  delete(subscription: Subscription): boolean {
    if (!this.#all.delete(subscription)) return false;
    const own = this.#byToken.get(subscription.tokenKey);
    own?.delete(subscription);
    if (own?.size === 0) this.#byToken.delete(subscription.tokenKey);
    this.#index.delete(subscription.wants.patterns, subscription);
    return true;
  }

  consumerOf(subscription: Subscription): ConsumerEvents | undefined {
    return this.#all.get(subscription);
  }

  /** A copy: it may be ended while it is gone through. */
  all(): readonly Subscription[] {
    return [...this.#all.keys()];
  }

  ofToken(tokenKey: string): readonly Subscription[] {
    return [...(this.#byToken.get(tokenKey) ?? [])];
  }

  wanting(path: string): ReadonlySet<Subscription> {
    return this.#index.match(path);
  }
}
