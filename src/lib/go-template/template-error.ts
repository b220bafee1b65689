import { toText } from './bytes.ts';
import { LockstepError } from '../../errors.ts';

/**
 * Why a template fails: it does not parse; a key is not there (`missingKey: 'error'`); a value has the wrong type for
 * what is done with it; a function failed; a template that is called is not defined; or a bound was reached.
 */
export type Reason = 'syntax' | 'missing key' | 'type' | 'call' | 'template' | 'bound';

export interface Place {
  /** From 1. */
  readonly line: number;
  /** Bytes before it in its line, from 0 as Go counts; -1 where Go names none: when a template does not parse. */
  readonly column: number;
}

/** The message is Go's, `template: NAME:LINE:COLUMN: …`, but for values: they may be secrets, and are left out. */
export class TemplateError extends LockstepError {
  readonly line: number;
  readonly column: number;
  readonly reason: Reason;

  /** The message as bytes. */
  constructor(message: string, reason: Reason, { line, column }: Place) {
    super('invalidTemplate', toText(message));
    this.name = 'TemplateError';
    this.line = line;
    this.column = column;
    this.reason = reason;
  }
}

/** What a function throws to fail: the engine adds where, and `error calling NAME: `. */
export class FunctionError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'FunctionError';
  }
}

/** A bound was reached; the engine adds where. */
export class BoundError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'BoundError';
  }
}
