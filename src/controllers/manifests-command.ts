/** `lockstep controller manifests`: what a cluster needs for the controllers, as YAML. */
import { stringify } from 'yaml';
import { fail } from '../errors.ts';
import { parseFlags } from '../lib/program/arguments.ts';
import { manifests, NAMESPACE, type Manifest } from './manifests.ts';
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
  -webhook                   Has API servers ask the controller about templates before they are stored: its -webhook-addr, which -image brings.
  -webhook-url=<url>         Where it answers, as https://host:port, if it does not run in this cluster. Default: by a Service.
  -image=<image>             A Deployment of two, with a PodDisruptionBudget.
`;

const OPTIONS = {
  namespace: { type: 'string', default: NAMESPACE },
  'only-namespace': { type: 'string' },
  'token-accounts': { type: 'string', default: '' },
  'generic-targets': { type: 'string', default: '' },
  'token-audiences': { type: 'string', default: '' },
  'require-use': { type: 'boolean' },
  webhook: { type: 'boolean' },
  'webhook-url': { type: 'string' },
  image: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const listOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');

/** Throws `invalidConfig`. */
function webhookOf({ webhook = false, 'webhook-url': url }: { webhook?: boolean; 'webhook-url'?: string }) {
  if (url !== undefined && !webhook) throw fail('invalidConfig', '-webhook-url needs -webhook');
  // API servers take no user, query or fragment, and https alone.
  const bare = url?.replace(/\/$/, '');
  if (bare !== undefined && !(URL.canParse(bare) && new URL(bare).origin === bare && bare.startsWith('https:')))
    throw fail('invalidConfig', '-webhook-url is written as https://host:port');
  return webhook ? { url: bare } : undefined;
}

const asYaml = (objects: readonly Manifest[]): string =>
  objects.map((each) => `---\n${stringify(each, { aliasDuplicateObjects: false })}`).join('');

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
    ...{ targets: targetPatterns(values['generic-targets']), webhook: webhookOf(values) },
    ...{ requireUse: values['require-use'] === true, image: values.image },
  });
  process.stdout.write(asYaml(objects));
  if (accounts.length > 0) return;
  process.stderr.write(
    'No store may log in by a service account (serviceAccountRef): allow it with -token-accounts=<namespace>/<name>,…\n',
  );
}
