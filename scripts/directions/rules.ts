/**
 * Which folder may import which: docs/architecture.md as rules that fail. A path names a file or a folder below src/.
 * Tests may import anything; what they show is that the parts work together.
 */
import type { Import } from './imports.ts';

interface Rule {
  /** What a reader of the failure should know. */
  readonly why: string;
  readonly from: readonly string[];
  readonly except?: readonly string[];
  /** With `only`, everything else below src/ is refused; with `never`, just these are. `self` is the plug-in's folder. */
  readonly only?: readonly string[];
  readonly never?: readonly string[];
}

const foundations = ['lib', 'errors.ts'];
/** Ways to a workload and to people: they talk to a server over HTTP like any foreign client. */
const delivery =
  'client cli kube controllers generators providers agent injector csi sealed mesh kms rotation fleet ledger posture'.split(
    ' ',
  );
const inside = ['core', 'storage', 'engines', 'auth', 'sys', 'server', 'regions', 'seal', 'registry.ts'];

const rules: readonly Rule[] = [
  { why: 'the error catalogue stands alone', from: ['errors.ts'], only: [] },
  { why: 'lib holds what has no home of its own', from: ['lib'], only: foundations },
  // A plug-in's contract names the store that its mount is given.
  { why: 'the framework is pure', from: ['framework'], only: ['framework', 'storage/store.ts', ...foundations] },
  { why: 'a store knows nothing of what it keeps', from: ['storage'], only: ['storage', ...foundations] },
  {
    why: 'a plug-in knows the contracts and the framework, not the core and no other plug-in',
    from: ['engines', 'auth'],
    only: ['self', 'framework', 'storage/store.ts', ...foundations],
  },
  {
    why: 'plug-ins are met through registry.ts alone',
    from: [''],
    except: ['registry.ts', 'engines', 'auth'],
    never: ['engines', 'auth'],
  },
  { why: 'the core is below what serves it', from: ['core'], never: ['server', 'sys', 'main.ts', ...delivery] },
  { why: 'delivery reaches a server through client/ alone', from: delivery, never: [...inside, 'main.ts'] },
  { why: 'main.ts is where all begins', from: [''], except: ['main.ts'], never: ['main.ts'] },
  { why: 'only tests import what is made for tests', from: [''], never: ['*test*'] },
];

/** Primitives are used where they are reviewed, and nowhere else. */
const cryptography = ['seal', 'engines', 'lib/crypto'];

/** What is wrong with an import of `src/`, or undefined. `packages` are those that an installed Lockstep has. */
export function problemOf({ from, to, typeOnly }: Import, packages: readonly string[]): string | undefined {
  if (!from.startsWith('src/') || isTest(from)) return undefined;
  const source = from.slice('src/'.length);
  if (to.startsWith('src/')) return rules.find((rule) => breaks(rule, source, to.slice('src/'.length)))?.why;
  if (/^(node:)?crypto$/.test(to) && !typeOnly && !cryptography.some((folder) => within(source, folder))) {
    return `cryptography is used in ${cryptography.join(', ')} alone`;
  }
  return typeOnly || to.startsWith('node:') ? undefined : unshipped(to, packages);
}

function unshipped(to: string, packages: readonly string[]): string | undefined {
  if (isPath(to)) return 'what an installed package needs lies in src/';
  const name = to.split('/', to.startsWith('@') ? 2 : 1).join('/');
  return packages.includes(name) ? undefined : `"${name}" is no dependency in package.json`;
}

function breaks(rule: Rule, source: string, target: string): boolean {
  if (!rule.from.some((folder) => within(source, folder))) return false;
  if (rule.except?.some((folder) => within(source, folder))) return false;
  if (rule.never?.some((folder) => within(target, folder))) return true;
  if (rule.only === undefined) return false;
  // A contract lies beside the plug-ins' folders (engines/engine.ts), and all of them may import it.
  const contract = `${top(source)}/` === target.slice(0, target.lastIndexOf('/') + 1);
  const own = rule.only.includes('self') && (contract || pluginOf(source) === pluginOf(target));
  return !own && !rule.only.some((folder) => within(target, folder));
}

function within(path: string, folder: string): boolean {
  if (folder === '*test*') return isTest(path);
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

/** Tests, and what only they use: conformance suites and test doubles; none of it is in the package. */
function isTest(path: string): boolean {
  return /[./](test|testing|fixture|conformance)\.ts$|\/(testing|conformance)\//.test(path);
}

function top(path: string): string {
  return path.split('/')[0] ?? path;
}

function pluginOf(path: string): string {
  return path.split('/', 2).join('/');
}

function isPath(target: string): boolean {
  return /^[^:]*\.(ts|mjs|js|json)$/.test(target) && !target.startsWith('@');
}
