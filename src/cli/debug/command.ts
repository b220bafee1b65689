/** `debug`: what somebody who is asked for help wants to see of a server, in one file. */
import { version } from '../../lib/version.ts';
import { command } from '../command.ts';
import { exit } from '../errors.ts';
import { flag, UsageError } from '../flags.ts';
import { toJson } from '../go-format.ts';
import { onInterrupt } from '../interrupt.ts';
import { LOG_FORMATS } from '../monitor.ts';
import { BundleFile, type File } from './bundle.ts';
import { Collector, targets, type Plan, type Target } from './collect.ts';
import { redacted } from './redact.ts';

const ENDING = '.tar.gz';

export const debug = command({
  summary: 'Collect facts about a server into one file, for whoever helps',
  description:
    `Asks for a while, then writes a ${ENDING} that only you can read: configuration (without secrets), host, metrics, ` +
    'regions, requests in work, health, seal and log. It holds no secret values and no tokens, but names of mounts, ' +
    'paths and machines. An interrupt ends it early with what there is.',
  flags: {
    duration: flag.duration('How long; default 2m.'),
    interval: flag.duration('Between two questions; default 30s.'),
    'metrics-interval': flag.duration('Between two readings of the metrics; default 10s.'),
    'log-format': flag.text('Of the log; default standard.', { choices: LOG_FORMATS }),
    output: flag.path(`The file; default lockstep-debug-<time>${ENDING}.`),
    target: flag.list(`Only these: ${targets.join(', ')}.`),
  },
  examples: [{ note: 'For ten minutes:', line: 'debug -duration=10m' }],
  run: async (context, { values }) => {
    const plan: Plan = {
      targets: targetsOf(values.target),
      duration: milliseconds('duration', values.duration, 120),
      interval: milliseconds('interval', values.interval, 30),
      metricsInterval: milliseconds('metrics-interval', values['metrics-interval'], 10),
      logFormat: values['log-format'] ?? 'standard',
    };
    const begun = new Date();
    const folder = `lockstep-debug-${begun.toISOString().replace(/\.\d+/, '').replaceAll(':', '-')}`;
    const { client } = context;
    using file = new BundleFile(values.output ?? `${folder}${ENDING}`);
    using interrupt = onInterrupt();
    context.out.note(
      `Collecting for ${String(plan.duration / 1000)} s from ${client.settings.address}; ^C ends it early.`,
    );
    const collector = new Collector(client, plan);
    await collector.collect(interrupt.signal);
    const secrets = [client.settings.token ?? ''];
    const clean = ({ name, text }: File): File => ({ name, text: redacted(text, secrets) });
    const index = { name: 'index.json', text: `${toJson(indexOf(client.settings.address, begun, plan, collector))}\n` };
    file.write(folder, [index, ...collector.files].map(clean));
    for (const { target, error } of collector.failures) context.out.note(`Not collected: ${target}: ${error}`);
    context.out.print(`Success! Bundle written to: ${file.path}`);
    return exit.ok;
  },
});

function targetsOf(given: readonly string[]): readonly Target[] {
  if (given.length === 0) return targets;
  for (const name of given) {
    if (!targets.some((target) => target === name)) {
      throw new UsageError(`invalid value "${name}" for flag -target: it is one of ${targets.join(', ')}`);
    }
  }
  return targets.filter((target) => given.includes(target));
}

function milliseconds(name: string, given: number | undefined, standard: number): number {
  const seconds = given ?? standard;
  if (seconds > 0) return seconds * 1000;
  throw new UsageError(`invalid value for flag -${name}: it is a time above zero`);
}

function indexOf(address: string, begun: Date, plan: Plan, { failures, files }: Collector): object {
  return {
    version: 1,
    vault_address: address,
    client_version: version,
    timestamp: begun.toISOString(),
    duration_seconds: plan.duration / 1000,
    interval_seconds: plan.interval / 1000,
    metrics_interval_seconds: plan.metricsInterval / 1000,
    targets: plan.targets,
    output: { files: files.map(({ name }) => name) },
    errors: failures,
  };
}
