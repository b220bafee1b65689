/**
 * That nobody waits for a reply any more: told to who listens, and by a signal that is made once somebody asks for it. Most
 * never ask, and an AbortController is dear: it outlives the collections of young objects.
 */
export class Departure {
  #controller: AbortController | undefined;
  #listener: (() => void) | undefined;
  #reason: Error | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** One listener; told at once when it is so already. */
  listen(listener: () => void): void {
    if (this.#reason === undefined) this.#listener = listener;
    else listener();
  }

  /** The first reason stays. */
  happened(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#listener?.();
    this.#controller?.abort(reason);
  }
}
