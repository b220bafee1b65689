/** An agent of this process at a test server, and a folder for its files. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { agentConfig } from '../config/agent.ts';
import type { Environment } from '../config/overlay.ts';
import { parseHcl } from '../lib/hcl/index.ts';
import { createLogger } from '../lib/log.ts';
import { Agent } from './agent.ts';
import { roleId, secretId, type TestServer } from './server.testing.ts';

export interface Running extends AsyncDisposable {
  readonly ended: Promise<number>;
  readonly agent: Agent;
  readonly lines: readonly string[];
  /** Resolves when a line of the log holds the text; `from` counts lines. */
  readonly logged: (text: string, from?: number) => Promise<string>;
}

export function workplace(t: TestContext) {
  const folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-agent-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  fs.writeFileSync(path('role-id'), `${roleId}\n`);
  fs.writeFileSync(path('secret-id'), `${secretId}\n`, { mode: 0o600 });
  return { folder, path, read: (name: string): string => fs.readFileSync(path(name), 'utf8') };
}
export type Workplace = ReturnType<typeof workplace>;

export interface Settings {
  readonly secrets?: string;
  readonly more?: string;
  readonly removed?: boolean;
  readonly method?: string;
  readonly env?: Environment;
}

export function run(
  server: TestServer,
  place: Workplace,
  { secrets, more = '', removed = false, method = '', env = {} }: Settings = {},
): Running {
  const text = `
    lockstep { address = "${server.address}" }
    auto_auth {
      method "approle" {
        min_backoff = "1ms"
        max_backoff = "10ms"
        ${method}
        config {
          role_id_file_path = "${place.path('role-id')}"
          secret_id_file_path = "${place.path('secret-id')}"
          remove_secret_id_file_after_reading = ${removed}
        }
      }
      sink "file" { config { path = "${place.path('token')}" } }
    }
    consumer = "web-1"
    ${secrets ?? `secret "db" { path = "secret/data/db" field = "password" destination = "${place.path('out/db')}" }`}
    ${more}`;
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const log = createLogger({
    level: 'trace',
    format: 'standard',
    now: () => 0,
    write: (line) => {
      lines.push(line);
      for (const wake of waiting) wake();
    },
  });
  const agent = new Agent(agentConfig([parseHcl(text)], {}, env), log);
  const ended = agent.run();
  const logged = (wanted: string, from = 0): Promise<string> =>
    new Promise((resolve) => {
      const wake = (): void => {
        const found = lines.slice(from).find((line) => line.includes(wanted));
        if (found === undefined) return;
        waiting.delete(wake);
        resolve(found);
      };
      waiting.add(wake);
      wake();
    });
  const stop = async (): Promise<void> => {
    agent.stop();
    await ended;
  };
  return { agent, ended, lines, logged, [Symbol.asyncDispose]: stop };
}

export const acknowledged = (server: TestServer, index: string): Promise<void> =>
  server.until(() => server.acks.some((ack) => ack.index === index));
