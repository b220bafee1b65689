/** Why a source is no program here, and why a program gave no answer. */

export interface Place {
  /** From 1. */
  readonly line: number;
  /** In UTF-16 units, from 1. */
  readonly column: number;
}

/** A source that is refused. The message has the reason and, in front of it, the place. */
export class CelRefused extends Error implements Place {
  readonly line: number;
  readonly column: number;
  /** The variable whose expression it is; undefined for the program's own. */
  readonly variable: string | undefined;

  constructor(reason: string, { line, column }: Place, variable?: string) {
    super(`${variable === undefined ? '' : `variable "${variable}": `}${String(line)}:${String(column)}: ${reason}`);
    this.name = 'CelRefused';
    this.line = line;
    this.column = column;
    this.variable = variable;
  }
}

export type Failure = 'error' | 'budget';

/** An evaluation that gave an error, or that did more than its budget allows. The message may quote a claim. */
export class CelFailed extends Error {
  readonly kind: Failure;
  /** The units that were spent until then. */
  readonly cost: number;

  constructor(kind: Failure, reason: string, cost: number, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'CelFailed';
    this.kind = kind;
    this.cost = cost;
  }
}
