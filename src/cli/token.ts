import { defined } from '../lib/defined.ts';
import type { Envelope } from '../client/envelope.ts';
import { command, group } from './command.ts';
import type { Context } from './context.ts';
import { cleanPath, showFound } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag, UsageError } from './flags.ts';

const accessorFlag = { accessor: flag.boolean('The argument is an accessor.') };

const create = command({
  summary: 'Create a token',
  flags: {
    'display-name': flag.text('A name that logs show.'),
    'entity-alias': flag.text('The alias of the entity that the token acts for; needs -role.'),
    'explicit-max-ttl': flag.duration('It can never be renewed beyond this.'),
    id: flag.text('The token itself; root only. It then stands in the process list.'),
    metadata: flag.map('A pair that audit logs show.'),
    'no-default-policy': flag.boolean('Without the policy "default".'),
    orphan: flag.boolean('Without a parent: it outlives the token that made it.'),
    period: flag.duration('Every renewal gives it this long again, without end.'),
    policy: flag.list('A policy; default: those of the own token.', { value: 'name' }),
    renewable: flag.boolean('Whether it can be renewed; default true.'),
    role: flag.text('Make it by this role.'),
    ttl: flag.duration('How long it lives unless renewed.'),
    type: flag.text('What kind it is; default service.', { choices: ['service', 'batch'] }),
    'use-limit': flag.integer('How often it can be used; 0 without limit.'),
  },
  output: 'field',
  examples: [
    { note: 'A token with one policy:', line: 'token create -policy=web -ttl=1h' },
    { note: 'The token alone, for a script:', line: 'token create -policy=web -field=token' },
  ],
  run: async (context, { values }) => {
    const path = values.role === undefined ? 'auth/token/create' : `auth/token/create/${values.role}`;
    const body = defined({
      id: values.id,
      policies: values.policy.length === 0 ? undefined : values.policy,
      meta: Object.keys(values.metadata).length === 0 ? undefined : values.metadata,
      ttl: seconds(values.ttl),
      explicit_max_ttl: seconds(values['explicit-max-ttl']),
      period: seconds(values.period),
      display_name: values['display-name'],
      entity_alias: values['entity-alias'],
      num_uses: values['use-limit'],
      renewable: values.renewable ?? true,
      no_default_policy: values['no-default-policy'],
      no_parent: values.orphan,
      type: values.type ?? 'service',
    });
    const found = await during('Error creating token', context.client.write(path, body));
    await show(context, found, 'Error creating token');
  },
});

const lookup = command({
  summary: 'Show what a token is and may still do',
  args: { usage: '[TOKEN | ACCESSOR]', least: 0, most: 1 },
  flags: accessorFlag,
  output: 'field',
  examples: [
    { note: 'The own token:', line: 'token lookup' },
    { note: 'Another one, by its accessor:', line: 'token lookup -accessor 9793c9b3' },
  ],
  run: async (context, { values, args: [given] }) => {
    const { client } = context;
    const named = checkAccessor(values.accessor, given);
    const work =
      named === undefined
        ? client.read('auth/token/lookup-self')
        : named.kind === 'accessor'
          ? client.write('auth/token/lookup-accessor', { accessor: named.id }, { replay: 'safe' })
          : client.write('auth/token/lookup', { token: named.id }, { replay: 'safe' });
    await show(context, await during('Error looking up token', work), 'Error looking up token');
  },
});

const renew = command({
  summary: 'Give a token more time',
  args: { usage: '[TOKEN | ACCESSOR]', least: 0, most: 1 },
  flags: {
    ...accessorFlag,
    increment: flag.duration('How long to ask for; the server may give less.', { aliases: ['i'] }),
  },
  output: 'field',
  examples: [{ note: 'The own token:', line: 'token renew' }],
  run: async (context, { values, args: [given] }) => {
    const named = checkAccessor(values.accessor, given);
    const increment = defined({ increment: seconds(values.increment) });
    const { client } = context;
    const work =
      named === undefined
        ? client.write('auth/token/renew-self', increment)
        : named.kind === 'accessor'
          ? client.write('auth/token/renew-accessor', { accessor: named.id, ...increment })
          : client.write('auth/token/renew', { token: named.id, ...increment });
    await show(context, await during('Error renewing token', work), 'Error renewing token');
  },
});

const revoke = command({
  summary: 'End a token, and with it its children and leases',
  args: { usage: '[TOKEN | ACCESSOR]', least: 0, most: 1 },
  flags: {
    ...accessorFlag,
    mode: flag.text('"orphan": the children live on. "path": all tokens made at the path given.', {
      choices: ['orphan', 'path'],
    }),
    self: flag.boolean('The own token.'),
  },
  examples: [
    { note: 'A token:', line: 'token revoke hvs.CAESI...' },
    { note: 'The own token:', line: 'token revoke -self' },
  ],
  run: async (context, { values, args: [given] }) => {
    if (values.self === true && given !== undefined) {
      throw new UsageError('Too many arguments with -self (expected 0, got 1)');
    }
    if (values.self !== true && given === undefined) {
      throw new UsageError('Not enough arguments (expected 1 or -self, got 0)');
    }
    const [path, body] = revocationOf(given, values.accessor === true, values.mode);
    await during('Error revoking token', context.client.write(path, body));
    context.out.print('Success! Revoked token (if it existed)');
  },
});

function revocationOf(
  given: string | undefined,
  accessor: boolean,
  mode: string | undefined,
): readonly [string, object | undefined] {
  if (given === undefined) return ['auth/token/revoke-self', undefined];
  if (accessor && mode !== undefined) throw new UsageError('-accessor and -mode cannot go together');
  if (accessor) return ['auth/token/revoke-accessor', { accessor: given }];
  if (mode === 'path') return [`sys/leases/revoke-prefix/${cleanPath(given)}`, undefined];
  return [mode === 'orphan' ? 'auth/token/revoke-orphan' : 'auth/token/revoke', { token: given }];
}

const capabilities = command({
  summary: 'Show what a token may do at a path',
  args: { usage: '[TOKEN] PATH', least: 1, most: 2 },
  output: 'format',
  examples: [
    { note: 'The own token:', line: 'token capabilities secret/data/web/db' },
    { note: 'Another one:', line: 'token capabilities hvs.CAESI... secret/data/web/db' },
  ],
  run: async (context, { args }) => {
    const path = args.at(-1) ?? '';
    const token = args.length === 2 ? args[0] : undefined;
    const { client } = context;
    const work =
      token === undefined
        ? client.write('sys/capabilities-self', { paths: [path] }, { replay: 'safe' })
        : client.write('sys/capabilities', { token, paths: [path] }, { replay: 'safe' });
    const found = await during('Error listing capabilities', work);
    const listed = found?.data?.[path] ?? found?.data?.['capabilities'];
    if (!Array.isArray(listed)) throw new CommandError('No capabilities found', exit.server);
    const sorted = listed.map(String).sort();
    await context.out.value(sorted, () => sorted.join(', '));
  },
});

type Named = { readonly kind: 'token' | 'accessor'; readonly id: string };

function checkAccessor(accessor: boolean | undefined, given: string | undefined): Named | undefined {
  if (accessor === true && given === undefined) {
    throw new UsageError('Not enough arguments with -accessor (expected 1, got 0)');
  }
  return given === undefined ? undefined : { kind: accessor === true ? 'accessor' : 'token', id: given };
}

async function show(context: Context, found: Envelope | undefined, what: string): Promise<void> {
  if (found === undefined) throw new CommandError(`${what}: the server answered without content`, exit.server);
  await showFound(context, found, what);
}

/** As Vault's API takes durations; absent stays absent. */
export function seconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value}s`;
}

export const token = group({
  summary: 'Create, look up, renew and revoke tokens',
  examples: [{ note: 'Create one:', line: 'token create -policy=web' }],
  commands: { capabilities, create, lookup, renew, revoke },
});
