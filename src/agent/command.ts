/** `lockstep agent`: logs in, keeps secrets in files, follows their changes. */
import { loadAgentConfig, type AgentConfig } from '../config/agent.ts';
import { fail, isLockstepError } from '../errors.ts';
import { defined } from '../lib/defined.ts';
import { armFailpoints } from '../lib/failpoint.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { commonFlags, parseFlags } from '../lib/program/arguments.ts';
import { openLogOutput, type LogOutput } from '../lib/program/log-output.ts';
import { writePidFile } from '../lib/program/pid-file.ts';
import { Agent } from './agent.ts';

const USAGE = `Usage: lockstep agent -config=<path> [options]

  Logs in at a server, writes secrets and templates into files and follows their changes. Each file is replaced at once;
  an encrypted copy lets the agent start again while the server is away.

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

const OPTIONS = { ...commonFlags, 'exit-after-auth': { type: 'boolean' } } as const;

const parse = (argv: readonly string[]) => parseFlags(argv, OPTIONS);

function configOf(values: ReturnType<typeof parse>): AgentConfig {
  const files = values.config ?? [];
  if (files.length === 0) throw fail('invalidConfig', 'Must specify at least one config path using -config');
  const given = {
    exit_after_auth: values['exit-after-auth'],
    log_level: values['log-level'],
    log_format: values['log-format'],
    log_file: values['log-file'],
  };
  return loadAgentConfig({ files, flags: defined(given) });
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
  try {
    return await agent.run();
  } finally {
    await output.close();
  }
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
    const output = openLogOutput(config.log_file, (line) => {
      process.stderr.write(line);
    });
    const log = createLogger({
      level: config.log_level,
      format: config.log_format === 'json' ? 'json' : 'standard',
      write: (line) => {
        output.write(line);
      },
      now: Date.now,
    });
    for (const warning of config.warnings) log.warn(warning);
    using _pid = writePidFile(config.pid_file);
    return await serve(new Agent(config, log), output, log);
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    process.stderr.write(`error running the agent: ${error.message}\n`);
    return 1;
  }
}
