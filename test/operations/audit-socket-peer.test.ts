/** A log server beyond a socket device that is killed, comes back, and hangs, under requests: nobody waits, nothing is lost. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ServerProcess } from '../support/server-process.ts';

const script = join(import.meta.dirname, '../support/log-server.ts');

/** The other side, in one of its lives. */
class LogServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #said: readonly string[] = [];
  #wake: () => void = () => undefined;

  constructor(port: number, folder: string) {
    this.#child = spawn(process.execPath, [script, String(port), folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#exit = once(this.#child, 'exit');
    if (this.#child.stdout === null) throw new Error('it says nothing');
    createInterface(this.#child.stdout).on('line', (line) => {
      this.#said = [...this.#said.slice(-9), line];
      this.#wake();
    });
  }

  /** Resolves with the first that `find` finds, looking whenever it says something. */
  async until<T>(find: (said: readonly string[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this.#said);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async port(): Promise<number> {
    return this.until((said) => {
      const line = said.find((each) => each.startsWith('listening '));
      return line === undefined ? undefined : Number(line.slice('listening '.length));
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL');
    await this.#exit;
  }
}

interface Site {
  readonly server: ServerProcess;
  readonly token: string;
  /** Where the other side puts what it reads. */
  readonly arrived: string;
  readonly log: string;
}

/** The device has what is about the cubbyhole alone, so that asking for metrics gives it nothing to do. */
async function site(t: TestContext, port: number, folder: string, more: string = ''): Promise<Site> {
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  const [config, log] = [join(folder, 'server.hcl'), join(folder, 'audit.log')];
  writeFileSync(
    config,
    `storage "lmdb" { path = "${join(folder, 'data')}" }
     listener "tcp" { address = "127.0.0.1:0" tls_disable = true }
     workers = 2
     audit "file" "main" { options { file_path = "${log}" } }
     audit "socket" "siem" {
       options { address = "127.0.0.1:${port}" filter = "mount_type == cubbyhole" ${more} }
     }`,
  );
  const server = new ServerProcess([`-config=${config}`]);
  t.after(() => server[Symbol.asyncDispose]());
  const made = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  const { keys, root_token: token } = made.json as { keys: string[]; root_token: string };
  await server.ask('PUT', '/v1/sys/unseal', { body: { key: keys[0] ?? '' } });
  return { server, token, arrived: join(folder, 'arrived'), log };
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-socket-peer-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  mkdirSync(join(folder, 'arrived'));
  return folder;
}

interface Entry {
  readonly type: string;
  readonly request: { readonly id: string; readonly path: string; readonly mount_type?: string };
}

/** A line that was cut off is none. */
function entriesIn(path: string): readonly string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      const { type, request } = JSON.parse(line) as Entry;
      return request.mount_type === 'cubbyhole' ? [`${type} ${request.path} ${request.id}`] : [];
    });
}

const recorded = ({ log }: Site): readonly string[] => entriesIn(log);

/** What all lives of the other side have read, each connection by itself. */
function connectionsOf({ arrived }: Site): readonly (readonly string[])[] {
  return readdirSync(arrived).map((file) => entriesIn(join(arrived, file)));
}

/** Resolves once each entry of the file device has reached the other side. */
async function complete(at: Site, peer: LogServer): Promise<void> {
  const expected = recorded(at);
  await peer.until(() => {
    const found = new Set(connectionsOf(at).flat());
    return expected.every((id) => found.has(id)) ? true : undefined;
  });
}

async function metricsOf({ server, token }: Site): Promise<(name: string) => number> {
  const { text } = await server.ask('GET', '/v1/sys/metrics?format=prometheus', { token });
  return (name) => Number(new RegExp(`^lockstep_audit_siem_${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function untilMetrics(at: Site, holds: (value: (name: string) => number) => boolean): Promise<void> {
  while (!holds(await metricsOf(at))) await pause(50);
}

/** One after the other; all are answered, whatever becomes of the other side. */
async function asked({ server, token }: Site, count: number, body: object, each?: (nth: number) => void) {
  for (let nth = 0; nth < count; nth += 1) {
    const { status } = await server.ask('POST', `/v1/cubbyhole/${nth}`, { token, body });
    assert.equal(status, 204);
    each?.(nth);
  }
}

/** Within one connection a request stands before its reply, and both in the order of the file. */
function assertInOrder(at: Site): void {
  const order = new Map(recorded(at).map((id, place) => [id, place]));
  for (const connection of connectionsOf(at)) {
    const places = connection.map((id) => order.get(id) ?? assert.fail(id));
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    );
  }
}

test('a log server that is killed under requests and comes back has all of them, and the metrics told of the lag', async (t) => {
  const folder = folderOf(t);
  await using first = new LogServer(0, join(folder, 'arrived'));
  const port = await first.port();
  const at = await site(t, port, folder);
  await asked(at, 20, { a: 'b' });
  await complete(at, first);
  await asked(at, 100, { a: 'b' }, (nth) => {
    if (nth === 30) first.signal('SIGKILL');
  });
  await at.server.line(/audit device does not deliver.*(?:ECONNREFUSED|ended)/);
  await untilMetrics(at, (value) => value('delivery_failure') > 0 && value('lag_seconds') > 0);
  assert.ok((await metricsOf(at))('waiting_bytes') > 10_000);

  await using second = new LogServer(port, join(folder, 'arrived'));
  await second.port();
  at.server.signal('SIGHUP');
  await complete(at, second);
  await at.server.line(/audit device delivers again/);
  await asked(at, 5, { a: 'b' });
  await complete(at, second);
  assertInOrder(at);
  await untilMetrics(at, (value) => value('lag_seconds') === 0 && value('waiting_bytes') === 0);
});

test('a log server that hangs holds nobody up, and has everything once it goes on', async (t) => {
  const folder = folderOf(t);
  await using peer = new LogServer(0, join(folder, 'arrived'));
  const at = await site(t, await peer.port(), folder, 'write_timeout = "200ms"');
  await asked(at, 5, { a: 'b' });
  await complete(at, peer);
  peer.signal('SIGSTOP');
  // More than the kernel takes for a process that reads nothing: values are hashed, names are not shortened.
  const wide = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`name-${n}`, '']));
  await asked(at, 60, wide);
  await at.server.line(/audit device does not deliver.*takes nothing/);
  await untilMetrics(at, (value) => value('lag_seconds') > 0 && value('waiting_bytes') > 1_000_000);
  peer.signal('SIGCONT');
  at.server.signal('SIGHUP');
  await complete(at, peer);
  assertInOrder(at);
  await untilMetrics(at, (value) => value('lag_seconds') === 0 && value('waiting_bytes') === 0);
});
