/** The last events of a run, for when it fails. */
const KEPT = 80;

export class History {
  readonly #events: string[] = [];
  readonly #started = performance.now();

  add(event: string): void {
    this.#events.push(`${((performance.now() - this.#started) / 1000).toFixed(3)} ${event}`);
    if (this.#events.length > KEPT) this.#events.shift();
  }

  get text(): string {
    return this.#events.join('\n');
  }
}
