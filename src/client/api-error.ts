/** The server understood the request and answered with an error. */
export interface ApiErrorDetails {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  /** The server's own words, in order; empty when it gave none. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** The start of a body that was not the API's JSON. */
  readonly raw?: string | undefined;
  /** Milliseconds that the server asked to wait (`Retry-After`). */
  readonly retryAfterMs?: number | undefined;
}

export class ApiError extends Error implements ApiErrorDetails {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly raw: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(details: ApiErrorDetails) {
    super(describe(details));
    this.name = 'ApiError';
    this.method = details.method;
    this.url = details.url;
    this.status = details.status;
    this.errors = details.errors;
    this.warnings = details.warnings;
    this.raw = details.raw;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** In the shape that people and scripts know from Vault's clients. */
function describe({ method, url, status, errors, raw }: ApiErrorDetails): string {
  const heading = `Error making API request.\n\nURL: ${method} ${url}\nCode: ${status}.`;
  if (raw !== undefined) return `${heading} Raw Message:\n\n${raw}`;
  return `${heading} Errors:\n\n${errors.map((error) => `* ${error}`).join('\n')}`;
}
