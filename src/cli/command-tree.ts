import { allFlags } from './all-flags.ts';
import type { Command, Group } from './command.ts';
import type { Flag } from './flags.ts';
import { programs, verbs } from './verbs.ts';

/** A place in the tree of commands: what completion and docs are made from. */
export interface Branch {
  /** Empty for the root. */
  readonly path: readonly string[];
  readonly children: readonly { readonly name: string; readonly summary: string }[];
  readonly flags: readonly (readonly [string, Flag<unknown>])[];
  readonly node: Command | Group | undefined;
}

/** The root first, then each verb with all below it, depth first. */
export async function commandTree(): Promise<readonly Branch[]> {
  const names = Object.keys(verbs).sort();
  const nodes = await Promise.all(names.map(async (name) => ({ name, node: await verbs[name]?.() })));
  const known = nodes.flatMap(({ name, node }) => (node === undefined ? [] : [{ name, node }]));
  const own = known.map(({ name, node }) => ({ name, summary: node.summary }));
  const others = Object.entries(programs).map(([name, summary]) => ({ name, summary }));
  const children = [...own, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  const root: Branch = { path: [], children, flags: [], node: undefined };
  return [root, ...known.flatMap(({ name, node }) => branches([name], node))];
}

function branches(path: readonly string[], node: Command | Group): Branch[] {
  if (node.kind === 'command') {
    const flags = Object.entries(allFlags(node)).sort(([a], [b]) => (a < b ? -1 : 1));
    return [{ path, children: [], flags, node }];
  }
  const entries = Object.entries(node.commands);
  const children = entries.map(([name, child]) => ({ name, summary: child.summary }));
  return [{ path, children, flags: [], node }, ...entries.flatMap(([name, child]) => branches([...path, name], child))];
}
