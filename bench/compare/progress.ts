/** Says on standard error what is being done, how far it is and how long it will take. */

export class Progress {
  readonly #of: number;
  #done = 0;
  #secondsLeft: number;

  /** `seconds`: of load in all. */
  constructor(of: number, seconds: number) {
    this.#of = of;
    this.#secondsLeft = seconds;
  }

  async step<T>(what: string, seconds: number, work: () => Promise<T>): Promise<T> {
    this.#done += 1;
    // The generator's start and end take a moment beside its load.
    const left = Math.ceil(this.#secondsLeft + 0.1 * (this.#of - this.#done));
    process.stderr.write(`[${this.#done}/${this.#of}, ${clock(left)} left] ${what}\n`);
    this.#secondsLeft -= seconds;
    return work();
  }
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
