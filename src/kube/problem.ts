interface ProblemOptions extends ErrorOptions {
  readonly status?: number;
  readonly reason?: string;
  readonly fields?: readonly string[];
}

/** A cluster that cannot be asked, or whose answer is of no use. The message says what to do, and holds no credential. */
export class KubernetesProblem extends Error {
  override readonly name = 'KubernetesProblem';
  /** The HTTP status, where the API server answered. */
  readonly status: number | undefined;
  /** The `reason` of its `metav1.Status`: `NotFound`, `AlreadyExists`, `Conflict`, `Expired` … */
  readonly reason: string | undefined;

  /** The fields that it refuses, as `metadata.labels`. */
  readonly fields: readonly string[];

  constructor(message: string, { status, reason, fields = [], ...options }: ProblemOptions = {}) {
    super(message, options);
    this.status = status;
    this.reason = reason;
    this.fields = fields;
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof KubernetesProblem && error.status === 404;

/** The object is there already, or was changed meanwhile: look again. */
export const isConflict = (error: unknown): boolean => error instanceof KubernetesProblem && error.status === 409;

/** The answer is longer than whoever asked takes. */
export const TOO_LARGE = 'ResponseTooLarge';

export const isTooLarge = (error: unknown): boolean => error instanceof KubernetesProblem && error.reason === TOO_LARGE;
