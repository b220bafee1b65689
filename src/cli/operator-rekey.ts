/** `operator rotate-keys` (OpenBao) and `operator rekey` (Vault): one thing at two addresses, in each one's words. */
import { command } from './command.ts';
import type { Context } from './context.ts';
import { CommandError, during } from './errors.ts';
import { flag, type ValuesOf } from './flags.ts';
import { toText } from './go-format.ts';
import { readPgpFile, shareFrom } from './key-input.ts';
import { wrapText } from './output.ts';
import type { Data } from './pairs.ts';
import type { Row } from './secret-view.ts';

interface Words {
  /** The command. */
  readonly name: string;
  /** `rotation`, in sentences. */
  readonly what: string;
  readonly starting: string;
  readonly nonce: string;
  readonly cancelled: string;
  readonly verified: string;
  /** What happened to the keys. */
  readonly done: string;
  readonly target: (target: string) => { readonly base: string; readonly backup: string };
}

const rotation: Words = {
  name: 'rotate-keys',
  what: 'rotation',
  starting: 'No rotation is in progress. Start a rotation process by running',
  nonce: 'rotation nonce',
  cancelled: 'Success! Canceled rotation (if it was started)',
  verified: 'Rotation verification successful. The rotation is complete and the new keys are now active.',
  done: 'rotated',
  target: (target) => {
    const base = `sys/rotate/${target === 'recovery' ? 'recovery' : 'root'}`;
    return { base, backup: `${base}/backup` };
  },
};
const rekeying: Words = {
  name: 'rekey',
  what: 'rekey',
  starting: 'No rekey is in progress. Start a rekey process by running',
  nonce: 'Rekey operation nonce',
  cancelled: 'Success! Canceled rekeying (if it was started)',
  verified: 'Rekey verification successful. The rekey operation is complete and the new keys are now active.',
  done: 'rekeyed',
  target: (target) =>
    target === 'recovery'
      ? { base: 'sys/rekey-recovery-key', backup: 'sys/rekey/recovery-key-backup' }
      : { base: 'sys/rekey', backup: 'sys/rekey/backup' },
};

const flags = {
  init: flag.boolean('Start an attempt; only when there is none.'),
  cancel: flag.boolean('Drop the attempt and the keys given so far.'),
  status: flag.boolean('Print how far the attempt is.'),
  'key-shares': flag.integer('How many new keys; default 5.', { aliases: ['n'] }),
  'key-threshold': flag.integer('How many of them are needed; default 3.', { aliases: ['t'] }),
  nonce: flag.text('The nonce of the attempt, with a key that is not typed at the terminal.'),
  target: flag.text('Which keys: barrier (default), or recovery with auto-unseal.'),
  verify: flag.boolean('With -init: the new keys hold once enough of them were given. Else: about that verification.'),
  'pgp-keys': flag.list('Files with public PGP keys, one for each new key.'),
  backup: flag.boolean('With -init and PGP keys: keep the encrypted keys in the store.'),
  'backup-retrieve': flag.boolean('Print the kept keys.'),
  'backup-delete': flag.boolean('Delete the kept keys.'),
} as const;

/** What the command line is about. */
interface Attempt {
  readonly words: Words;
  readonly target: string;
  readonly verify: boolean;
  readonly nonce: string | undefined;
  readonly base: string;
  readonly backup: string;
}

function rekeyCommand(words: Words) {
  return command({
    summary: 'Change the unseal keys or recovery keys: other people, another number, another threshold',
    description:
      'Enough holders of the keys of today give them with the nonce that -init shows; the last one is shown the new ' +
      'keys. With -verify the new keys hold only once enough of them were given: so nobody is locked out by a reply ' +
      'that was lost. The root key changes as well.',
    args: { usage: '[KEY]', least: 0, most: 1 },
    flags,
    output: 'format',
    examples: [
      { note: 'Start, for five new keys of which three are needed:', line: `operator ${words.name} -init -verify` },
      { note: 'Give a key from a pipe:', line: `operator ${words.name} -nonce=UUID -` },
      { note: 'Prove one of the new keys:', line: `operator ${words.name} -verify -nonce=UUID -` },
    ],
    run: async (context, { values, args: [key] }) => {
      const target = targetOf(values.target);
      const attempt = { words, target, verify: values.verify === true, nonce: values.nonce, ...words.target(target) };
      if (values['backup-delete'] === true) return deleteBackup(context, attempt);
      if (values['backup-retrieve'] === true) return showBackup(context, attempt);
      if (values.cancel === true) return cancel(context, attempt);
      if (values.init === true) return start(context, attempt, values);
      if (values.status === true) return showStatus(context, await statusOf(context, attempt));
      return give(context, attempt, key);
    },
  });
}

function targetOf(given: string | undefined): string {
  const target = (given ?? 'barrier').trim().toLowerCase();
  if (target === 'barrier' || target === 'recovery') return target;
  if (target === 'hsm') return 'recovery';
  throw new CommandError(`Unknown target: ${given}`);
}

function lostKeys(target: string): string {
  const keys = target === 'recovery' ? 'recovery' : 'unseal';
  return wrapText(
    `WARNING! If you lose the ${keys} keys after they are shown, nothing brings them back. -verify keeps today's keys until the new ones were given; -pgp-keys with -backup keeps the new ones, encrypted.`,
    78,
    '',
  );
}

async function deleteBackup(context: Context, { words, backup }: Attempt): Promise<void> {
  await during(`Error deleting ${words.what} backed up keys`, context.client.delete(backup));
  context.out.print('Success! Deleted backed up keys (if they existed)');
}

async function showBackup(context: Context, { words, backup }: Attempt): Promise<void> {
  const kept = await during(`Error retrieving ${words.what} backed up keys`, context.client.read(backup));
  if (kept !== undefined) await context.out.envelope(kept);
}

async function cancel(context: Context, { words, base, verify }: Attempt): Promise<void> {
  const path = verify ? `${base}/verify` : `${base}/init`;
  await during(`Error canceling ${words.what}`, context.client.delete(path));
  context.out.print(words.cancelled);
}

async function start(
  context: Context,
  { words, target, base, verify }: Attempt,
  values: ValuesOf<typeof flags>,
): Promise<void> {
  const body = {
    secret_shares: values['key-shares'] ?? 5,
    secret_threshold: values['key-threshold'] ?? 3,
    pgp_keys: values['pgp-keys'].map(readPgpFile),
    backup: values.backup === true,
    require_verification: verify,
  };
  const made = await during(`Error initializing ${words.what}`, context.client.write(`${base}/init`, body));
  if (body.pgp_keys.length === 0 && context.out.isTable) {
    context.out.note(lostKeys(target));
    context.out.print('');
  }
  await showStatus(context, made?.data ?? {});
}

async function statusOf(context: Context, { words, base, verify }: Attempt): Promise<Data> {
  const path = `${base}/${verify ? 'verify' : 'init'}`;
  const found = await during(`Error getting ${words.what} status`, context.client.read(path));
  return found?.data ?? {};
}

async function give(context: Context, attempt: Attempt, given: string | undefined): Promise<void> {
  const { words, target, verify, base } = attempt;
  const before = await statusOf(context, attempt);
  if (before['started'] !== true) {
    throw new CommandError(wrapText(`${words.starting} "lockstep operator ${words.name} -init".`, 78, ''));
  }
  const key = target === 'recovery' ? 'Recovery' : 'Unseal';
  const nonces = { flag: attempt.nonce, attempt: toText(before['nonce'] ?? ''), title: words.nonce, key };
  const body = await shareFrom(context, given, nonces);
  const path = `${base}/${verify ? 'verify' : 'update'}`;
  const done = (await during('Error posting unseal key', context.client.write(path, body)))?.data ?? {};
  if (done['complete'] !== true) return showStatus(context, await statusOf(context, attempt));
  if (verify) return context.out.print(wrapText(words.verified, 78, ''));
  await showKeys(context, words, { done, before, target });
  if (done['verification_required'] === true && context.out.isTable) {
    await showStatus(context, await statusOf(context, { ...attempt, verify: true }));
  }
}

interface Done {
  readonly done: Data;
  readonly before: Data;
  readonly target: string;
}

async function showKeys(context: Context, words: Words, { done, before, target }: Done): Promise<void> {
  const keys = texts(done['keys_base64']);
  const prints = texts(done['pgp_fingerprints']);
  const shown = keys.map((key, at) => {
    const print = prints[at];
    return print === undefined ? `Key ${at + 1}: ${key}` : `Key ${at + 1} fingerprint: ${print}; value: ${key}`;
  });
  await context.out.value(done, () => {
    if (keys.length === 0) return '\n\nBarrier root key rotated using recovery keys.';
    const lines = ['', ...shown, '', `Operation nonce: ${toText(done['nonce'] ?? '')}`, ''];
    return [...lines, wrapText(afterwards(words, { done, before, target }), 78, '')].join('\n');
  });
}

function afterwards(words: Words, { done, before, target }: Done): string {
  const [shares, threshold] = [toText(before['n'] ?? 0), toText(before['t'] ?? 0)];
  const recovery = target === 'recovery';
  const unseal = recovery
    ? ''
    : ` When Lockstep is re-sealed, restarted, or stopped, you must supply at least ${threshold} of these keys to unseal it before it can start servicing requests.`;
  if (done['verification_required'] !== true) {
    return `Lockstep ${recovery ? 'recovery' : 'unseal'} keys ${words.done} to ${shares} key shares and a key threshold of ${threshold}. Please securely distribute the key shares printed above.${unseal}`;
  }
  return `Lockstep has created a new ${recovery ? 'recovery' : 'unseal'} key, split into ${shares} key shares and a key threshold of ${threshold}. These will not be active until after verification is complete: keep the current keys until then. Please securely distribute the key shares printed above.${unseal}\n`;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** In the order of Vault's JSON. */
const verificationFields = ['nonce', 'started', 't', 'n', 'progress'];
const attemptFields = [
  ...[...verificationFields, 'required', 'pgp_fingerprints', 'backup'],
  ...['verification_required', 'verification_nonce'],
];

async function showStatus(context: Context, data: Data): Promise<void> {
  const attempt = 'required' in data;
  const json = new Map((attempt ? attemptFields : verificationFields).map((name) => [name, data[name] ?? null]));
  await context.out.rows(attempt ? attemptRows(data) : verificationRows(data), json);
}

function attemptRows(data: Data): readonly Row[] {
  const text = (name: string): string => toText(data[name] ?? '');
  const rows: Row[] = [
    ['Nonce', text('nonce') || 'n/a'],
    ['Started', text('started')],
  ];
  if (data['started'] === true) {
    rows.push(['Progress', `${text('progress')}/${text('required')}`]);
    if (data['n'] !== 0) rows.push(['New Shares', text('n')], ['New Threshold', text('t')]);
    rows.push(['Verification Required', text('verification_required')]);
    if (text('verification_nonce') !== '') rows.push(['Verification Nonce', text('verification_nonce')]);
  }
  const prints = texts(data['pgp_fingerprints']);
  if (prints.length > 0) rows.push(['PGP Fingerprints', `[${prints.join(' ')}]`], ['Backup', text('backup')]);
  return rows;
}

function verificationRows(data: Data): readonly Row[] {
  const text = (name: string): string => toText(data[name] ?? '');
  return [
    ['Started', text('started')],
    ['New Shares', text('n')],
    ['New Threshold', text('t')],
    ['Verification Nonce', text('nonce')],
    ['Verification Progress', `${text('progress')}/${text('t')}`],
  ];
}

export const rotateKeys = rekeyCommand(rotation);
export const rekey = rekeyCommand(rekeying);
