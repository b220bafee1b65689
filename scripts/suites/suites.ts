/** Which test files make up which suite, how many run at once, and how long one file may take. */
import { globSync } from 'node:fs';

export interface Suite {
  readonly files: string;
  /** Files at once. Suites that measure time or use the whole machine run alone. */
  readonly atOnce: number;
  readonly secondsPerFile: number;
}

const minutes = 60;

export const suites = {
  unit: { files: '{src,scripts,bench}/**/*.test.ts', atOnce: 3, secondsPerFile: 2 * minutes },
  integration: { files: 'test/integration/**/*.test.ts', atOnce: 2, secondsPerFile: 3 * minutes },
  operations: { files: 'test/operations/**/*.test.ts', atOnce: 2, secondsPerFile: 5 * minutes },
  simulator: { files: 'test/simulator/**/*.test.ts', atOnce: 2, secondsPerFile: 15 * minutes },
  faults: { files: 'test/faults/**/*.test.ts', atOnce: 1, secondsPerFile: 15 * minutes },
  fuzz: { files: 'test/fuzz/**/*.test.ts', atOnce: 2, secondsPerFile: 10 * minutes },
  clients: { files: 'test/clients/**/*.test.ts', atOnce: 2, secondsPerFile: 15 * minutes },
  e2e: { files: 'test/e2e/**/*.test.ts', atOnce: 1, secondsPerFile: 15 * minutes },
  kubernetes: { files: 'test/kubernetes/**/*.test.ts', atOnce: 1, secondsPerFile: 30 * minutes },
  spiffe: { files: 'test/spiffe/**/*.test.ts', atOnce: 1, secondsPerFile: 20 * minutes },
  package: { files: 'test/package/**/*.test.ts', atOnce: 1, secondsPerFile: 5 * minutes },
} as const satisfies Readonly<Record<string, Suite>>;

export type SuiteName = keyof typeof suites;

export function isSuite(name: string): name is SuiteName {
  return Object.hasOwn(suites, name);
}

export function filesOf(name: SuiteName, root: string): readonly string[] {
  return globSync(suites[name].files, { cwd: root }).sort();
}

/** Test files that no suite would ever run. */
export function orphans(root: string): readonly string[] {
  const known = new Set(Object.keys(suites).flatMap((name) => (isSuite(name) ? filesOf(name, root) : [])));
  const all = globSync('{src,scripts,test,bench,examples,deploy}/**/*.test.ts', { cwd: root });
  return all.filter((file) => !known.has(file)).sort();
}
