/** Debian's rsyslogd, unpacked into the user's cache: it listens where a test says and writes what it got to a file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/cli/up/free-port.ts';
import { besideLibraries, unpacked } from '../../support/debian.ts';

const packages = ['rsyslog', 'libestr0', 'libfastjson4'];

/** The folder that it is in; undefined where it is neither in the cache nor to be had. */
export const rsyslog = (): Promise<string | undefined> => unpacked({ name: 'rsyslog', packages });

export interface Rsyslog extends AsyncDisposable {
  /** Of its Unix socket, as `/dev/log`. */
  readonly socket: string;
  /** Of TCP. */
  readonly port: number;
  /** Messages as `PRIORITY TAG MESSAGE`, once there are so many. */
  readonly lines: (count: number) => Promise<readonly string[]>;
}

export async function startRsyslog(folder: string): Promise<Rsyslog> {
  const place = mkdtempSync(join(tmpdir(), 'lockstep-rsyslog-'));
  const at = (name: string): string => join(place, name);
  const [libraries = ''] = globSync('usr/lib/*-linux-*', { cwd: folder });
  const port = await freePort();
  writeFileSync(at('written'), '');
  writeFileSync(
    at('rsyslog.conf'),
    `global(workDirectory="${place}" maxMessageSize="128k")
     module(load="imuxsock" SysSock.Use="off")
     module(load="imtcp")
     input(type="imuxsock" Socket="${at('log')}" useSpecialParser="on")
     input(type="imtcp" address="127.0.0.1" port="${String(port)}")
     template(name="plain" type="string" string="%pri% %syslogtag%%msg%\\n")
     *.* action(type="omfile" file="${at('written')}" template="plain" asyncWriting="off" flushOnTXEnd="on")`,
  );
  const modules = join(folder, libraries, 'rsyslog');
  const args = ['-n', '-f', at('rsyslog.conf'), '-i', at('pid'), '-M', modules];
  const env = besideLibraries(folder);
  const server = spawn(join(folder, 'usr/sbin/rsyslogd'), args, { stdio: ['ignore', 'ignore', 'pipe'], env });
  const ended = once(server, 'exit');
  const written = (): readonly string[] => readFileSync(at('written'), 'utf8').split('\n').slice(0, -1);
  const until = async (holds: () => boolean): Promise<void> => {
    // `watch` tells of what comes after it; what came before is seen by looking once more.
    using watching = changesIn(place);
    while (!holds())
      await Promise.race([watching.next(), ended.then(() => Promise.reject(new Error('rsyslogd ended')))]);
  };
  await until(() => existsSync(at('log')) && existsSync(at('pid')));
  return {
    ...{ socket: at('log'), port },
    lines: async (count) => {
      await until(() => written().length >= count);
      return written();
    },
    [Symbol.asyncDispose]: async () => {
      server.kill();
      await ended;
      rmSync(place, { recursive: true, force: true });
    },
  };
}

function changesIn(folder: string): Disposable & { readonly next: () => Promise<void> } {
  let wake: () => void = () => undefined;
  let changed = new Promise<void>((resolve) => (wake = resolve));
  const watcher = watch(folder, () => {
    wake();
  });
  return {
    next: async () => {
      await changed;
      changed = new Promise<void>((resolve) => (wake = resolve));
    },
    [Symbol.dispose]: () => {
      watcher.close();
    },
  };
}
