/** Requests as a list that any server can be given: what one server answers is named, and used in later steps. */

export interface Step {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'LIST';
  /** Below `/v1/`. `{name}` stands for what an earlier step kept. */
  readonly path: string;
  /** Names of `{…}` are filled in in strings. */
  readonly body?: unknown;
  /** As `path`; the root token where it is left out, none where it is empty. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Name → where it lies in the reply, with dots: `auth.client_token`. */
  readonly keep?: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
