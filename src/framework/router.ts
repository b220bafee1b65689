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
  rest: { readonly name: string; readonly path: Path<Mount> } | undefined;
  path: Path<Mount> | undefined;
}

export interface Router<Mount> {
  /** `path` is canonical and below the mount; one closing slash does not count, but stays in a `:rest...`. */
  match(path: string): Match<Mount> | undefined;
}

const empty = <Mount>(): Node<Mount> => ({
  literals: new Map(),
  param: undefined,
  rest: undefined,
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
      if (i !== segments.length - 1) throw new Error(`path "${path.pattern}": only the last segment may be a rest`);
      if (node.rest !== undefined) throw overlap(path.pattern, node.rest.path.pattern);
      node.rest = { name: segment.slice(1, -3), path };
      return;
    }
    node = descend(node, segment, path.pattern);
  }
  if (node.path !== undefined) throw overlap(path.pattern, node.path.pattern);
  node.path = path;
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
  return node.rest === undefined ? undefined : { path: node.rest.path, params: { [node.rest.name]: path.slice(from) } };
}

export function compileRouter<Mount>(paths: readonly Path<Mount>[]): Router<Mount> {
  const root = empty<Mount>();
  for (const path of paths) insert(root, path);
  return { match: (path) => find(root, path, 0) };
}
