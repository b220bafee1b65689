/** Lines on their way into a file: who waits for which bytes. */

export interface Waiting {
  readonly line: string;
  /** What it takes in the file, as UTF-8. */
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** All lines of a batch as one piece, after a newline where the file ends in the middle of a line. */
export function join(batch: readonly Waiting[], torn: boolean): Buffer {
  let text = torn ? '\n' : '';
  for (const { line } of batch) text += line;
  return Buffer.from(text);
}

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
  for (const { bytes } of batch) {
    if (left < bytes) break;
    left -= bytes;
    complete += 1;
  }
  return { complete, torn: left > 0 };
}
