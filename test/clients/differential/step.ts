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
  /** Name → where it lies in the reply, with dots: `auth.client_token`, `keys.0`. */
  readonly keep?: Readonly<Record<string, string>>;
  /** Asked again until its status is this one: what a server does by itself has to be done first. */
  readonly until?: number;
  /** Members whose lists OpenBao takes out of a Go map: compared without their order. */
  readonly unordered?: readonly string[];
  /** What is wrong with it, or with the one that it follows: `number as "x"`. */
  readonly wrong?: string;
  /** Reads what the one before has done: nothing to compare where that was done by one of the two alone. */
  readonly follows?: true;
}

type More = Omit<Step, 'method' | 'path' | 'body'>;

export const get = (path: string, more: More = {}): Step => ({ method: 'GET', path, ...more });
export const list = (path: string, more: More = {}): Step => ({ method: 'LIST', path, ...more });
export const remove = (path: string, more: More = {}): Step => ({ method: 'DELETE', path, ...more });
export const post = (path: string, body?: unknown, more: More = {}): Step =>
  body === undefined ? { method: 'POST', path, ...more } : { method: 'POST', path, body, ...more };
export const patch = (path: string, body: unknown, more: More = {}): Step => ({ method: 'PATCH', path, body, ...more });

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
