/**
 * Profiles, in OpenBao's form: requests made one after the other, whose parts are values or are worked out from what was
 * asked and answered before. `initialize` blocks and workflows are profiles.
 * Facts: OpenBao's page "Profile System", and its server 2.7.2.
 */
import type { Json } from '../hcl/free.ts';

export interface ProfileRequest {
  readonly name: string;
  /** One of `OPERATIONS`, or a source of one; so with all that follows. */
  readonly operation?: Json | undefined;
  /** Below `/v1/`; may begin with a namespace. */
  readonly path?: Json | undefined;
  readonly token?: Json | undefined;
  readonly data?: Json | undefined;
  /** Name → a text, or a list of one. */
  readonly headers?: Json | undefined;
  readonly when?: Json | undefined;
  readonly allow_failure?: Json | undefined;
}

export interface ProfileBlock {
  readonly name: string;
  readonly when?: Json | undefined;
  readonly request: readonly ProfileRequest[];
}

/** What one use of the engine offers. */
export interface ProfileKind {
  /** What its outer blocks are called: sources name them by `<outer>_name`. */
  readonly outer: 'initialize' | 'flow';
  readonly sources: readonly SourceName[];
}

export type SourceName = 'env' | 'file' | 'request' | 'response' | 'input' | 'cel' | 'template';

/** What a request can do, and the verb of our API for it. */
export const OPERATIONS = {
  create: 'update',
  read: 'read',
  update: 'update',
  patch: 'patch',
  delete: 'delete',
  list: 'list',
  scan: 'scan',
} as const;

export type OperationName = keyof typeof OPERATIONS;

export const isOperation = (name: unknown): name is OperationName =>
  typeof name === 'string' && Object.hasOwn(OPERATIONS, name);

export type JsonMap = { readonly [name: string]: Json };

export const isMap = (value: Json | undefined): value is JsonMap => typeof value === 'object' && !Array.isArray(value);

/** A value that is worked out when it is needed. */
export const isSource = (value: Json | undefined): value is JsonMap =>
  isMap(value) && ('eval_source' in value || 'eval_type' in value);

/** `flow "a" request "b"`: how messages name a request. */
export const placeOf = ({ outer }: ProfileKind, block: string, request?: string): string =>
  request === undefined ? `${outer} "${block}"` : `${outer} "${block}" request "${request}"`;
