/** How far an import is, on standard error: a line that is written over for a person, now and then a line for a log. */
import type { Terminal } from '../terminal.ts';
import type { Item } from './report.ts';

const LINE_EVERY = 1_000;
const REDRAW_MS = 100;

export class Progress implements Disposable {
  readonly #stream: Terminal['stderr'];
  #drawn = 0;
  #last = '';

  constructor(stream: Terminal['stderr']) {
    this.#stream = stream;
  }

  readonly told = ({ path }: Item, total: number): void => {
    this.#last = `${String(total)} done, last ${JSON.stringify(path)}`;
    if (this.#stream.isTTY !== true) {
      if (total % LINE_EVERY === 0) this.#stream.write(`${this.#last}\n`);
    } else if (performance.now() - this.#drawn >= REDRAW_MS) {
      this.#drawn = performance.now();
      this.#stream.write(`\r\u001B[K${this.#last.slice(0, 120)}`);
    }
  };

  end(): void {
    if (this.#stream.isTTY === true && this.#last !== '') this.#stream.write(`\r\u001B[K${this.#last.slice(0, 120)}\n`);
    this.#last = '';
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
