import { command } from './command.ts';
import type { Context } from './context.ts';
import { during, exit } from './errors.ts';
import { flag } from './flags.ts';
import { toText } from './go-format.ts';
import { readPgpFile } from './key-input.ts';
import type { Data } from './pairs.ts';

export const init = command({
  summary: 'Initialise a server: make its keys and the first root token',
  description:
    'The unseal keys and the root token are shown this once and stored nowhere. Give each key to another person, and ' +
    'revoke the root token after the first set-up.',
  flags: {
    'key-shares': flag.integer('How many parts the root key is split into; default 5.', { aliases: ['n'] }),
    'key-threshold': flag.integer('How many parts unseal; default 3.', { aliases: ['t'] }),
    'recovery-shares': flag.integer('With auto-unseal: how many recovery keys there are; default 5.'),
    'recovery-threshold': flag.integer('With auto-unseal: how many of them are needed; default 3.'),
    'pgp-keys': flag.list('Files with public PGP keys, one for each key, which is then shown encrypted to it.'),
    'recovery-pgp-keys': flag.list('The same for the recovery keys, with auto-unseal.'),
    'root-token-pgp-key': flag.path('A file with the public PGP key that the root token is encrypted to.'),
    status: flag.boolean('Only say whether the server is initialised: exit code 0 it is, 2 it is not, 1 an error.'),
  },
  output: 'format',
  examples: [
    { note: 'Five keys, of which three unseal:', line: 'operator init' },
    { note: 'One key, for a script:', line: 'operator init -key-shares=1 -key-threshold=1 -format=json' },
  ],
  run: async (context, { values }) => {
    if (values.status === true) return showWhether(context);
    const seal = await during('Error asking for the seal', context.inquirer.read('sys/seal-status'));
    const body = { ...(isAuto(seal?.data ?? {}) ? recoveryBody(values) : sharesBody(values)), ...pgpBody(values) };
    const reply = await during('Error initializing', context.client.write('sys/init', body));
    await showKeys(context, reply?.data ?? {}, body);
    return exit.ok;
  },
});

async function showWhether(context: Context): Promise<number> {
  const found = await during('Error checking initialization', context.client.read('sys/init'), exit.local);
  const initialized = found?.data?.['initialized'] === true;
  context.out.print(`Vault is ${initialized ? '' : 'not '}initialized`);
  return initialized ? exit.ok : exit.server;
}

/** Auto-unseal keeps its own key; the shares are then for recovery. */
function isAuto(seal: Data): boolean {
  return seal['recovery_seal'] === true || (typeof seal['type'] === 'string' && seal['type'] !== 'shamir');
}

type Given = Readonly<Record<string, unknown>>;

function sharesBody(values: Given): Readonly<Record<string, unknown>> {
  return { secret_shares: values['key-shares'] ?? 5, secret_threshold: values['key-threshold'] ?? 3 };
}

function recoveryBody(values: Given): Readonly<Record<string, unknown>> {
  const shares = { recovery_shares: values['recovery-shares'] ?? 5 };
  return { ...shares, recovery_threshold: values['recovery-threshold'] ?? 3 };
}

interface PgpFiles {
  readonly 'pgp-keys': readonly string[];
  readonly 'recovery-pgp-keys': readonly string[];
  readonly 'root-token-pgp-key': string | undefined;
}

function pgpBody(files: PgpFiles): Readonly<Record<string, unknown>> {
  const [keys, recovery] = [files['pgp-keys'].map(readPgpFile), files['recovery-pgp-keys'].map(readPgpFile)];
  const root = files['root-token-pgp-key'];
  return {
    ...(keys.length === 0 ? {} : { pgp_keys: keys }),
    ...(recovery.length === 0 ? {} : { recovery_pgp_keys: recovery }),
    ...(root === undefined ? {} : { root_token_pgp_key: readPgpFile(root) }),
  };
}

async function showKeys(context: Context, reply: Data, body: Given): Promise<void> {
  const unsealKeys = textsOf(reply['keys_base64']);
  const recoveryKeys = textsOf(reply['recovery_keys_base64']);
  const json = new Map<string, unknown>([
    ['unseal_keys_b64', unsealKeys],
    ['unseal_keys_hex', textsOf(reply['keys'])],
    ['unseal_shares', body['secret_shares'] ?? 1],
    ['unseal_threshold', body['secret_threshold'] ?? 1],
    ['recovery_keys_b64', recoveryKeys.length === 0 ? null : recoveryKeys],
    ['recovery_keys_hex', recoveryKeys.length === 0 ? null : textsOf(reply['recovery_keys'])],
    ['recovery_keys_shares', body['recovery_shares'] ?? 0],
    ['recovery_keys_threshold', body['recovery_threshold'] ?? 0],
    ['root_token', reply['root_token'] ?? ''],
  ]);
  await context.out.value(json, () =>
    [
      ...unsealKeys.map((key, at) => `Unseal Key ${at + 1}: ${key}`),
      ...recoveryKeys.map((key, at) => `Recovery Key ${at + 1}: ${key}`),
      `\nInitial Root Token: ${toText(reply['root_token'] ?? '')}\n`,
      recoveryKeys.length === 0 ? sharesNote(json) : recoveryNote(json),
    ].join('\n'),
  );
}

function sharesNote(json: ReadonlyMap<string, unknown>): string {
  const shares = String(json.get('unseal_shares'));
  const threshold = String(json.get('unseal_threshold'));
  return [
    `Initialized with ${shares} key shares and a key threshold of ${threshold}. Hand each key shown above to`,
    'another person: they are stored nowhere. After each restart and each sealing, this',
    `node needs ${threshold} of them before it serves. With fewer left, its data cannot be read again.`,
  ].join('\n');
}

function recoveryNote(json: ReadonlyMap<string, unknown>): string {
  const shares = String(json.get('recovery_keys_shares'));
  const threshold = String(json.get('recovery_keys_threshold'));
  return [
    `Initialized with ${shares} recovery shares and a recovery threshold of ${threshold}. The node unseals itself;`,
    'the recovery keys authorise what only a quorum of people may do. They are stored nowhere.',
  ].join('\n');
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
