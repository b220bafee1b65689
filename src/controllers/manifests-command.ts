/** `lockstep controller manifests`: what a cluster needs for the controllers, as YAML. */
import { parseFlags } from '../lib/program/arguments.ts';
import { asYaml, manifests, NAMESPACE } from './manifests.ts';
import { accountPatterns, targetPatterns } from './rights.ts';

const USAGE = `Usage: lockstep controller manifests [options]

  Prints what a cluster needs for \`lockstep controller\`: kinds, a service account and its rights, and on demand admission policies and
  pods. Nothing is asked of a cluster.

      $ lockstep controller manifests -token-accounts='shop/reader,billing/*' | kubectl apply --server-side -f -

Options:

  -namespace=<name>          Where it runs. Default lockstep-system.
  -only-namespace=<name>     The only one that it looks at (its own -namespace): then it has rights nowhere else.
  -token-accounts=<list>     Service accounts that stores log in by, as <namespace>/<name>, <namespace>/* or */*, with commas
                             between: it may ask for their tokens. Default none.
  -generic-targets=<list>    Other objects than Secrets that it may make (target.manifest), as configmaps or <plural>.<group>, with commas between. It
                             needs -unsafe-allow-generic-targets then, which -image brings. Default none.
  -token-audiences=<list>    A policy that refuses it tokens of other audiences, and of none: those would be for the API server.
  -require-use               A policy by which an object that names a store is made by those alone who have the verb "use" on it.
  -image=<image>             A Deployment of two, with a PodDisruptionBudget.
`;

const OPTIONS = {
  namespace: { type: 'string', default: NAMESPACE },
  'only-namespace': { type: 'string' },
  'token-accounts': { type: 'string', default: '' },
  'generic-targets': { type: 'string', default: '' },
  'token-audiences': { type: 'string', default: '' },
  'require-use': { type: 'boolean' },
  image: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const listOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');

/** Throws `invalidConfig`. */
export function printManifests(argv: readonly string[]): void {
  const values = parseFlags(argv, OPTIONS);
  if (values.help === true) {
    process.stdout.write(USAGE);
    return;
  }
  const accounts = accountPatterns(values['token-accounts']);
  const objects = manifests(values.namespace, {
    ...{ accounts, audiences: listOf(values['token-audiences']), scope: values['only-namespace'] },
    targets: targetPatterns(values['generic-targets']),
    ...{ requireUse: values['require-use'] === true, image: values.image },
  });
  process.stdout.write(asYaml(objects));
  if (accounts.length > 0) return;
  process.stderr.write(
    'No store may log in by a service account (serviceAccountRef): allow it with -token-accounts=<namespace>/<name>,…\n',
  );
}
