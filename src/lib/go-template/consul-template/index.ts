/**
 * The functions of consul-template 0.42 that ask nobody: https://github.com/hashicorp/consul-template (templating-language).
 * Sprig's are there under `sprig_`. `secret`, `file`, `env` and their kin are the host's to register.
 */
import type { FunctionMap } from '../function.ts';
import { dateFunctions, type Clock } from '../sprig/dates.ts';
import { sprig } from '../sprig/index.ts';
import { collectionFunctions } from './collections.ts';
import { documentFunctions } from './documents.ts';
import { mathFunctions } from './math.ts';
import { textFunctions } from './text.ts';

/** Of sprig's dates, those that its hermetic set keeps. */
const hermeticDates = [
  'toDate',
  'mustToDate',
  'unixEpoch',
  'duration',
  'mustDateModify',
  'must_date_modify',
  'ago',
  'durationRound',
];

function prefixed(clock: Clock): FunctionMap {
  const dates = dateFunctions(clock);
  const some = Object.fromEntries(
    hermeticDates.flatMap((name) => {
      const own = dates[name];
      return own === undefined ? [] : [[name, own] as const];
    }),
  );
  return Object.fromEntries(Object.entries({ ...sprig, ...some }).map(([name, own]) => [`sprig_${name}`, own]));
}

export const consulTemplateFunctions = (clock: Clock): FunctionMap => ({
  ...textFunctions(clock),
  ...collectionFunctions,
  ...mathFunctions,
  ...documentFunctions,
  ...prefixed(clock),
});

/** What asks Consul or Nomad, starts programs, or tells of the machine: refused by name. */
export const foreignFunctions: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...[
        'key',
        'keyExists',
        'keyOrDefault',
        'ls',
        'safeLs',
        'tree',
        'safeTree',
        'node',
        'nodes',
        'service',
        'services',
      ],
      ...[
        'connect',
        'datacenters',
        'partitions',
        'peerings',
        'exportedServices',
        'importedServices',
        'caRoots',
        'caLeaf',
      ],
      ...['byKey', 'byPort', 'byTag', 'byMeta', 'explode'],
    ].map((name) => [name, 'it belongs to Consul, which the agent does not ask']),
  ),
  ...Object.fromEntries(
    ['nomadServices', 'nomadService', 'nomadVarList', 'nomadVarListSafe', 'nomadVar', 'nomadVarExists'].map((name) => [
      name,
      'it belongs to Nomad, which the agent does not ask',
    ]),
  ),
  plugin: 'templates start no programs',
  sockaddr: 'templates see no network interfaces: write the address into the file, or give it by `env`',
  ...Object.fromEntries(
    ['spew_dump', 'spew_printf', 'spew_sdump', 'spew_sprintf'].map((name) => [
      name,
      'it shows secrets for debugging: use toJSONPretty in a file of your own',
    ]),
  ),
};
