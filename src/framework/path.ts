/**
 * Path tables: one declaration a path gives routing, coercion, validation, OpenAPI, path-help, CLI help, forwarding and
 * the list of open paths. Nothing about a path stands anywhere else.
 */
import type { LockstepError } from '../errors.ts';
import type { Call } from './call.ts';
import type { Field, Fields, Values } from './field.ts';
import type { Reply } from './reply.ts';

/**
 * What an operation writes decides, before its handler runs, where the request is served; and one that changes nothing, not
 * even in memory, may run while its request is still being put on record.
 */
export type Writes = 'nothing' | 'local' | 'shared';

export type Verb = 'read' | 'update' | 'patch' | 'delete' | 'list' | 'scan';
export const verbs: readonly Verb[] = ['read', 'update', 'patch', 'delete', 'list', 'scan'];

/** Whether a token needs `sudo` for such a path, where one is asked for. */
export function needsSudo(access: Path<never>['access']): boolean {
  return access === 'root' || access === 'rekey' || access === 'generate-root';
}

/** Whom a login is for. It proves nothing. */
export interface LoginAlias {
  /** In the one form in which the method knows its user: without regard to case or blanks where it has none. */
  readonly name: string;
  /** Whether there is such a user. Asked after a login failed. */
  readonly exists: () => boolean;
}

export interface Operation<V, Mount> {
  readonly summary: string;
  /** Needs `sudo`, where the path's other operations do not. */
  readonly sudo?: true;
  readonly writes: Writes;
  /** Status to the fields of `data`; every reply is checked against this in tests. 'any': the data is the caller's own. */
  readonly replies: Readonly<Record<number, Fields | 'empty' | 'any'>>;
  /** Of every other status, where the caller chooses it (`sys/health`). */
  readonly otherReplies?: Fields | 'empty' | 'any';
  /** Absent: Vault's envelope. `bare`: the data alone. Media types: what is neither, such as `text/plain`. */
  readonly form?: 'bare' | readonly string[];
  /**
   * Of a login by what a person or a machine knows: whose it is, so that who guesses is locked out. Its `run` throws
   * `invalidCredentials` for what a guess gets wrong, and for nothing else. undefined: it says of nobody that it is theirs.
   */
  readonly loginAlias?: (mount: Mount, values: V) => LoginAlias | undefined;
  readonly run: (mount: Mount, values: V, call: Call) => Reply | Promise<Reply>;
}

export interface Declaration<F extends Fields, V, Mount> {
  readonly help: string;
  /** Longer text for path-help. */
  readonly description?: string;
  /**
   * Absent: a token and its policies decide. `root`: also needs `sudo`. `open`: no token is asked for. `metrics`: none is
   * asked for on listeners that serve metrics without one. `rekey` and `generate-root`: as `root`, but for listeners that
   * serve them without a token. `workflows`: none is asked for where workflows may be run without one.
   */
  readonly access?: 'open' | 'root' | 'metrics' | 'rekey' | 'generate-root' | 'workflows';
  /** What a caller is told, with 400, whose token is missing, used up or over. Absent: Vault's usual 403. */
  readonly badToken?: string;
  /** How a request is told that it is not served, where a standard says how (OAuth 2.0). undefined, or absent: Vault's way. */
  readonly refusal?: (error: LockstepError) => Reply | undefined;
  /**
   * Of `sys/`: served in every namespace, about that one. Absent: in the root namespace alone, since what is not about a
   * namespace is about the node.
   */
  readonly namespaces?: true;
  /** Served while the node is sealed or not initialised (`sys/health`, `sys/unseal` …). */
  readonly sealed?: true;
  readonly fields: F;
  /** `anything`: the body's own keys are the caller's data (KV v1, cubbyhole) and stand in `call.body`. */
  readonly body?: 'declared' | 'anything';
  /**
   * Tells `create` from `update` for policies: true when the thing is there already. Absent: every POST is an `update`.
   */
  readonly exists?: (mount: Mount, values: V, call: Call) => boolean;
  readonly operations: { readonly [O in Verb]?: Operation<V, Mount> };
}

/** A declared path with its field types erased: what a plug-in lists and the router compiles. */
export interface Path<Mount> extends Declaration<Fields, never, Mount> {
  /**
   * Segments: literal, `:name` (one segment, not empty) or `:name...` (the rest, slashes and emptiness included), which
   * only literals may follow.
   */
  readonly pattern: string;
}

type Bare<N extends string> = N extends `${infer B}...` ? B : N;
/** Every `:name` of the pattern must be a field, or the declaration does not compile. */
export type Names<P extends string> = P extends `${string}:${infer N}/${infer R}`
  ? Bare<N> | Names<R>
  : P extends `${string}:${infer N}`
    ? Bare<N>
    : never;

/** `const at = pathsOf<Mount>()` in each file; `run` then receives its values typed from `fields`. */
export function pathsOf<Mount>() {
  return <P extends string, F extends Fields & Record<Names<P>, Field<string>>>(
    pattern: P,
    declaration: Declaration<F, Values<F>, Mount>,
  ): Path<Mount> => ({ pattern, ...declaration });
}
