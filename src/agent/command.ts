/** `lockstep agent`: logs in, keeps secrets in files, follows their changes. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadAgentConfig, type AgentConfig } from '../config/agent.ts';
import { fail, isLockstepError } from '../errors.ts';
import { armFailpoints } from '../lib/failpoint.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { Agent } from './agent.ts';

const USAGE = `Usage: lockstep agent -config=<path> [options]

  Logs in at a server, writes secrets into files and follows their changes. Each file is replaced at once; an encrypted
  copy lets the agent start again while the server is away.

      $ lockstep agent -config=/etc/lockstep/agent.hcl

  In an init container, to end once everything is in place:

      $ lockstep agent -config=/etc/lockstep/agent.hcl -exit-after-auth

  A configuration:

      lockstep { address = "https://eu.lockstep.example:8200" }
      auto_auth {
        method "approle" {
          config = {
            role_id_file_path   = "/etc/lockstep/role-id"
            secret_id_file_path = "/run/lockstep/secret-id"
          }
        }
      }
      secret "db" {
        path        = "secret/data/app/db"
        field       = "password"
        destination = "/run/secrets/db-password"
      }
      listener "tcp" { address = "127.0.0.1:8100", tls_disable = true }

  SIGHUP looks for new credentials and certificates, SIGTERM ends. See docs/agent.md.

Options:

  -config=<path>          A file, or a directory of .hcl and .json files. May be given several times.
  -exit-after-auth        End once every sink and every secret is in place.
  -log-level=<level>      trace, debug, info, warn or error.
  -log-format=<format>    standard or json.
  -log-file=<path>        A file to log to besides standard error.
`;

const OPTIONS = {
  config: { type: 'string', multiple: true },
  'exit-after-auth': { type: 'boolean' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  'log-file': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `-flag` is `--flag`, as Vault's commands have it. */
const doubled = (arg: string): string => (/^-[a-z]{2}/.test(arg) ? `-${arg}` : arg);

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: argv.map(doubled), options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw fail('invalidConfig', error instanceof Error ? error.message : 'the arguments are not valid');
  }
}

function configOf(values: ReturnType<typeof parse>): AgentConfig {
  const files = values.config ?? [];
  if (files.length === 0) throw fail('invalidConfig', 'Must specify at least one config path using -config');
  const given = {
    exit_after_auth: values['exit-after-auth'],
    log_level: values['log-level'],
    log_format: values['log-format'],
    log_file: values['log-file'],
  };
  const flags = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return loadAgentConfig({ files, flags });
}

/** Standard error, and the file; `reopen` follows a rotation. */
class LogOutput {
  readonly #path: string | undefined;
  #file: number | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
    this.reopen();
  }

  reopen(): void {
    if (this.#path === undefined) return;
    const opened = openSync(this.#path, 'a', 0o600);
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = opened;
  }

  write(line: string): void {
    process.stderr.write(line);
    if (this.#file !== undefined) writeSync(this.#file, line);
  }
}

async function serve(agent: Agent, output: LogOutput, log: Logger): Promise<number> {
  process.on('SIGHUP', () => {
    output.reopen();
    agent.reload().catch((error: unknown) => {
      log.error('cannot reload', { error: error instanceof Error ? error.message : 'unknown' });
    });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info('ending', { signal });
      agent.stop();
    });
  }
  return agent.run();
}

export async function run(argv: readonly string[]): Promise<number> {
  try {
    const values = parse(argv);
    if (values.help === true) {
      process.stdout.write(USAGE);
      return 0;
    }
    const config = configOf(values);
    armFailpoints(config.failpoints ?? '');
    const output = new LogOutput(config.log_file);
    const log = createLogger({
      level: config.log_level,
      format: config.log_format === 'json' ? 'json' : 'standard',
      write: (line) => {
        output.write(line);
      },
      now: Date.now,
    });
    for (const warning of config.warnings) log.warn(warning);
    return await serve(new Agent(config, log), output, log);
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    process.stderr.write(`error running the agent: ${error.message}\n`);
    return 1;
  }
}
