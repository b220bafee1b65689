import { isObject } from '../client/json.ts';
import { command, group } from './command.ts';
import { cleanPath } from './data.ts';
import { during, exit } from './errors.ts';
import { flag } from './flags.ts';
import { sortedEntries, toText, type Struct } from './go-format.ts';
import { mountsOf } from './mount-view.ts';
import { parsePairs, type Data } from './pairs.ts';
import { headedTable } from './table.ts';
import { defined } from '../lib/defined.ts';

const enable = command({
  summary: 'Enable an audit device',
  args: { usage: 'TYPE [K=V...]', least: 1, most: Number.POSITIVE_INFINITY },
  flags: {
    description: flag.text('What people are told.'),
    local: flag.boolean('In this region only: never replicated.'),
    path: flag.text('Where; default: the name of the type.'),
  },
  examples: [
    { note: 'Log to a file:', line: 'audit enable file file_path=/var/log/lockstep/audit.log' },
    { note: 'Send to a collector:', line: 'audit enable -path=siem socket address=siem.example.com:6514' },
  ],
  run: async (context, { values, args: [type = '', ...pairs] }) => {
    const path = cleanPath(values.path ?? type);
    const options = await parsePairs(context, pairs);
    const body = defined({ type, description: values.description, options, local: values.local });
    await during('Error enabling audit device', context.client.write(`sys/audit/${path}`, body));
    context.out.print(`Success! Enabled the ${type} audit device at: ${path}/`);
  },
});

const disable = command({
  summary: 'Disable an audit device',
  description: 'What its hashes were made from cannot be compared any more afterwards.',
  args: { usage: 'PATH', least: 1, most: 1 },
  examples: [{ note: 'Disable it:', line: 'audit disable file' }],
  run: async (context, { args: [target = ''] }) => {
    const path = cleanPath(target);
    await during('Error disabling audit device', context.client.delete(`sys/audit/${path}`));
    context.out.print(`Success! Disabled audit device (if it was enabled) at: ${path}/`);
  },
});

const list = command({
  summary: 'List the enabled audit devices',
  flags: { detailed: flag.boolean('With all settings.') },
  output: 'format',
  examples: [{ note: 'With all settings:', line: 'audit list -detailed' }],
  run: async (context, { values }) => {
    const found = await during('Error listing audits', context.client.read('sys/audit'));
    const devices = mountsOf(found?.data);
    if (devices.length === 0 && context.out.format === 'table') {
      context.out.print('No audit devices are enabled.');
      return exit.server;
    }
    const json = Object.fromEntries(devices.map(([path, device]) => [path, deviceStruct(device, path)]));
    await context.out.value(json, () => (values.detailed === true ? fullTable(devices) : briefTable(devices)));
    return exit.ok;
  },
});

type Devices = readonly (readonly [string, Data])[];

function briefTable(devices: Devices): string {
  const rows = devices.map(([path, device]) => [
    path,
    toText(device['type'] ?? ''),
    toText(device['description'] ?? ''),
  ]);
  return headedTable(['Path', 'Type', 'Description'], rows);
}

function fullTable(devices: Devices): string {
  const rows = devices.map(([path, device]) => [
    path,
    toText(device['type'] ?? ''),
    toText(device['description'] ?? ''),
    device['local'] === true ? 'local' : 'replicated',
    optionsOf(device)
      .map(([name, value]) => `${name}=${toText(value)}`)
      .join(' '),
  ]);
  return headedTable(['Path', 'Type', 'Description', 'Replication', 'Options'], rows);
}

function optionsOf(device: Data): readonly (readonly [string, unknown])[] {
  return isObject(device['options']) ? sortedEntries(device['options']) : [];
}

function deviceStruct(device: Data, path: string): Struct {
  return new Map<string, unknown>([
    ['type', device['type'] ?? ''],
    ['description', device['description'] ?? ''],
    ['options', device['options'] ?? null],
    ['local', device['local'] === true],
    ['path', device['path'] ?? path],
  ]);
}

export const audit = group({
  summary: 'Enable, list and disable audit devices',
  examples: [{ note: 'List them:', line: 'audit list -detailed' }],
  commands: { disable, enable, list },
});
