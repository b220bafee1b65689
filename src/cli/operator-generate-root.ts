import { randomBase62 } from '../lib/crypto/random.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { CommandError, during } from './errors.ts';
import { flag } from './flags.ts';
import { toText } from './go-format.ts';
import { readPgpFile, shareFrom } from './key-input.ts';
import { wrapText } from './output.ts';
import type { Data } from './pairs.ts';
import { alignColumns } from './table.ts';

const OTP_LENGTH = 28;

interface Paths {
  readonly attempt: string;
  readonly update: string;
}

/** Of the node, which a listener may serve without a token; of a namespace with a seal of its own at OpenBao's address. */
function pathsOf(context: Context, recovery: boolean): Paths {
  const root = inNamespace(context) ? 'sys/generate-root-token' : 'sys/generate-root';
  const base = recovery ? 'sys/generate-recovery-token' : root;
  return { attempt: `${base}/attempt`, update: `${base}/update` };
}

function inNamespace({ client }: Context): boolean {
  const namespace = (client.settings.namespace ?? '').replace(/^\/|\/$/g, '');
  return namespace !== '' && namespace !== 'root';
}

export const generateRoot = command({
  summary: 'Make a new root token by enough keys',
  description:
    'One person starts with -init and keeps the one-time password, or names a PGP key; enough holders of unseal keys (of ' +
    'recovery keys with auto-unseal) each give theirs with the nonce; the first decodes the result with -decode. The ' +
    'server asks for a token with sudo unless its listener says otherwise. With -namespace: a token of that namespace, by ' +
    'the keys of its own seal.',
  args: { usage: '[KEY]', least: 0, most: 1 },
  flags: {
    init: flag.boolean('Start an attempt; only when there is none.'),
    cancel: flag.boolean('Drop the attempt and the keys given so far.'),
    status: flag.boolean('Print how far the attempt is.'),
    decode: flag.text('Decode this result with -otp; "-" reads it from standard input.'),
    'recovery-token': flag.boolean('Of a server in recovery mode: make the token that reads and changes its records.'),
    'generate-otp': flag.boolean('Print a one-time password for -init.'),
    otp: flag.text('The one-time password, for -init or -decode.'),
    'pgp-key': flag.path('A file with the public PGP key that the token is encrypted to.'),
    nonce: flag.text('The nonce of the attempt, with a key that is not typed at the terminal.'),
  },
  output: 'format',
  examples: [
    { note: 'Start, with a one-time password that is made for you:', line: 'operator generate-root -init' },
    { note: 'Give a key from a pipe:', line: 'operator generate-root -nonce=UUID -' },
    { note: 'Read the token:', line: 'operator generate-root -decode=ENCODED -otp=PASSWORD' },
  ],
  run: async (context, { values, args: [key] }) => {
    const paths = pathsOf(context, values['recovery-token'] === true);
    if (values['generate-otp'] === true) return showOtp(context, paths);
    if (values.decode !== undefined) return decode(context, values.decode, values.otp);
    if (values.cancel === true) return cancel(context, paths);
    if (values.init === true) {
      return start(context, paths, { otp: values.otp ?? '', pgpFile: values['pgp-key'] });
    }
    const found = await statusOf(context, paths);
    if (values.status === true) return show(context, found);
    return give(context, found, { key, nonce: values.nonce, paths });
  },
});

async function give(
  context: Context,
  attempt: Data,
  given: { readonly key: string | undefined; readonly nonce: string | undefined; readonly paths: Paths },
): Promise<void> {
  if (attempt['started'] !== true) {
    const remedy = 'Start a root generation by running "lockstep operator generate-root -init".';
    context.out.note(wrapText(`No root generation is in progress. ${remedy}`, 78, ''));
    const length = toText(attempt['otp_length'] ?? OTP_LENGTH);
    throw new CommandError(`A one-time password of your own must be ${length} characters long.`);
  }
  const nonce = toText(attempt['nonce'] ?? '');
  const nonces = { flag: given.nonce, attempt: nonce, title: 'Operation nonce', key: 'Unseal' };
  const body = await shareFrom(context, given.key, nonces);
  const reply = await during('Error posting unseal key', context.client.write(given.paths.update, body));
  await show(context, reply?.data ?? {});
}

async function statusOf(context: Context, paths: Paths): Promise<Data> {
  const found = await during('Error getting root generation status', context.client.read(paths.attempt));
  return found?.data ?? {};
}

/** Tokens of a namespace are longer: how long, its server knows. */
async function showOtp(context: Context, paths: Paths): Promise<void> {
  const length = inNamespace(context) ? Number((await statusOf(context, paths))['otp_length']) : OTP_LENGTH;
  const otp = randomBase62(length);
  await context.out.value({ otp, otp_length: length }, () => otp);
}

async function start(
  context: Context,
  paths: Paths,
  { otp, pgpFile }: { readonly otp: string; readonly pgpFile: string | undefined },
): Promise<void> {
  if (otp !== '' && pgpFile !== undefined) {
    throw new CommandError('Error initializing: cannot specify both -otp and -pgp-key');
  }
  const body = { otp, pgp_key: pgpFile === undefined ? '' : readPgpFile(pgpFile) };
  const reply = await during('Error initializing root generation', context.client.write(paths.attempt, body));
  await show(context, reply?.data ?? {});
}

async function cancel(context: Context, paths: Paths): Promise<void> {
  await during('Error canceling root token generation', context.client.delete(paths.attempt));
  context.out.print('Success! Root token generation canceled (if it was started)');
}

/** Here, not at a server: it needs none, and nobody else shall see the token. */
async function decode(context: Context, given: string, otp: string | undefined): Promise<void> {
  if (otp === undefined || otp === '') throw new CommandError('Missing otp: use -otp to supply it');
  const encoded = Buffer.from((given === '-' ? await context.stdin() : given).trim(), 'base64');
  const pad = Buffer.from(otp);
  if (encoded.length !== pad.length) {
    throw new CommandError('Error decoding root token: the value and the one-time password are not of one length');
  }
  const token = Buffer.from(encoded.map((byte, at) => byte ^ (pad[at] ?? 0))).toString();
  await context.out.value({ token }, () => token);
}

const fields: readonly (readonly [string, unknown])[] = [
  ['nonce', ''],
  ['started', false],
  ['progress', 0],
  ['required', 0],
  ['complete', false],
  ['encoded_token', ''],
  ['encoded_root_token', ''],
  ['pgp_fingerprint', ''],
  ['otp', ''],
  ['otp_length', 0],
];

async function show(context: Context, data: Data): Promise<void> {
  const json = new Map(fields.map(([name, absent]) => [name, data[name] ?? absent]));
  const text = (name: string): string => toText(json.get(name));
  if (text('otp') !== '' && context.out.isTable) {
    context.out.note(
      wrapText(
        'A One-Time-Password has been generated for you and is shown in the OTP field. You will need this value to decode the resulting root token, so keep it safe.',
        78,
        '',
      ),
    );
  }
  const rows: (readonly [string, string])[] = [
    ['Nonce', text('nonce') || 'n/a'],
    ['Started', text('started')],
    ['Progress', `${text('progress')}/${text('required')}`],
    ['Complete', text('complete')],
  ];
  const more = [
    ['PGP Fingerprint', text('pgp_fingerprint')],
    ['Encoded Token', text('encoded_token')],
    ['OTP', text('otp')],
    ['OTP Length', text('complete') === 'true' ? '' : text('otp_length')],
  ] as const;
  rows.push(...more.filter(([, value]) => value !== '' && value !== '0'));
  await context.out.value(json, () => alignColumns(rows));
}
