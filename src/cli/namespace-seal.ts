/** Namespaces with a seal of their own: making, sealing, unsealing, and deleting one whose keys are lost. */
import { readFileSync } from 'node:fs';
import type { Envelope } from '../client/envelope.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { cleanPath } from './data.ts';
import { CommandError, during } from './errors.ts';
import { flag } from './flags.ts';
import { readPgpFile, unsealKeyFrom } from './key-input.ts';
import { showNamespaceSeal } from './seal-view.ts';

const name = { usage: 'PATH', least: 1, most: 1 } as const;
const at = (target: string, what: string): string => `sys/namespaces/${cleanPath(target)}/${what}`;

/** Of `namespace create`. */
export const sealFlags = {
  'key-shares': flag.integer('Gives it a seal of its own: how many parts its key is split into.', { aliases: ['n'] }),
  'key-threshold': flag.integer('How many of them unseal it.', { aliases: ['t'] }),
  'pgp-keys': flag.list('Files with public PGP keys, one for each part, which is then shown encrypted to it.'),
  seal: flag.path('Instead of the numbers: a file with one seal stanza.'),
};

export interface SealValues {
  readonly 'key-shares': number | undefined;
  readonly 'key-threshold': number | undefined;
  readonly 'pgp-keys': readonly string[];
  readonly seal: string | undefined;
}

/** What the request has of it. */
export function sealBody(values: SealValues): Readonly<Record<string, unknown>> {
  const { 'key-shares': shares, 'key-threshold': threshold, 'pgp-keys': files, seal: file } = values;
  const numbers = shares !== undefined || threshold !== undefined;
  if (file !== undefined && numbers) {
    throw new CommandError('give -seal, or -key-shares and -key-threshold: the file has these numbers');
  }
  if (numbers && (shares === undefined || threshold === undefined)) {
    throw new CommandError(
      'give -key-shares and -key-threshold together: into how many parts, and how many of them unseal',
    );
  }
  const stanza = `seal "shamir" {\n  shares = ${String(shares)}\n  threshold = ${String(threshold)}\n}\n`;
  const seal = file === undefined ? (numbers ? stanza : undefined) : readSeal(file);
  return {
    ...(seal === undefined ? {} : { seal }),
    ...(files.length === 0 ? {} : { pgp_keys: files.map(readPgpFile) }),
  };
}

function readSeal(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(`Error reading seal config file: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}

/** The parts of the key, above what is said of the namespace; what is left to show. */
export function showShares(context: Context, found: Envelope | undefined): Envelope | undefined {
  const shares = found?.data?.['key_shares'];
  if (found === undefined || !Array.isArray(shares) || !context.out.isTable || context.out.field !== undefined) {
    return found;
  }
  const { key_shares: _shares, key_threshold: threshold, ...data } = found.data ?? {};
  const count = String(shares.length);
  const note = [
    ...shares.map((share, number) => `Unseal Key ${String(number + 1)}: ${String(share)}`),
    '',
    `The namespace has ${count} key shares, of which ${String(threshold)} unseal it. It is sealed. Hand each key`,
    'shown above to another person: they are stored nowhere, and without them its data cannot be read again.',
    '',
  ];
  context.out.print(note.join('\n'));
  return { ...found, data };
}

export const seal = command({
  summary: 'Seal a namespace that has a seal of its own, with all below it',
  description: 'Its keys are forgotten, and nothing in it is served or can be read until it is unsealed.',
  args: name,
  examples: [{ note: 'Seal it:', line: 'namespace seal team' }],
  run: async (context, { args: [target = ''] }) => {
    await during('Error sealing', context.client.write(at(target, 'seal')));
    context.out.print(`Success! Namespace "${cleanPath(target)}" is sealed.`);
  },
});

export const unseal = command({
  summary: 'Give one unseal key of a namespace that has a seal of its own',
  description:
    'Without the key it is asked for on the terminal; "-" reads it from standard input. A key given as an argument can ' +
    'be seen in the process list and in the history of the shell.',
  args: { usage: 'PATH [KEY]', least: 1, most: 2 },
  flags: { reset: flag.boolean('Forget the keys given so far.') },
  output: 'format',
  examples: [
    { note: 'Give a key, unseen:', line: 'namespace unseal team' },
    { note: 'Take it from a pipe:', line: 'namespace unseal team -' },
  ],
  run: async (context, { values, args: [target = '', given] }) => {
    const instead = 'Give the key on standard input with "namespace unseal PATH -"';
    const body = values.reset === true ? { reset: true } : { key: await unsealKeyFrom(context, given, instead) };
    const reply = await during('Error unsealing', context.client.write(at(target, 'unseal'), body));
    await showNamespaceSeal(context, reply?.data ?? {});
  },
});

export const sealStatus = command({
  summary: 'Show whether a namespace that has a seal of its own is sealed',
  args: name,
  output: 'field',
  examples: [{ note: 'Show it:', line: 'namespace seal-status team' }],
  run: async (context, { args: [target = ''] }) => {
    const found = await during('Error reading seal status', context.client.read(at(target, 'seal-status')));
    await showNamespaceSeal(context, found?.data ?? {});
  },
});

export const deleteSealed = command({
  summary: 'Delete a sealed namespace whose keys are lost',
  description: 'It takes the right `sudo`. What its leases stand for outside, such as database users, stays there.',
  args: name,
  flags: { force: flag.boolean('With all namespaces below it.') },
  examples: [{ note: 'Delete it:', line: 'namespace delete-sealed team' }],
  run: async (context, { values, args: [target = ''] }) => {
    const query = values.force === true ? { force: 'true' } : {};
    const work = context.client.delete(at(target, 'delete-sealed'), { query });
    const reply = await during('Error deleting sealed namespace', work);
    if (reply?.data?.['status'] === undefined) {
      context.out.note('Requested namespace does not exist');
      return;
    }
    context.out.print(`Success! Namespace deletion scheduled: ${cleanPath(target)}/`);
  },
});
