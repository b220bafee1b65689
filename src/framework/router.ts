/**
 * Compiles path tables into a trie. At each segment a literal goes before `:name`, and `:name` before `:rest...`, so the
 * order of declaration never matters; two patterns that match the same paths fail here, at mount.
 */
import type { Path } from './path.ts';

export interface Match<Mount> {
  readonly path: Path<Mount>;
  readonly params: Readonly<Record<string, string>>;
}

interface Node<Mount> {
  readonly literals: Map<string, Node<Mount>>;
  param: { readonly name: string; readonly node: Node<Mount> } | undefined;
  rest: Rest<Mount> | undefined;
  /** By what follows the rest: `/tune` of `:path.../tune`. */
  readonly suffixed: Map<string, Rest<Mount>>;
  path: Path<Mount> | undefined;
}

interface Rest<Mount> {
  readonly name: string;
  readonly path: Path<Mount>;
}

export interface Router<Mount> {
  /** `path` is canonical and below the mount; one closing slash does not count, but stays in a `:rest...`. */
  match(path: string): Match<Mount> | undefined;
}

const empty = <Mount>(): Node<Mount> => ({
  literals: new Map(),
  param: undefined,
  rest: undefined,
  suffixed: new Map(),
  path: undefined,
});

function overlap(pattern: string, other: string): Error {
  return new Error(`paths "${pattern}" and "${other}" match the same requests: rename or merge one`);
}

function descend<Mount>(node: Node<Mount>, segment: string, pattern: string): Node<Mount> {
  if (!segment.startsWith(':')) {
    const known = node.literals.get(segment);
    if (known !== undefined) return known;
    const next = empty<Mount>();
    node.literals.set(segment, next);
    return next;
  }
  const name = segment.slice(1);
  if (node.param === undefined) node.param = { name, node: empty() };
  else if (node.param.name !== name) throw overlap(pattern, `:${node.param.name}`);
  return node.param.node;
}

function insert<Mount>(root: Node<Mount>, path: Path<Mount>): void {
  const segments = path.pattern === '' ? [] : path.pattern.split('/');
  let node = root;
  for (const [i, segment] of segments.entries()) {
    if (segment.startsWith(':') && segment.endsWith('...')) {
      insertRest(node, { name: segment.slice(1, -3), path }, segments.slice(i + 1));
      return;
    }
    node = descend(node, segment, path.pattern);
  }
  if (node.path !== undefined) throw overlap(path.pattern, node.path.pattern);
  node.path = path;
}

function insertRest<Mount>(node: Node<Mount>, rest: Rest<Mount>, after: readonly string[]): void {
  const suffix = after.map((segment) => `/${segment}`).join('');
  if (suffix.includes(':')) throw new Error(`path "${rest.path.pattern}": only literals may follow a rest`);
  const known = suffix === '' ? node.rest : node.suffixed.get(suffix);
  if (known !== undefined) throw overlap(rest.path.pattern, known.path.pattern);
  if (suffix === '') node.rest = rest;
  else node.suffixed.set(suffix, rest);
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

function find<Mount>(node: Node<Mount>, path: string, from: number): Match<Mount> | undefined {
  if (from >= path.length) {
    if (node.path !== undefined) return { path: node.path, params: NO_PARAMS };
    return node.rest === undefined ? undefined : { path: node.rest.path, params: { [node.rest.name]: '' } };
  }
  const slash = path.indexOf('/', from);
  const segment = slash === -1 ? path.slice(from) : path.slice(from, slash);
  const next = slash === -1 ? path.length : slash + 1;
  const literal = node.literals.get(segment);
  const exact = literal === undefined ? undefined : find(literal, path, next);
  if (exact !== undefined) return exact;
  if (node.param !== undefined && segment !== '') {
    const below = find(node.param.node, path, next);
    if (below !== undefined) return { path: below.path, params: { ...below.params, [node.param.name]: segment } };
  }
  return findRest(node, path.slice(from));
}

function findRest<Mount>(node: Node<Mount>, rest: string): Match<Mount> | undefined {
  for (const [suffix, { name, path }] of node.suffixed) {
    const end = rest.endsWith('/') ? rest.slice(0, -1) : rest;
    if (end.length > suffix.length && end.endsWith(suffix)) {
      return { path, params: { [name]: end.slice(0, -suffix.length) } };
    }
  }
  return node.rest === undefined ? undefined : { path: node.rest.path, params: { [node.rest.name]: rest } };
}

export function compileRouter<Mount>(paths: readonly Path<Mount>[]): Router<Mount> {
  const root = empty<Mount>();
  for (const path of paths) insert(root, path);
  return { match: (path) => find(root, path, 0) };
}
