/** The file that `debug` writes: a gzipped tar, for its owner alone. */
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { BLOCK, paddingOf, tarHeader } from '../../lib/snapshot/tar.ts';
import { CommandError } from '../errors.ts';
import { errorCode } from '../../lib/error-code.ts';

export interface File {
  readonly name: string;
  readonly text: string;
}

/** Held open from the start: a path that cannot be written is told before anything is collected. */
export class BundleFile implements Disposable {
  readonly path: string;
  readonly #descriptor: number;
  #written = false;

  constructor(path: string) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, 'wx', 0o600);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') {
        throw new CommandError(`${path} is there already: name another file with -output, or remove it`);
      }
      throw new CommandError(`cannot make the file ${path}: ${error instanceof Error ? error.message : 'unknown'}`);
    }
  }

  /** All files in a folder named `folder`. */
  write(folder: string, files: readonly File[]): void {
    const parts = files.flatMap(({ name, text }) => {
      const content = Buffer.from(text);
      return [
        tarHeader({ name: `${folder}/${name}`, size: content.length }),
        content,
        Buffer.alloc(paddingOf(content.length)),
      ];
    });
    writeSync(this.#descriptor, gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])));
    fsyncSync(this.#descriptor);
    this.#written = true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
    if (!this.#written) unlinkSync(this.path);
  }
}
