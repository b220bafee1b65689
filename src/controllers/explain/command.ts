/** `lockstep explain`: why a Secret is, or is not, what its store has. */
import { fail } from '../../errors.ts';
import { parseFlags } from '../../lib/program/arguments.ts';
import { accessFlags, apiOf } from '../access.ts';
import { told } from '../told.ts';
import { chainOf, type Link, readName } from './chain.ts';
import { readFacts } from './read.ts';

const USAGE = `Usage: lockstep explain externalsecret <namespace>/<name> [options]

  Shows the chain from an ExternalSecret to the keys at its stores, link by link: its condition, its Secret, its stores with
  their credentials, and which key goes where; and of what is wrong what to do. Values of Secrets are not read.

      $ lockstep explain externalsecret shop/db

  Ends with 2 when something is wrong, with 1 when it could not be looked at.

Options:

  -kubeconfig=<path>         Default $KUBECONFIG, or ~/.kube/config.
  -context=<name>            Its context; default the current one.
  -allow-exec                Run the program that the kubeconfig names for credentials.
  -in-cluster                Ask the API server of this pod.
  -controller-class=<name>   That of the controller that is meant. Default "default".
`;

const OPTIONS = {
  ...accessFlags,
  'controller-class': { type: 'string', default: 'default' },
  help: { type: 'boolean', short: 'h' },
} as const;

const KINDS: ReadonlySet<string> = new Set(['externalsecret', 'externalsecrets', 'es']);
const SIGNS = { well: '+', wrong: '!', unknown: '?' } as const;
const WRONG = 2;

const textOf = (links: readonly Link[]): string =>
  links
    .flatMap(({ mark, depth, what, remedy }) => {
      const margin = '  '.repeat(depth);
      return [`${margin}${SIGNS[mark]} ${what}`, ...(remedy === undefined ? [] : [`${margin}    -> ${remedy}`])];
    })
    .map((line) => `${line}\n`)
    .join('');

/** Throws `invalidConfig`. */
function nameOf([kind, text, ...more]: readonly string[]): { readonly namespace: string; readonly name: string } {
  const name = readName(text ?? '');
  if (more.length > 0 || name === undefined || !KINDS.has(kind?.toLowerCase() ?? '')) {
    throw fail('invalidConfig', 'say what: lockstep explain externalsecret <namespace>/<name> (-h tells more)');
  }
  return name;
}

async function explain(argv: readonly string[]): Promise<number> {
  const values = parseFlags(
    argv.filter((each) => each.startsWith('-')),
    OPTIONS,
  );
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const name = nameOf(argv.filter((each) => !each.startsWith('-')));
  const api = await apiOf(values);
  try {
    const facts = await readFacts(api, name, { controllerClass: values['controller-class'], now: Date.now() });
    if (facts === undefined) throw fail('invalidConfig', `there is no ExternalSecret ${name.namespace}/${name.name}`);
    const links = chainOf(facts);
    process.stdout.write(textOf(links));
    return links.some(({ mark }) => mark === 'wrong') ? WRONG : 0;
  } finally {
    api.close();
  }
}

export const run = (argv: readonly string[]): Promise<number> => told(() => explain(argv));
