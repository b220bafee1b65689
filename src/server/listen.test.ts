import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstat, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isLockstepError } from '../errors.ts';
import { serve } from './http.ts';
import { dataOf, echo, portOf, quiet, RawClient, serveOn } from './server.testing.ts';

const request = 'LIST /v1/a HTTP/1.1\r\nHost: x\r\n\r\n';
const fails = (message: RegExp) => (error: unknown) =>
  isLockstepError(error, 'listenFailed') && message.test(error.message);

test('a port that is taken is refused, by name and with the remedy; nothing stays open', async () => {
  const first = await serveOn({});
  const taken = { kind: 'tcp', host: '127.0.0.1', port: portOf(first) } as const;
  const spare = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const addresses: unknown[] = [];
  const log = {
    ...quiet,
    info: (_message: string, details?: Readonly<Record<string, unknown>>) => addresses.push(details?.['address']),
  };
  await assert.rejects(
    serve({ handler: echo, listeners: [spare, taken], log }),
    fails(new RegExp(`cannot listen on 127\\.0\\.0\\.1:${String(taken.port)}: another process`)),
  );
  const probe = connect(Number(new URL(String(addresses[0])).port), '127.0.0.1');
  await assert.rejects(once(probe, 'connect'), { code: 'ECONNREFUSED' });
  await assert.rejects(serveOn({ host: '203.0.113.1' }), fails(/no such address/));
  await first.close();
});

test('several listeners serve one handler, each with its own settings', async () => {
  const tcp = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const serving = await serve({
    handler: echo,
    listeners: [tcp, { ...tcp, requireRequestHeader: true }],
    log: quiet,
  });
  const [open = '', guarded = ''] = serving.addresses;
  assert.equal((await fetch(`${open}/v1/a`)).status, 200);
  const missing = await fetch(`${guarded}/v1/a`);
  assert.equal(missing.status, 412);
  assert.deepEqual(await missing.json(), { errors: ["missing 'X-Vault-Request' header"] });
  assert.equal((await fetch(`${guarded}/v1/a`, { headers: { 'X-Vault-Request': 'true' } })).status, 200);
  await serving.close();
});

test('a listener serves metrics beside all else, alone, or never', async () => {
  const tcp = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const kinds = ['too', 'only', 'never'] as const;
  const listeners = kinds.map((metrics) => ({ ...tcp, metrics }));
  const serving = await serve({ handler: echo, listeners, log: quiet });
  const expected = { '/v1/sys/metrics': [200, 200, 404], '/metrics': [200, 200, 404], '/v1/a': [200, 404, 200] };
  for (const [path, statuses] of Object.entries(expected)) {
    const got = await Promise.all(serving.addresses.map(async (address) => (await fetch(address + path)).status));
    assert.deepEqual(got, statuses, path);
  }
  await serving.close();
});

describe('a Unix socket', () => {
  let directory: string;
  let path: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lockstep-socket-'));
    path = join(directory, 's.sock');
  });
  after(() => rm(directory, { recursive: true, force: true }));

  test('is for its owner alone unless told otherwise, and stands for the address', async () => {
    const serving = await serveOn({ kind: 'unix', path });
    assert.deepEqual(serving.addresses, [`unix://${path}`]);
    assert.equal((await lstat(path)).mode & 0o777, 0o600);
    const socket = connect(path);
    await once(socket, 'connect');
    const client = new RawClient(socket);
    await client.send(request);
    const data = dataOf(await client.reply());
    assert.equal(data['verb'], 'list');
    assert.equal(data['address'], path);
    client.end();
    await serving.close();
    const open = await serveOn({ kind: 'unix', path, mode: 0o660 });
    assert.equal((await lstat(path)).mode & 0o777, 0o660);
    await open.close();
  });

  test('that is served by another is left alone', async () => {
    const serving = await serveOn({ kind: 'unix', path });
    await assert.rejects(serveOn({ kind: 'unix', path }), fails(/another process listens there/));
    const socket = connect(path);
    await once(socket, 'connect');
    socket.destroy();
    await serving.close();
  });

  test('left behind by a killed process is replaced', async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok((await lstat(path)).isSocket());
    const serving = await serveOn({ kind: 'unix', path });
    await serving.close();
  });

  test('does not replace a file, nor appear in a directory that is not there', async () => {
    const file = join(directory, 'precious');
    await writeFile(file, 'x');
    await assert.rejects(serveOn({ kind: 'unix', path: file }), fails(/not a socket/));
    assert.ok((await lstat(file)).isFile());
    await assert.rejects(serveOn({ kind: 'unix', path: join(directory, 'none/s') }), fails(/directory/));
  });
});
