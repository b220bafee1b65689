/** What secrets engines and auth methods have in common: they are enabled, tuned, moved and disabled alike. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isObject } from '../client/json.ts';
import { command, type Command } from './command.ts';
import type { Context } from './context.ts';
import { cleanPath } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag, type ValuesOf } from './flags.ts';
import { briefAuthTable, mountsOf, showMounts } from './mount-view.ts';
import { defined } from '../lib/defined.ts';
import { seconds } from './token.ts';

export interface Mounts {
  readonly verb: 'secrets' | 'auth';
  /** `secrets engine`, `auth method`. */
  readonly noun: string;
  /** Of the API: `sys/mounts`, `sys/auth`. */
  readonly base: string;
  /** What `sys/remount` has before the path: nothing, or `auth/`. */
  readonly prefix: string;
  readonly example: string;
}

const tuneFlags = {
  'allowed-response-headers': flag.list('A response header that the plugin may set.'),
  'audit-non-hmac-request-keys': flag.list('A request field that audit logs show in clear.'),
  'audit-non-hmac-response-keys': flag.list('A response field that audit logs show in clear.'),
  'default-lease-ttl': flag.duration('How long leases and tokens live unless asked otherwise.'),
  description: flag.text('What people are told.'),
  'listing-visibility': flag.text('Whether it is listed to whoever may not see it.', {
    choices: ['unauth', 'hidden', ''],
  }),
  'max-lease-ttl': flag.duration('How long leases and tokens can live at most.'),
  options: flag.map('An option of the plugin.'),
  'passthrough-request-headers': flag.list('A request header that the plugin sees.'),
  'plugin-version': flag.text('The version of the plugin.'),
  'token-type': flag.text('What kind of tokens an auth method makes.', {
    choices: ['default-service', 'default-batch', 'service', 'batch'],
  }),
  'user-lockout-counter-reset-duration': flag.duration(
    'After how long without a failed login they are counted from the start.',
  ),
  'user-lockout-disable': flag.boolean('Lock no user out.'),
  'user-lockout-duration': flag.duration('How long a user is locked out.'),
  'user-lockout-threshold': flag.integer('After how many failed logins a user is locked out.'),
  version: flag.integer('The version of a key-value engine.'),
};
type TuneValues = ValuesOf<typeof tuneFlags>;

/** `a secrets engine`, `an auth method`. */
function one(noun: string): string {
  return `${noun.startsWith('a') ? 'an' : 'a'} ${noun}`;
}

function listed(items: readonly string[]): readonly string[] | undefined {
  return items.length === 0 ? undefined : items;
}

function lockoutOf(values: TuneValues): Readonly<Record<string, unknown>> | undefined {
  const given = defined({
    lockout_threshold: values['user-lockout-threshold'],
    lockout_duration: seconds(values['user-lockout-duration']),
    lockout_counter_reset_duration: seconds(values['user-lockout-counter-reset-duration']),
    lockout_disable: values['user-lockout-disable'],
  });
  return Object.keys(given).length === 0 ? undefined : given;
}

/** Only what was given. */
function configOf(values: TuneValues): Readonly<Record<string, unknown>> {
  return defined({
    default_lease_ttl: seconds(values['default-lease-ttl']),
    max_lease_ttl: seconds(values['max-lease-ttl']),
    audit_non_hmac_request_keys: listed(values['audit-non-hmac-request-keys']),
    audit_non_hmac_response_keys: listed(values['audit-non-hmac-response-keys']),
    listing_visibility: values['listing-visibility'],
    passthrough_request_headers: listed(values['passthrough-request-headers']),
    allowed_response_headers: listed(values['allowed-response-headers']),
    plugin_version: values['plugin-version'],
    token_type: values['token-type'],
    user_lockout_config: lockoutOf(values),
  });
}

function optionsOf(values: TuneValues): Readonly<Record<string, string>> | undefined {
  const version = values.version === undefined ? {} : { version: String(values.version) };
  const options = { ...values.options, ...version };
  return Object.keys(options).length === 0 ? undefined : options;
}

export function enableCommand({ verb, noun, base, example }: Mounts): Command {
  return command({
    summary: `Enable ${one(noun)}`,
    args: { usage: 'TYPE', least: 1, most: 1 },
    flags: {
      ...tuneFlags,
      'external-entropy-access': flag.boolean('Let it use an outside source of entropy.'),
      'force-no-cache': flag.boolean('Without a cache.'),
      local: flag.boolean('In this region only: never replicated.'),
      path: flag.text('Where; default: the name of the type.'),
      'plugin-name': flag.text('The plugin, for the type "plugin".'),
      'seal-wrap': flag.boolean('Wrap its critical values with the seal too.'),
    },
    examples: [{ note: `Enable one at a path of its own:`, line: `${verb} enable -path=mine ${example}` }],
    run: async (context, { values, args: [type = ''] }) => {
      const wanted = type === 'plugin' ? (values['plugin-name'] ?? type) : type;
      const path = cleanPath(values.path ?? wanted);
      const body = defined({
        type: wanted,
        description: values.description,
        config: { ...configOf(values), ...defined({ force_no_cache: values['force-no-cache'] }) },
        options: optionsOf(values),
        local: values.local,
        seal_wrap: values['seal-wrap'],
        external_entropy_access: values['external-entropy-access'],
      });
      const what = verb === 'auth' ? `Error enabling ${wanted} auth` : 'Error enabling';
      await during(what, context.client.request('POST', `${base}/${path}`, body));
      context.out.print(
        `Success! Enabled ${verb === 'auth' ? `${wanted} auth method` : `the ${wanted} secrets engine`} at: ${path}/`,
      );
    },
  });
}

export function disableCommand({ verb, noun, base, example }: Mounts): Command {
  return command({
    summary: `Disable the ${noun} at a path, and remove all that it holds`,
    args: { usage: 'PATH', least: 1, most: 1 },
    examples: [{ note: 'Disable it:', line: `${verb} disable ${example}` }],
    run: async (context, { args: [target = ''] }) => {
      const path = cleanPath(target);
      if (path === '') throw new CommandError('Missing path: an empty one would name every mount', exit.local);
      await during(`Error disabling ${noun} at ${path}/`, context.client.delete(`${base}/${path}`));
      context.out.print(`Success! Disabled the ${noun} (if it existed) at: ${path}/`);
    },
  });
}

export function listCommand({ verb, noun, base }: Mounts): Command {
  return command({
    summary: `List the enabled ${noun}s`,
    flags: { detailed: flag.boolean('With all settings.') },
    output: 'format',
    examples: [{ note: 'With all settings:', line: `${verb} list -detailed` }],
    run: async (context, { values }) => {
      const found = await during(`Error listing ${noun}s`, context.client.read(base));
      if (verb === 'auth' && context.out.format === 'table' && values.detailed !== true) {
        context.out.print(briefAuthTable(mountsOf(found?.data)));
        return;
      }
      await showMounts(context, found?.data, values.detailed === true ? verb : undefined);
    },
  });
}

export function tuneCommand({ verb, noun, prefix, example }: Mounts): Command {
  return command({
    summary: `Change settings of ${one(noun)}`,
    description: 'What is not given stays as it is.',
    args: { usage: 'PATH', least: 1, most: 1 },
    flags: tuneFlags,
    examples: [{ note: 'Let leases live 72 hours:', line: `${verb} tune -default-lease-ttl=72h ${example}/` }],
    run: async (context, { values, args: [target = ''] }) => {
      const path = cleanPath(target);
      const body = { ...configOf(values), ...defined({ description: values.description, options: optionsOf(values) }) };
      const work = context.client.request('POST', `sys/mounts/${prefix}${path}/tune`, body);
      await during(`Error tuning ${noun} ${path}/`, work);
      context.out.print(`Success! Tuned the ${noun} at: ${path}/`);
    },
  });
}

export function moveCommand({ verb, noun, prefix, example }: Mounts): Command {
  return command({
    summary: `Move ${one(noun)} to another path`,
    description: 'Its leases are revoked.',
    args: { usage: 'SOURCE DESTINATION', least: 2, most: 2 },
    examples: [{ note: 'Move it:', line: `${verb} move ${example}/ other/` }],
    run: async (context, { args: [source = '', destination = ''] }) => {
      const [from, to] = [`${cleanPath(source)}/`, `${cleanPath(destination)}/`];
      const what = `Error moving ${noun} ${from} to ${to}`;
      const body = { from: `${prefix}${from}`, to: `${prefix}${to}` };
      const reply = await during(what, context.client.write('sys/remount', body));
      const id = reply?.data?.['migration_id'];
      const named = typeof id === 'string' ? `, with migration ID ${id}` : '';
      if (typeof id === 'string') {
        context.out.print(`Started moving ${noun} ${from} to ${to}${named}`);
        await during(what, awaitMove(context, id, what));
      }
      context.out.print(`Success! Finished moving ${noun} ${from} to ${to}${named}`);
    },
  });
}

const pollMs = 200;

async function awaitMove(context: Context, id: string, what: string): Promise<void> {
  for (;;) {
    const found = await context.client.read(`sys/remount/status/${id}`);
    const info = found?.data?.['migration_info'];
    const status = isObject(info) ? info['status'] : undefined;
    if (status === 'success') return;
    if (status !== 'in-progress') throw new CommandError(`${what}: the server reports ${String(status)}`, exit.server);
    await sleep(pollMs);
  }
}
