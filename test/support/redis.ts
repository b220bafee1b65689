/** Debian's Redis, unpacked into the user's cache: accounts come and go in it while it runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../src/cli/up/free-port.ts';
import { must } from '../clients/support/run.ts';
import { besideLibraries, unpacked } from './debian.ts';

const packages = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1'];
const programOf = (folder: string): string => join(folder, 'usr/bin/redis-server');

/** The folder that it is in; undefined where it is neither in the cache nor to be had, or does not run here. */
export const redis = (): Promise<string | undefined> =>
  unpacked({
    ...{ name: 'redis', packages },
    check: (folder) => must(programOf(folder), ['--version'], { env: besideLibraries(folder) }),
  });

export interface Redis extends AsyncDisposable {
  readonly port: number;
  readonly password: string;
  /** What it answers to a login, such as `+OK`. */
  readonly login: (username: string, password: string) => Promise<string>;
}

export async function startRedis(folder: string): Promise<Redis> {
  const place = mkdtempSync(join(tmpdir(), 'lockstep-redis-'));
  const [port, password] = [await freePort(), 'of-the-test'];
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', place, '--save', '', '--requirepass', password];
  const server = spawn(programOf(folder), args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: besideLibraries(folder),
  });
  const ended = once(server, 'exit');
  for await (const line of createInterface(server.stdout)) if (line.includes('Ready to accept connections')) break;
  server.stdout.resume();
  return {
    ...{ port, password },
    login: async (username, given) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(`AUTH ${username} ${given}\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return answer.toString().trim();
    },
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGKILL');
      await ended;
      rmSync(place, { recursive: true, force: true });
    },
  };
}
