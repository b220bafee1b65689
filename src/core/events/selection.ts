/** What a client of Vault's events asks for beside the event type: namespaces, and a filter of metadata. */
import { fail } from '../../errors.ts';
import { parseExpression, type Selector } from '../audit/filter/expression.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import { typeMatches } from './patterns.ts';
import type { Told } from './subscription.ts';

export type Selected = (told: Pick<Told, 'mounted' | 'change'>) => boolean;

/** Vault's names of what a filter compares. */
const FIELDS: Readonly<Record<string, (told: Parameters<Selected>[0]) => string>> = {
  event_type: ({ change }) => change.type,
  operation: ({ change }) => change.type.slice(change.type.indexOf('/') + 1),
  source_plugin_mount: ({ mounted }) => mounted.path,
  data_path: ({ mounted, change }) => mounted.path + change.dataPath,
  namespace: ({ mounted }) => mounted.record.namespace ?? '',
};

const MOST = 64;
const LONGEST = 1_024;

/** Throws `badRequest` for what cannot be read, or compares something that no event has. */
function filterOf(text: string): Selected {
  const check = (selector: Selector): void => {
    if (selector.length === 1 && Object.hasOwn(FIELDS, selector[0] ?? '')) return;
    const known = Object.keys(FIELDS).join(', ');
    throw fail('badRequest', `"filter" compares "${selector.join('.')}", which events do not have: ${known}`);
  };
  const expression = parseExpression(text, check);
  return (told) => expression(([name = '']) => FIELDS[name]?.(told));
}

/** A glob of a namespace's path, below the one that is asked in. */
function globOf(given: string): string {
  const glob = given.replace(/^\/|\/$/g, '');
  const bad = glob === '' || glob.length > LONGEST || glob.split('/').some((part) => ['', '.', '..'].includes(part));
  if (bad) throw fail('badRequest', '"namespaces" names namespaces below this one by path: a, a/b, a*, *');
  return `${glob}/`;
}

/** The namespace itself, and those below it that are named. Throws `badRequest`. */
function namespacesOf({ path }: Namespace, given: readonly string[]): Selected {
  if (given.length > MOST) throw fail('badRequest', `at most ${String(MOST)} "namespaces" can be named`);
  const globs = given.map((each) => globOf(each));
  return ({ mounted }) => {
    const own = mounted.record.namespace ?? '';
    if (own === path) return true;
    return own.startsWith(path) && globs.some((glob) => typeMatches(glob, own.slice(path.length)));
  };
}

/** Throws `badRequest`. */
export function selection(
  namespace: Namespace,
  { filter, namespaces }: { readonly filter: string | undefined; readonly namespaces: readonly string[] },
): Selected {
  const within = namespacesOf(namespace, namespaces);
  if (filter === undefined || filter === '') return within;
  const matches = filterOf(filter);
  return (told) => within(told) && matches(told);
}
