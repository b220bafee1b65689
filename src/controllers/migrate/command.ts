/** `lockstep migrate eso`: from External Secrets Operator to our controller, in a live cluster. */
import { setTimeout as sleep } from 'node:timers/promises';
import { headedTable } from '../../cli/table.ts';
import { fail } from '../../errors.ts';
import type { KubernetesApi } from '../../kube/api.ts';
import { keyOf } from '../../kube/objects.ts';
import { parseFlags } from '../../lib/program/arguments.ts';
import { accessFlags, apiOf } from '../access.ts';
import { told } from '../told.ts';
import { NAMESPACE } from '../manifests.ts';
import { accountPatterns } from '../rights.ts';
import { survey, type Survey } from './survey.ts';
import { takeOver, type Step } from './take-over.ts';

const USAGE = `Usage: lockstep migrate eso [options]

  Reads what a cluster has of External Secrets Operator, and says of each object whether it works, differs or is not supported under
  \`lockstep controller\`, field by field. Nothing is changed without -apply.

      $ lockstep migrate eso -context=prod-eu
      $ lockstep migrate eso -context=prod-eu -apply

  -apply stops its controller, puts our kinds in place of its kinds, and applies the rights of ours. No Secret is written, and no object of
  yours. Cut off, it is run again. It refuses where something is not supported. Ends with 2 then, and without -apply likewise.

Options:

  -apply                     Take over.
  -accept-unsupported        Also where objects are not supported: what they name stays as it is.
  -token-accounts=<list>     As of \`controller manifests\`; default those that the stores name.
  -namespace=<name>          Where our controller will run. Default lockstep-system.
  -image=<image>             Start it, too: as of \`controller manifests\`.
  -format=<format>           table or json. Default table.
  -kubeconfig=<path>         Default $KUBECONFIG, or ~/.kube/config.
  -context=<name>            Its context; default the current one.
  -allow-exec                Run the program that the kubeconfig names for credentials.
  -in-cluster                Ask the API server of this pod.
`;

const OPTIONS = {
  ...accessFlags,
  apply: { type: 'boolean' },
  'accept-unsupported': { type: 'boolean' },
  'token-accounts': { type: 'string' },
  namespace: { type: 'string', default: NAMESPACE },
  image: { type: 'string' },
  format: { type: 'string', default: 'table' },
  help: { type: 'boolean', short: 'h' },
} as const;

const UNSUPPORTED = 2;
const PAUSE_MS = 500;

type Verdict = 'works' | 'differs' | 'unsupported';

const verdictOf = (notes: readonly { readonly verdict: Verdict }[]): Verdict =>
  notes.some(({ verdict }) => verdict === 'unsupported') ? 'unsupported' : notes.length > 0 ? 'differs' : 'works';

interface Report extends Survey {
  readonly steps: readonly Step[];
  readonly dry: boolean;
}

const count = ({ findings }: Survey, of: Verdict): number =>
  findings.filter(({ notes }) => verdictOf(notes) === of).length;

/** Why it is not to be taken over as it stands. */
const obstaclesOf = (found: Survey): readonly string[] => [
  ...(count(found, 'unsupported') === 0 ? [] : [`${String(count(found, 'unsupported'))} objects are not supported`]),
  ...found.otherKinds.map(
    ({ kind, count: objects }) => `${String(objects)} objects of the kind ${kind}, which is not offered`,
  ),
];

function tableOf(report: Report): string {
  const rows = report.findings.flatMap(({ notes, kind, ...key }) =>
    notes.map(({ verdict, field, what }) => [verdict, `${kind} ${keyOf(key)}`, field, what]),
  );
  const counts = (['works', 'differs', 'unsupported'] as const).map((each) => `${String(count(report, each))} ${each}`);
  const steps = report.steps.map(({ what, state }) => [state, what]);
  const old = report.oldVersions.map(
    (name) =>
      `${name} holds, or held, objects of a version that is not served: rewrite them, then remove it from status.storedVersions`,
  );
  return [
    `${String(report.findings.length)} objects: ${counts.join(', ')}`,
    ...report.otherKinds.map(
      ({ kind, count: objects }) => `not offered: the kind ${kind}, of which there are ${String(objects)}`,
    ),
    ...old,
    ...(rows.length === 0 ? [] : ['', headedTable(['Verdict', 'Object', 'Field', 'What'], rows)]),
    ...(steps.length === 0 ? [] : ['', headedTable(['State', 'Step'], steps)]),
    '',
    `Service accounts that stores log in by (-token-accounts): ${report.accounts.join(',') || 'none'}`,
    ...nextOf(report),
  ].join('\n');
}

function nextOf({ dry, operators }: Report): readonly string[] {
  if (dry) return ['Nothing was changed: -apply takes over.'];
  const warning =
    'Do not `helm uninstall` External Secrets Operator where its chart brought the kinds: that deletes them, all objects and all Secrets they own.';
  return ['Now start `lockstep controller`, unless -image did.', ...(operators.length === 0 ? [] : [warning])];
}

const parse = (argv: readonly string[]) => parseFlags(argv, OPTIONS);
type Values = ReturnType<typeof parse>;

/** Why it is not taken over although that was asked for. */
function refusalsOf(found: Survey, values: Values): readonly string[] {
  if (values.apply !== true) return [];
  const obstacles = values['accept-unsupported'] === true ? [] : obstaclesOf(found);
  return [
    ...obstacles.map((each) => `${each} (-accept-unsupported takes over all the same)`),
    // The API server would refuse it half-way.
    ...found.oldVersions.map((name) => `${name} may hold objects of an old version`),
  ];
}

function show({ operators, ...report }: Report, format: string): void {
  const json = { ...report, operators: operators.map(({ metadata }) => keyOf(metadata)) };
  const text = format === 'json' ? JSON.stringify(json, undefined, 2) : tableOf({ ...report, operators });
  process.stdout.write(`${text}\n`);
}

async function migrate(api: KubernetesApi, values: Values): Promise<number> {
  const found = await survey(api);
  const refusals = refusalsOf(found, values);
  const dry = values.apply !== true || refusals.length > 0;
  const accounts = accountPatterns(values['token-accounts'] ?? found.accounts.join(','));
  const { namespace, image } = values;
  const steps = await takeOver(api, found, { accounts, namespace, image, pause: () => sleep(PAUSE_MS) }, dry);
  show({ ...found, steps, dry }, values.format);
  if (refusals.length > 0) process.stderr.write(`Not taken over: ${refusals.join('; ')}\n`);
  return dry && obstaclesOf(found).length + refusals.length > 0 ? UNSUPPORTED : 0;
}

async function start([source, ...more]: readonly string[]): Promise<number> {
  const values = parse(source === 'eso' ? more : [source ?? '', ...more].filter((each) => each !== ''));
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (source !== 'eso') throw fail('invalidConfig', 'say from what: lockstep migrate eso (-h tells more)');
  if (values.format !== 'table' && values.format !== 'json') throw fail('invalidConfig', '-format is table or json');
  const api = await apiOf(values);
  try {
    return await migrate(api, values);
  } finally {
    api.close();
  }
}

export const run = (argv: readonly string[]): Promise<number> => told(() => start(argv));
