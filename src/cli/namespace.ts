/** Namespaces below the one that `-namespace` names. */
import { isObject } from '../client/json.ts';
import type { Envelope } from '../client/envelope.ts';
import { command, group } from './command.ts';
import type { Context } from './context.ts';
import { cleanPath, showFound, showKeys } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag } from './flags.ts';
import { toText } from './go-format.ts';
import { deleteSealed, seal, sealBody, sealFlags, sealStatus, showShares, unseal } from './namespace-seal.ts';
import { headedTable } from './table.ts';

const name = { usage: 'PATH', least: 1, most: 1 } as const;
const maybeName = { usage: '[PATH]', least: 0, most: 1 } as const;

/** `sys/namespaces` takes one name; those further down are reached through `-namespace`. */
const at = (target: string): string => `sys/namespaces/${cleanPath(target)}`;

/** As OpenBao's: in JSON and YAML the namespace alone, without what the reply has around it. */
async function show(context: Context, found: Envelope | undefined, target: string): Promise<number> {
  if (found === undefined || context.out.isTable || context.out.field !== undefined) {
    return showFound(context, found, target);
  }
  await context.out.value(found.data ?? {}, () => '');
  return exit.ok;
}

const custom = flag.map('A pair of your own.');

const create = command({
  summary: 'Make a namespace',
  args: name,
  flags: { 'custom-metadata': custom, ...sealFlags },
  output: 'field',
  examples: [
    { note: 'Make one:', line: 'namespace create team' },
    { note: 'Make one inside it:', line: 'namespace create -namespace=team a' },
    { note: 'Make one with keys of its own:', line: 'namespace create -key-shares=5 -key-threshold=3 vault' },
  ],
  run: async (context, { values, args: [target = ''] }) => {
    const body = { custom_metadata: values['custom-metadata'], ...sealBody(values) };
    const made = await during('Error creating namespace', context.client.write(at(target), body));
    return show(context, showShares(context, made), target);
  },
});

const lookup = command({
  summary: 'Show a namespace',
  args: name,
  output: 'field',
  examples: [{ note: 'Show it:', line: 'namespace lookup team' }],
  run: async (context, { args: [target = ''] }) => {
    const found = await during('Error looking up namespace', context.client.read(at(target)));
    if (found === undefined) throw new CommandError('Namespace not found', exit.server);
    return show(context, found, target);
  },
});

const patch = command({
  summary: 'Change what is said of a namespace',
  args: name,
  flags: {
    'custom-metadata': custom,
    'remove-custom-metadata': flag.items('A custom key to remove.', { value: 'key' }),
  },
  output: 'field',
  examples: [{ note: 'Say whose it is:', line: 'namespace patch -custom-metadata=owner=web team' }],
  run: async (context, { values, args: [target = ''] }) => {
    const removed = Object.fromEntries(values['remove-custom-metadata'].map((key) => [key, null]));
    const body = { custom_metadata: { ...values['custom-metadata'], ...removed } };
    return show(context, await during('Error patching namespace', context.client.patch(at(target), body)), target);
  },
});

const remove = command({
  summary: 'Delete a namespace and all that is in it',
  args: name,
  examples: [{ note: 'Delete it:', line: 'namespace delete team' }],
  run: async (context, { args: [target = ''] }) => {
    const reply = await during('Error deleting namespace', context.client.delete(at(target)));
    if (reply?.data?.['status'] === undefined) {
      context.out.note('Requested namespace does not exist');
      return;
    }
    context.out.print(`Success! Namespace deletion scheduled: ${cleanPath(target)}/`);
  },
});

/** With everything of each. */
async function showDetails(context: Context, found: Envelope): Promise<number> {
  const info = Object.entries(isObject(found.data?.['key_info']) ? found.data['key_info'] : {});
  const columns = ['custom_metadata', 'id', 'locked', 'path', 'tainted', 'uuid'];
  const rows = info.map(([key, each]) => [key, ...columns.map((column) => toText(isObject(each) ? each[column] : ''))]);
  await context.out.value(Object.fromEntries(info), () => headedTable(['Keys', ...columns], rows));
  return exit.ok;
}

const detailed = { detailed: flag.boolean('With all that is known of each.') };

async function listBelow(context: Context, work: Promise<Envelope | undefined>, all: boolean): Promise<number> {
  const found = await during('Error listing namespaces', work);
  if (found === undefined && context.out.format === 'table') {
    context.out.note('No namespaces found');
    return exit.server;
  }
  return all && found !== undefined ? showDetails(context, found) : showKeys(context, found, 'sys/namespaces');
}

const list = command({
  summary: 'List the namespaces right below',
  flags: detailed,
  output: 'format',
  examples: [{ note: 'List them:', line: 'namespace list' }],
  run: (context, { values }) =>
    listBelow(context, context.client.list('sys/namespaces', { reasons: true }), values.detailed === true),
});

const scan = command({
  summary: 'List the namespaces anywhere below',
  flags: detailed,
  output: 'format',
  examples: [{ note: 'List all below one:', line: 'namespace scan -namespace=team' }],
  run: (context, { values }) =>
    listBelow(context, context.client.read('sys/namespaces', { query: { scan: 'true' } }), values.detailed === true),
});

const below = (verb: 'lock' | 'unlock', target: string | undefined): string =>
  ['sys/namespaces/api-lock', verb, ...(target === undefined ? [] : [cleanPath(target)])].join('/');

const lock = command({
  summary: 'Lock a namespace, with all below it: it answers nothing until it is unlocked',
  args: maybeName,
  output: 'field',
  examples: [{ note: 'Lock it:', line: 'namespace lock team' }],
  run: async (context, { args: [target] }) => {
    const reply = await during('Error locking namespace', context.client.write(below('lock', target)));
    const key = reply?.data?.['unlock_key'];
    if (context.out.format !== 'table' || typeof key !== 'string') return showFound(context, reply, target ?? '');
    context.out.print(
      `Unlock Key: ${key}\n\n` +
        'Namespace is now locked. Please securely store the unlock key printed above.\n' +
        'You must supply the unlock key to re-enable access to the namespace.\n' +
        'If the unlock key is lost, sudo capability is required to unlock the namespace without it.',
    );
    return exit.ok;
  },
});

const unlock = command({
  summary: 'Unlock a namespace',
  description: 'Without the key it takes the right `sudo` on the path.',
  args: maybeName,
  flags: { 'unlock-key': flag.text('The key that locking printed.') },
  examples: [{ note: 'Unlock it:', line: 'namespace unlock -unlock-key=9XKbQyKyt4NRXxI9N1oRJVTx team' }],
  run: async (context, { values, args: [target] }) => {
    const key = values['unlock-key'];
    const body = key === undefined ? {} : { unlock_key: key };
    const reply = await during('Error unlocking namespace', context.client.write(below('unlock', target), body));
    if (reply === undefined) context.out.print('Success! Namespace unlocked');
    else for (const warning of reply.warnings ?? []) context.out.note(warning);
  },
});

export const namespace = group({
  summary: 'Make, show, lock, seal and delete namespaces',
  examples: [{ note: 'Make one:', line: 'namespace create team' }],
  commands: {
    ...{ create, delete: remove, 'delete-sealed': deleteSealed, list, lock, lookup, patch, scan },
    ...{ seal, 'seal-status': sealStatus, unlock, unseal },
  },
});
