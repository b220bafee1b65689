/** `lockstep up`: a hub, two regions and an agent in each, on this machine, to look at and to try. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadClientConfig } from '../../config/client.ts';
import { isLockstepError } from '../../errors.ts';
import { check } from './check.ts';
import { Fleet } from './fleet.ts';
import { clusterOf } from './kubernetes/clusters.ts';
import { programsIn, type Programs } from './kubernetes/programs.ts';
import { placesIn, rootTokenFile, secretFile, type Places } from './layout.ts';
import { statusTable } from './status-table.ts';
import { REGIONS } from './tree.ts';

const USAGE = `Usage: lockstep up [options]

  Starts a hub, the regions eu and us (us behind a link of 80 ms) and an agent in each, on free ports of this machine,
  and shows how far they are. Ctrl-C ends all and removes their files.

      $ lockstep up
      $ lockstep up -check
      $ lockstep up -kubernetes -check

Options:

  -check        Plays the main job on fifty secrets, kills the hub and brings it back, prints what it found and measured, and
                exits with 0, or with 1 and what was not so.
  -keep         Leaves the files in place at the end.
  -kubernetes   Adds a Kubernetes cluster for each region (an API server and its store, no nodes) with \`lockstep controller\`,
                which makes Secrets from that region. Needs etcd and kube-apiserver in the folder $KUBEBUILDER_ASSETS.
`;

const FLAGS = new Set(['check', 'keep', 'kubernetes']);

/** A volume in memory that Linux has everywhere. */
const MEMORY = '/dev/shm';

const write = (text: string): void => {
  process.stdout.write(text);
};

function nextSteps(fleet: Fleet): string {
  const token = rootTokenFile(fleet.places, 'hub');
  const file = secretFile(fleet.places, 'eu', 'eu/checkout/database');
  const lockstep = 'bin/lockstep';
  return `
Try in another shell:

  export VAULT_ADDR=${fleet.address('hub')} VAULT_TOKEN=$(cat ${token})
  ${lockstep} kv put -mount=secret eu/checkout/database value=s3cret
  ${lockstep} wait -latest
  cat ${file}
${ofClusters(fleet)}
`;
}

function ofClusters({ clusters }: Fleet): string {
  if (clusters === undefined) return '';
  return `
Their clusters, each with a SecretStore "region" in the namespace shop that reads kv/shared/ and kv/<cluster>/shop/:

${REGIONS.map((region) => `  kubectl --kubeconfig=${clusters.of(region).adminKubeconfig} -n shop get externalsecrets  # ${clusterOf(region)}`).join('\n')}
`;
}

/** Ctrl-C while it starts or is watched is how it is meant to end: its files go too, and they hold root tokens. */
function ending(): AbortSignal {
  const over = new AbortController();
  const end = (): void => {
    over.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  // Nobody reads any more (`lockstep up | head`): as if it had been interrupted.
  process.stdout.on('error', end);
  return over.signal;
}

async function watch(fleet: Fleet, over: AbortSignal): Promise<void> {
  write(nextSteps(fleet));
  const live = process.stdout.isTTY;
  for (let lines = 0; !over.aborted;) {
    const table = await statusTable(fleet);
    write(`${live && lines > 0 ? `\u001b[${String(lines)}A\u001b[J` : ''}${table}\n`);
    lines = table.split('\n').length;
    await sleep(live ? 1_000 : 10_000, undefined, { signal: over }).catch(() => undefined);
  }
}

/** Ctrl-C in the middle of a check ends it as an error does: nothing is left running. */
function interrupted(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        reject(new Error(`ended by ${signal}`));
      });
    }
    process.stdout.on('error', () => {
      reject(new Error('ended: nobody reads the output any more'));
    });
  });
}

interface Starting {
  readonly places: Places;
  readonly checking: boolean;
  readonly programs: Programs | undefined;
}

async function start({ places, checking, programs }: Starting): Promise<void> {
  const say = (line: string): void => {
    write(`${line}\n`);
  };
  await using fleet = new Fleet(places, say, programs);
  if (checking) {
    const job = async (): Promise<void> => {
      await fleet.start();
      await check({ fleet, say });
    };
    await Promise.race([job(), interrupted()]);
    return;
  }
  const over = ending();
  await Promise.race([fleet.start(), once(over, 'abort')]);
  if (!over.aborted) await watch(fleet, over);
}

export async function run(argv: readonly string[]): Promise<number> {
  const flags = new Set(argv.map((arg) => arg.replace(/^-+/, '')));
  if (flags.has('h') || flags.has('help')) {
    write(USAGE);
    return 0;
  }
  const unknown = [...flags].find((flag) => !FLAGS.has(flag));
  if (unknown !== undefined) {
    process.stderr.write(`unknown option "${unknown}"\n\n${USAGE}`);
    return 2;
  }
  let programs: Programs | undefined;
  try {
    if (flags.has('kubernetes')) programs = await programsIn(loadClientConfig().kubebuilder_assets);
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const root = await mkdtemp(join(tmpdir(), 'lockstep-up-'));
  const memory = await mkdtemp(join(MEMORY, 'lockstep-up-')).catch(() => root);
  let kept = flags.has('keep');
  try {
    await start({ places: placesIn(root, memory), checking: flags.has('check'), programs });
    if (flags.has('check')) write('all is so\n');
    return 0;
  } catch (error) {
    kept = true;
    const text = isLockstepError(error) || error instanceof Error ? error.message : 'unknown';
    process.stderr.write(`${text}\nlogs and files are left in ${root} and ${memory}\n`);
    return 1;
  } finally {
    if (!kept) await Promise.all([root, memory].map((folder) => rm(folder, { recursive: true, force: true })));
  }
}
