/**
 * `${kubernetes_cluster}`, `${kubernetes_namespace}` and `${kubernetes_service_account}` in the paths of rules: the workload
 * that asks. A namespace of the same name in another cluster is another tenant (design rule 30), so each stands as a whole
 * segment behind what it belongs to: no two workloads are filled in to one path.
 */
import { fail } from '../../errors.ts';
import { problemOf } from './rule-path.ts';

/** What an identity must have all of. */
export interface Workload {
  /** By the mount that it logs in at, never by what its token says. */
  readonly cluster: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** In the order in which a path may name them. */
const NAMES: Readonly<Record<string, keyof Workload>> = {
  kubernetes_cluster: 'cluster',
  kubernetes_namespace: 'namespace',
  kubernetes_service_account: 'serviceAccount',
};
const ORDER = Object.keys(NAMES);
const written = (name: string): string => `\${${name}}`;

export const namesWorkload = (path: string): boolean => path.includes('${');

/** The texts of `path` in turn, and the names between them: odd places are names. undefined for a `${` without its `}`. */
export function workloadParts(path: string): readonly string[] | undefined {
  const parts = path.split(/\$\{([^{}]*)\}/);
  return parts.some((text, at) => at % 2 === 0 && namesWorkload(text)) ? undefined : parts;
}

/** undefined for a name that is none, and for nobody. */
export function workloadValue(name: string, workload: Workload | undefined): string | undefined {
  const field = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
  return field === undefined ? undefined : workload?.[field];
}

/** Throws `badRequest` for a path whose `${…}` would mean nothing, or more than one tenant. */
export function checkWorkloadPath(path: string): void {
  if (!namesWorkload(path)) return;
  const refuse = (why: string): Error => fail('badRequest', `failed to parse policy: path "${path}": ${why}`);
  const segments = path.split('/');
  let last = -1;
  for (const segment of segments) {
    if (!namesWorkload(segment)) continue;
    const name = /^\$\{([^{}]*)\}$/.exec(segment)?.[1];
    if (name === undefined)
      throw refuse('${…} stands alone between slashes: what is beside it could be another tenant’s');
    const at = ORDER.indexOf(name);
    if (at === -1) throw refuse(`there is no ${written(name)}: there are ${ORDER.map(written).join(', ')}`);
    const needed = ORDER[at - 1];
    // Which cluster's namespace, and which namespace's service account, is told by what stands before.
    if (needed !== undefined && !segments.slice(0, segments.indexOf(segment)).includes(written(needed))) {
      throw refuse(`${segment} needs ${written(needed)} before it: the same name elsewhere is another tenant`);
    }
    if (at <= last) throw refuse(`${segment} stands twice`);
    last = at;
  }
  const problem = path.includes('{{')
    ? undefined
    : problemOf(segments.map((each) => (namesWorkload(each) ? 'x' : each)).join('/'));
  if (problem !== undefined) throw refuse(problem);
}
