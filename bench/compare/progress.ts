/** Says on standard error what is being done, how far it is and how long it will take. */

/** What the generator's start and end take beside its load. */
const BESIDE_SECONDS = 0.15;

export class Progress {
  readonly #of: number;
  #done = 0;
  #secondsLeft: number;

  constructor(runs: readonly { readonly seconds: number }[]) {
    this.#of = runs.length;
    this.#secondsLeft = runs.reduce((sum, { seconds }) => sum + seconds + BESIDE_SECONDS, 0);
  }

  /** Before each run. */
  next(what: string, seconds: number): void {
    this.#done += 1;
    process.stderr.write(`[${this.#done}/${this.#of}, ${clock(Math.ceil(this.#secondsLeft))} left] ${what}\n`);
    this.#secondsLeft -= seconds + BESIDE_SECONDS;
  }
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
