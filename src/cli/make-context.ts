import { loadClientConfig, type ClientConfig, type ClientFlags } from '../config/client.ts';
import type { Command } from './command.ts';
import { Context } from './context.ts';
import { asCurl, asPolicy } from './described.ts';
import { UsageError, type Parsed } from './flags.ts';
import { Output, type Format } from './output.ts';
import type { Terminal } from './terminal.ts';

const configFlags = [
  'address',
  'agent-address',
  'ca-cert',
  'ca-path',
  'client-cert',
  'client-key',
  'disable-redirects',
  'namespace',
  'tls-server-name',
  'tls-skip-verify',
] as const;

/** Flags go before the environment. Throws UsageError and `invalidConfig`. */
export function makeContext(command: Command, { values }: Parsed, terminal: Terminal): Context {
  const config = loadClientConfig({ flags: configOf(values) });
  const wraps = optional(values['wrap-ttl']) !== undefined || config.wrap_ttl !== undefined;
  const output = new Output(terminal, formatOf(command, values, config), optional(values['field']), wraps);
  const describe = values['output-curl-string'] === true ? asCurl : undefined;
  const headers = values['header'] as Readonly<Record<string, string>> | undefined;
  for (const name of Object.keys(headers ?? {})) {
    if (name.toLowerCase().startsWith('x-vault-')) {
      throw new UsageError(`invalid value for flag -header: ${name} is the client's own, like all X-Vault- headers`);
    }
  }
  return new Context({
    terminal,
    config,
    output,
    headers: headers ?? {},
    wrapTtl: optional(values['wrap-ttl']),
    commands: async () => (await import('./command-tree.ts')).commandTree(),
    interactive: values['non-interactive'] !== true,
    describe: describe ?? (values['output-policy'] === true ? asPolicy : undefined),
  });
}

function configOf(values: Parsed['values']): ClientFlags {
  const given = configFlags.filter((name) => values[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name.replaceAll('-', '_'), values[name]])) as ClientFlags;
}

function formatOf(command: Command, values: Parsed['values'], config: ClientConfig): Format {
  if (command.output === undefined || command.output === 'none') return 'table';
  const format = (values['format'] as Format | undefined) ?? config.format;
  if (format === 'raw' && command.raw !== true) {
    throw new UsageError('This command does not support the -format=raw option.');
  }
  return format;
}

function optional(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
