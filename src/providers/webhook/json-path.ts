/** `result.jsonPath`: the value that an answer holds there (RFC 9535). The library is loaded when the first is used. */
import type { JSONValue } from 'json-p3';
import { ProviderProblem } from '../contract.ts';

/** Patterns of these run on JavaScript's engine, which a short text can hold up for hours. */
const REFUSED = ['match', 'search'];

const LONGEST = 4_096;
/** Characters of it that a message repeats. */
const SHOWN = 200;
/** Values that one path may look at. A filter within a filter looks at each of them once for each, and nobody else is served meanwhile. */
const MOST_STEPS = 250_000;

/** Throws once they are used up. */
class Steps {
  #left = MOST_STEPS;

  spend(count: number): void {
    this.#left -= count;
    if (this.#left < 0) throw new Error(`it looks at more than ${String(MOST_STEPS)} values: name them more exactly`);
  }

  /** What a look at all of it costs: a comparison may come to that. */
  spendAll(value: unknown): void {
    this.spend(1);
    if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) this.spendAll(each);
  }
}

const widthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? Object.keys(value).length : 0;

/** Of the library's syntax tree: a selector resolves a node, an expression evaluates to values or to nodes. */
interface Part {
  resolve?: (node: { readonly value: unknown }) => readonly unknown[];
  evaluate?: (context: unknown) => unknown;
}

const isPart = (value: unknown): value is Part & Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Has every selector and every expression of the tree below count what it looks at. `seen`: left as it is. */
function counted(tree: unknown, steps: Steps, seen: Set<unknown>): void {
  if (!isPart(tree) || seen.has(tree)) return;
  seen.add(tree);
  for (const each of Object.values(tree)) counted(each, steps, seen);
  const { resolve, evaluate } = tree;
  if (typeof resolve === 'function' && !('selectors' in tree)) {
    tree.resolve = (node) => {
      steps.spend(1 + widthOf(node.value));
      return resolve.call(tree, node);
    };
  }
  if (typeof evaluate === 'function') {
    tree.evaluate = (context) => {
      steps.spend(1);
      const value = evaluate.call(tree, context);
      const nodes: unknown = isPart(value) ? value['nodes'] : undefined;
      for (const node of Array.isArray(nodes) ? nodes : []) if (isPart(node)) steps.spendAll(node['value']);
      return value;
    };
  }
}

/** Undefined: nothing is there. Of several values the first, as in External Secrets Operator. Rejects with `ProviderProblem`. */
export async function valueAt(path: string, document: unknown): Promise<unknown> {
  if (path.length > LONGEST)
    throw new ProviderProblem('invalid', `result.jsonPath has more than ${String(LONGEST)} characters`);
  const { JSONPathEnvironment } = await import('json-p3');
  const environment = new JSONPathEnvironment();
  for (const each of REFUSED) environment.functionRegister.delete(each);
  try {
    const query = environment.compile(path);
    counted(query.segments, new Steps(), new Set([environment]));
    const first: unknown = query.match(document as JSONValue)?.value;
    return Array.isArray(first) ? first[0] : first;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'not valid';
    // Of a long one the reason would be cut off.
    const named = path.length <= SHOWN ? path : `${path.slice(0, SHOWN).toWellFormed()}…`;
    throw new ProviderProblem('invalid', `result.jsonPath "${named}": ${why}`, { cause: error });
  }
}
