/** `operator import vault`: moves in from Vault or OpenBao, over both sides' HTTP API. */
import { Client } from '../../client/client.ts';
import { readText } from '../pairs.ts';
import { command, group } from '../command.ts';
import type { Context } from '../context.ts';
import { during, exit } from '../errors.ts';
import { flag, UsageError, type ValuesOf } from '../flags.ts';
import { importAll } from './everything.ts';
import { filterOf } from './filter.ts';
import { Progress } from './progress.ts';
import { Report, type Item, type Outcome } from './report.ts';
import type { Mode } from './run.ts';
import { openState, readOnlyState, type Route } from './state.ts';

/** The import came to its end, but something is left to look at. */
const UNFINISHED = 3;
const MOST_PARALLEL = 64;
/** Seconds. */
const DEFAULT_PATIENCE = 300;

const flags = {
  'source-address': flag.text('Address of the server to copy from.', { value: 'url' }),
  'source-token-file': flag.path('File with its token; or VAULT_SOURCE_TOKEN. Never an argument.'),
  'source-namespace': flag.text('Copy this namespace and those below; default: the root namespace.'),
  'source-ca-cert': flag.path('CA certificates in PEM to check the source by.'),
  'source-client-cert': flag.path('Client certificate in PEM for the source.'),
  'source-client-key': flag.path('Its private key in PEM.'),
  'source-tls-server-name': flag.text("Name to check the source's certificate for."),
  'source-tls-skip-verify': flag.boolean("Do not check the source's certificate. Unsafe."),
  'dry-run': flag.boolean('Write nothing: say what would be done.'),
  verify: flag.boolean('Write nothing: compare both sides, values too, without showing any.'),
  include: flag.items('Copy only what matches: a path with all below it, or a pattern with "*".', { value: 'path' }),
  exclude: flag.items('Leave out what matches.', { value: 'path' }),
  overwrite: flag.boolean('Where the target differs and this import did not write it, take the source.'),
  parallel: flag.integer('How many secrets are copied at once; default 8, at most 64.'),
  patience: flag.duration('How long a server that is busy, sealed or away is asked again; default 5m.'),
  state: flag.path('Where to note what is done; default lockstep-import.state.'),
};
type Values = ValuesOf<typeof flags>;

const vault = command({
  summary: 'Copy what a Vault or OpenBao holds into this server',
  description:
    'Copies namespaces, mounts with their settings, KV secrets with all versions under their numbers, ACL and password ' +
    'policies, token roles and AppRole roles with their role-ids. It can be stopped and run again: it goes on where it was, ' +
    'brings over what has changed at the source, and leaves alone what others wrote at the target. The flag -namespace says ' +
    'where in the target. Exits with 0 when all is copied or the same, 3 when something differs, failed or (with -verify) ' +
    'is missing; what no import can copy is only told.',
  flags,
  output: 'format',
  examples: [
    { note: 'See what there is to do:', line: 'operator import vault -source-address=https://old:8200 -dry-run' },
    { note: 'Do it:', line: 'operator import vault -source-address=https://old:8200' },
    { note: 'Compare afterwards:', line: 'operator import vault -source-address=https://old:8200 -verify' },
  ],
  run: async (context, { values }) => {
    const address = values['source-address'];
    if (address === undefined || address === '') throw new UsageError('flag -source-address is missing');
    const mode = modeOf(values);
    const source = sourceOf(context, address, values);
    const target = context.client.with(patienceOf(context, values));
    const route = routeOf(source, target);
    const path = values.state ?? 'lockstep-import.state';
    using state = mode === 'copy' ? openState(path, route) : readOnlyState(path, route);
    using progress = new Progress(context.terminal.stderr);
    const report = new Report(progress.told, ({ outcome }) => mode !== 'copy' && outcome !== 'same');
    const run = {
      ...{ mode, state, report, root: target, now: Date.now },
      overwrite: values.overwrite === true,
      parallel: parallelOf(values.parallel),
      filter: filterOf(values.include, values.exclude),
    };
    try {
      await during('Error importing', importAll(run, { path: '', source, target }));
    } finally {
      source.close();
      progress.end();
      await show(context, { mode, route, report });
    }
    const open = report.count('conflict', 'failed', ...(mode === 'verify' ? (['created'] as const) : []));
    return open === 0 ? exit.ok : UNFINISHED;
  },
});

function modeOf({ 'dry-run': dry, verify }: Values): Mode {
  if (dry === true && verify === true) throw new UsageError('-dry-run and -verify exclude each other');
  return dry === true ? 'dry-run' : verify === true ? 'verify' : 'copy';
}

function parallelOf(given: number = 8): number {
  if (given >= 1 && given <= MOST_PARALLEL) return given;
  throw new UsageError(`invalid value for flag -parallel: it is a number from 1 to ${String(MOST_PARALLEL)}`);
}

/** The time limit of a call covers all its tries. */
function patienceOf({ config }: Context, { patience = DEFAULT_PATIENCE }: Values) {
  const patienceMs = Math.max(0, patience) * 1_000;
  return { patienceMs, timeoutMs: config.timeout * 1_000 + patienceMs } as const;
}

function sourceOf(context: Context, address: string, values: Values): Client {
  const file = values['source-token-file'];
  const token = file === undefined ? context.config.source_token?.expose() : readText(file).trim();
  if (token === undefined || token === '') {
    throw new UsageError('the token of the source is missing: set VAULT_SOURCE_TOKEN or give -source-token-file');
  }
  return new Client({
    ...{ address, token, ...patienceOf(context, values) },
    namespace: values['source-namespace'],
    tls: {
      caCert: values['source-ca-cert'],
      clientCert: values['source-client-cert'],
      clientKey: values['source-client-key'],
      serverName: values['source-tls-server-name'],
      skipVerify: values['source-tls-skip-verify'],
    },
  });
}

function routeOf(source: Client, target: Client): Route {
  return {
    source: source.settings.address,
    sourceNamespace: source.settings.namespace ?? '',
    target: target.settings.address,
    targetNamespace: target.settings.namespace ?? '',
  };
}

type Names = Readonly<Record<Outcome, string>>;
const copied: Names = {
  created: 'Created',
  updated: 'Updated',
  same: 'Same',
  conflict: 'Conflict',
  failed: 'Failed',
  uncopied: 'Not copied',
};
const names: Readonly<Record<Mode, Names>> = {
  copy: copied,
  'dry-run': { ...copied, created: 'To create', updated: 'To update' },
  verify: { ...copied, created: 'Missing', updated: 'Differs', conflict: 'Differs' },
};

const NOTES = [
  'Versions keep their numbers, not their created_time: that is the time of the import. Tokens, leases, secret-ids, ' +
    'cubbyholes and the policy "default" are not copied.',
];

interface Shown {
  readonly mode: Mode;
  readonly route: Route;
  readonly report: Report;
}

async function show(context: Context, { mode, route, report }: Shown): Promise<void> {
  const items: readonly Item[] = report.items;
  const notes = mode === 'copy' ? NOTES : [];
  const json = { mode, ...route, counts: report.counts, items, notes };
  await context.out.value(json, () => [report.table(names[mode]), ...notes].join('\n\n'));
}

export const importing = group({
  summary: 'Move in from another server',
  examples: [
    { note: 'See what there is to do:', line: 'operator import vault -source-address=https://old:8200 -dry-run' },
  ],
  commands: { vault },
});
