/** Lines on their way into a file: who waits for which bytes. */

export interface Waiting {
  readonly line: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** All lines of a batch as one piece, after a newline where the file ends in the middle of a line. */
export function join(batch: readonly Waiting[], torn: boolean): Uint8Array {
  const pieces = batch.map(({ line }) => line);
  const [only] = pieces;
  if (!torn && pieces.length === 1 && only !== undefined) return only;
  return Buffer.concat(torn ? [newline, ...pieces] : pieces);
}

const newline = Buffer.from('\n');

export interface Outcome {
  /** Lines whose last byte was written. */
  readonly complete: number;
  /** The file now ends in the middle of a line. */
  readonly torn: boolean;
}

/** What `written` bytes of a joined batch came to. */
export function outcomeOf(batch: readonly Waiting[], torn: boolean, written: number): Outcome {
  if (torn && written === 0) return { complete: 0, torn: true };
  let left = torn ? written - 1 : written;
  let complete = 0;
  for (const { line } of batch) {
    if (left < line.length) break;
    left -= line.length;
    complete += 1;
  }
  return { complete, torn: left > 0 };
}
