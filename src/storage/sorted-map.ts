import { compareKeys } from './key.ts';

interface Node<V> {
  readonly key: string;
  readonly value: V;
  readonly height: number;
  readonly left: Node<V> | undefined;
  readonly right: Node<V> | undefined;
}
type Tree<V> = Node<V> | undefined;

const height = <V>(tree: Tree<V>): number => tree?.height ?? 0;

function node<V>(entry: { key: string; value: V }, left: Tree<V>, right: Tree<V>): Node<V> {
  return { key: entry.key, value: entry.value, left, right, height: Math.max(height(left), height(right)) + 1 };
}

/** Rebuilds a node whose sides differ in height by two at most, by the AVL rotations. */
function balance<V>(entry: { key: string; value: V }, left: Tree<V>, right: Tree<V>): Node<V> {
  const lean = height(left) - height(right);
  if (lean > 1 && left !== undefined) {
    if (height(left.left) >= height(left.right)) return node(left, left.left, node(entry, left.right, right));
    const pivot = left.right;
    if (pivot !== undefined) return node(pivot, node(left, left.left, pivot.left), node(entry, pivot.right, right));
  }
  if (lean < -1 && right !== undefined) {
    if (height(right.right) >= height(right.left)) return node(right, node(entry, left, right.left), right.right);
    const pivot = right.left;
    if (pivot !== undefined) return node(pivot, node(entry, left, pivot.left), node(right, pivot.right, right.right));
  }
  return node(entry, left, right);
}

function insert<V>(tree: Tree<V>, key: string, value: V): Node<V> {
  if (tree === undefined) return node({ key, value }, undefined, undefined);
  const order = compareKeys(key, tree.key);
  if (order === 0) return { ...tree, value };
  return order < 0
    ? balance(tree, insert(tree.left, key, value), tree.right)
    : balance(tree, tree.left, insert(tree.right, key, value));
}

function first<V>(tree: Node<V>): Node<V> {
  let found = tree;
  while (found.left !== undefined) found = found.left;
  return found;
}

function remove<V>(tree: Tree<V>, key: string): Tree<V> {
  if (tree === undefined) return undefined;
  const order = compareKeys(key, tree.key);
  if (order < 0) return balance(tree, remove(tree.left, key), tree.right);
  if (order > 0) return balance(tree, tree.left, remove(tree.right, key));
  if (tree.left === undefined) return tree.right;
  if (tree.right === undefined) return tree.left;
  const next = first(tree.right);
  return balance(next, tree.left, remove(tree.right, next.key));
}

/**
 * An immutable map in key order (an AVL tree): a change gives a new map that shares all but one path with the old one, so
 * a snapshot is a reference, and costs nothing to keep or to let go.
 */
export class SortedMap<V> {
  readonly #root: Tree<V>;

  constructor(root?: Node<V>) {
    this.#root = root;
  }

  get isEmpty(): boolean {
    return this.#root === undefined;
  }

  get(key: string): V | undefined {
    let tree = this.#root;
    while (tree !== undefined) {
      const order = compareKeys(key, tree.key);
      if (order === 0) return tree.value;
      tree = order < 0 ? tree.left : tree.right;
    }
    return undefined;
  }

  set(key: string, value: V): SortedMap<V> {
    return new SortedMap(insert(this.#root, key, value));
  }

  delete(key: string): SortedMap<V> {
    return this.get(key) === undefined ? this : new SortedMap(remove(this.#root, key));
  }

  /** Entries from `start` on (behind it, if `exclusive`), in key order. */
  *from(start: string, exclusive: boolean): Generator<readonly [key: string, value: V], undefined> {
    const path: Node<V>[] = [];
    let tree = this.#root;
    while (tree !== undefined) {
      const order = compareKeys(tree.key, start);
      const wanted = exclusive ? order > 0 : order >= 0;
      if (wanted) path.push(tree);
      tree = wanted ? tree.left : tree.right;
    }
    for (let top = path.pop(); top !== undefined; top = path.pop()) {
      yield [top.key, top.value];
      for (let next = top.right; next !== undefined; next = next.left) path.push(next);
    }
  }
}
