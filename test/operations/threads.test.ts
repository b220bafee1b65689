import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import type { Connection } from '../support/connection.ts';
import { ServerProcess } from '../support/server-process.ts';
import { limitedToken, threadedServer, type ThreadedServer } from '../support/threaded-server.ts';

const READ = 'secret/data/a';

interface Hammering {
  /** When each request that was granted began, by the count that `mark` reads. */
  readonly late: () => number;
  readonly granted: () => number;
  /** From here on no request that begins may be granted. */
  readonly mark: () => void;
  readonly end: () => Promise<void>;
}

/** Reads again and again on every connection, and counts what was granted to requests that began after the mark. */
function hammer(connections: readonly Connection[], token: string): Hammering {
  let marked = false;
  let late = 0;
  let granted = 0;
  const over = new AbortController();
  const loops = connections.map(async (connection) => {
    for (; !over.signal.aborted;) {
      const after = marked;
      const { status } = await connection.ask('GET', READ, { token });
      if (status !== 200) continue;
      granted += 1;
      if (after) late += 1;
    }
  });
  return {
    late: () => late,
    granted: () => granted,
    mark: () => {
      marked = true;
    },
    end: async () => {
      over.abort();
      await Promise.all(loops);
    },
  };
}

/** Every connection has been answered once more since it was called. */
async function round({ connections }: ThreadedServer, token: string): Promise<readonly number[]> {
  const answers = await Promise.all(connections.map((connection) => connection.ask('GET', READ, { token })));
  return answers.map(({ status }) => status);
}

test('every thread reads, and each read is counted and recorded once', async (t) => {
  const threaded = await threadedServer(t);
  const { connections, token, folder, metric } = threaded;
  const before = await metric('vault_route_read_secret__count');
  const servedBefore = await metric('lockstep_threads_served');
  for (const connection of connections) {
    const { status, text } = await connection.ask('GET', READ, { token });
    assert.equal(status, 200);
    assert.equal((JSON.parse(text) as { data: { data: { value: number } } }).data.data.value, 0);
  }
  assert.equal(await metric('vault_route_read_secret__count'), before + connections.length);
  const served = (await metric('lockstep_threads_served')) - servedBefore;
  assert.ok(served > 0 && served < connections.length, `${String(served)} of ${String(connections.length)}`);
  const entries = readFileSync(join(folder, 'audit.log'), 'utf8').trimEnd().split('\n');
  const responses = entries.map(
    (line) => JSON.parse(line) as { type: string; request: { path: string; operation: string } },
  );
  const recorded = responses.filter(
    ({ type, request }) => type === 'response' && request.path === READ && request.operation === 'read',
  );
  assert.equal(recorded.length, connections.length);
});

test('what was written is read at once on every connection, without an index and with one', async (t) => {
  const { connections, token } = await threadedServer(t);
  for (let value = 1; value <= 40; value += 1) {
    const writer = connections[value % connections.length];
    const written = await writer?.ask('POST', READ, { token, body: { data: { value } } });
    assert.equal(written?.status, 200);
    const index = String(written.headers['x-vault-index']);
    const answers = await Promise.all(
      connections.map((connection, at) =>
        connection.ask('GET', READ, { token, headers: at % 2 === 0 ? {} : { 'X-Vault-Index': index } }),
      ),
    );
    for (const { status, text } of answers) {
      assert.equal(status, 200);
      assert.equal((JSON.parse(text) as { data: { data: { value: number } } }).data.data.value, value);
    }
  }
});

test('reads under concurrent writes never go back on any connection', async (t) => {
  const { connections, token } = await threadedServer(t);
  const over = new AbortController();
  const writing = (async () => {
    for (let value = 1; value <= 150; value += 1) {
      await connections[0]?.ask('POST', READ, { token, body: { data: { value } } });
    }
    over.abort();
  })();
  // Of all readers together: what one was answered, another that asks later must not be behind.
  let newest = 0;
  const problems: string[] = [];
  const reading = connections.slice(1).map(async (connection) => {
    for (; !over.signal.aborted;) {
      const floor = newest;
      const { text } = await connection.ask('GET', READ, { token });
      const { value } = (JSON.parse(text) as { data: { data: { value: number } } }).data.data;
      if (value < floor) problems.push(`${String(value)} after ${String(floor)}`);
      newest = Math.max(newest, value);
    }
  });
  await Promise.all([writing, ...reading]);
  assert.deepEqual(problems, []);
  assert.ok(newest > 0);
});

test('no request that begins after a token was revoked is granted, on any thread', async (t) => {
  const threaded = await threadedServer(t);
  for (let at = 0; at < 5; at += 1) {
    const token = await limitedToken(threaded);
    const hammering = hammer(threaded.connections, token);
    while (hammering.granted() < 200) await round(threaded, token);
    const revoked = await threaded.server.ask('POST', '/v1/auth/token/revoke', {
      token: threaded.token,
      body: { token },
    });
    hammering.mark();
    assert.equal(revoked.status, 204);
    assert.ok((await round(threaded, token)).every((status) => status === 403));
    await hammering.end();
    assert.equal(hammering.late(), 0);
  }
});

test('no request that begins after a policy was removed is granted, on any thread', async (t) => {
  const threaded = await threadedServer(t);
  for (let at = 0; at < 5; at += 1) {
    const token = await limitedToken(threaded);
    const hammering = hammer(threaded.connections, token);
    while (hammering.granted() < 200) await round(threaded, token);
    await threaded.server.ask('DELETE', '/v1/sys/policies/acl/limited', { token: threaded.token });
    hammering.mark();
    assert.ok((await round(threaded, token)).every((status) => status === 403));
    await hammering.end();
    assert.equal(hammering.late(), 0);
  }
});

test('no request that begins after the node was sealed is granted, and all threads serve once it is unsealed', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token, key, connections } = threaded;
  for (let at = 0; at < 3; at += 1) {
    const hammering = hammer(connections, token);
    while (hammering.granted() < 200) await round(threaded, token);
    await server.ask('PUT', '/v1/sys/seal', { token });
    hammering.mark();
    assert.ok((await round(threaded, token)).every((status) => status === 503));
    await hammering.end();
    assert.equal(hammering.late(), 0);
    await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
    assert.ok((await round(threaded, token)).every((status) => status === 200));
  }
});

test('a token with few uses is used up exactly, whichever threads it comes to', async (t) => {
  const threaded = await threadedServer(t);
  const token = await limitedToken(threaded, { num_uses: 7 });
  const answers = await round(threaded, token);
  assert.equal(answers.filter((status) => status === 200).length, 7);
  assert.equal(answers.filter((status) => status === 403).length, threaded.connections.length - 7);
});

test('an audit device is enabled, rotated and disabled on all threads before the call returns', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token, folder, connections } = threaded;
  const file = join(folder, 'second.log');
  const lines = (path: string): number => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0);
  const enabled = await server.ask('PUT', '/v1/sys/audit/second', {
    token,
    body: { type: 'file', options: { file_path: file } },
  });
  assert.equal(enabled.status, 204, enabled.text);
  // One device that has an entry is enough for its request: the other one may take a moment longer.
  const grownTo = async (path: string, count: number): Promise<void> => {
    while (lines(path) < count) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(lines(path), count);
  };
  // The entry that proves the device, and the reply that enabled it.
  await grownTo(file, 2);
  await round(threaded, token);
  await grownTo(file, 2 + 2 * connections.length);

  renameSync(file, `${file}.1`);
  const from = server.lines.length;
  server.signal('SIGHUP');
  await server.line(/opened files anew/, from);
  const rotated = lines(`${file}.1`);
  await round(threaded, token);
  assert.equal(lines(`${file}.1`), rotated);
  await grownTo(file, 2 * connections.length);

  assert.equal((await server.ask('DELETE', '/v1/sys/audit/second', { token })).status, 204);
  const left = lines(file);
  await round(threaded, token);
  assert.equal(lines(file), left);
});

test('requests that a thread hands over are answered as by the first thread: errors, lists, wrapped replies, help', async (t) => {
  const { connections, token } = await threadedServer(t);
  const both = async (method: string, path: string, asked: object = {}) => {
    const answers = await Promise.all(
      connections.map((connection) => connection.ask(method, path, { token, ...asked })),
    );
    return new Set(
      answers.map(
        ({ status, text }) =>
          `${String(status)} ${text.replaceAll(/"(request_id|token|accessor|creation_time)":"[^"]*"/g, '')}`,
      ),
    );
  };
  assert.equal((await both('GET', 'nowhere/at/all')).size, 1);
  assert.equal((await both('LIST', 'secret/metadata')).size, 1);
  assert.equal((await both('GET', 'secret/data/a?help=1')).size, 1);
  assert.equal((await both('GET', 'sys/mounts')).size, 1);
  assert.equal((await both('GET', 'auth/token/lookup-self')).size, 1);
  assert.equal((await both('POST', 'secret/data/a', { body: { data: 'no object' } })).size, 1);
  assert.equal((await both('GET', READ, { headers: { 'X-Vault-Wrap-TTL': '60' } })).size, 1);
  assert.equal((await both('GET', READ, { headers: { 'X-Vault-Index': 'nonsense' } })).size, 1);
  assert.equal((await both('GET', READ, { token: 'hvs.unknown' })).size, 1);
});

test('a second process is refused the port that the threads of the first one share', async (t) => {
  const { server } = await threadedServer(t, 1);
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-second-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'server.hcl');
  writeFileSync(
    file,
    `storage "lmdb" { path = "${join(folder, 'data')}" }
     listener "tcp" { address = "${new URL(await server.address()).host}", tls_disable = true }
     workers = 1`,
  );
  await using other = new ServerProcess([`-config=${file}`]);
  assert.equal(await other.exit, 1);
  assert.match(other.lines.join('\n'), /another process listens there/);
});

test('a node ends cleanly with its threads, and its data is there afterwards', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token } = threaded;
  const hammering = hammer(threaded.connections, token);
  while (hammering.granted() < 100) await round(threaded, token);
  await hammering.end();
  server.signal('SIGTERM');
  assert.equal(await server.exit, 0, server.lines.slice(-5).join('\n'));
});

test('a subscriber is told whichever thread it came to, and its stream ends before the revocation returns', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token } = threaded;
  const policy = 'path "secret/*" { capabilities = ["read", "subscribe"] }';
  await server.ask('PUT', '/v1/sys/policies/acl/watch', { token, body: { policy } });
  const made = await server.ask('POST', '/v1/auth/token/create', { token, body: { policies: ['watch'] } });
  const watching = String((made.json['auth'] as Readonly<Record<string, unknown>>)['client_token']);
  const address = `${(await server.address()).replace('http', 'ws')}/v1/sys/events/subscribe/*?path=secret/data/*`;
  const sockets = Array.from(
    { length: 16 },
    () => new WebSocket(address, 'lockstep.changes.v1', { headers: { 'X-Vault-Token': watching } }),
  );
  const told = sockets.map((socket) => {
    const frames: string[] = [];
    socket.on('message', (data: Buffer) => frames.push(data.toString()));
    return frames;
  });
  const ended = sockets.map((socket) => once(socket, 'close'));
  await Promise.all(sockets.map((socket) => once(socket, 'message')));
  const long = 'x'.repeat(1_500);
  await server.ask('POST', `/v1/secret/data/${long}`, { token, body: { data: { value: 1 } } });
  await Promise.all(
    sockets.map(async (socket, at) => {
      while (!told[at]?.some((frame) => frame.includes(long))) await once(socket, 'message');
    }),
  );
  await server.ask('POST', '/v1/auth/token/revoke', { token, body: { token: watching } });
  await Promise.all(ended);
  assert.ok(told.every((frames) => frames.at(-1)?.includes('"reason":"revoked"')));
});

test('a namespace is made, locked and deleted on all threads before the call returns', async (t) => {
  const threaded = await threadedServer(t);
  const { connections, token, metric } = threaded;
  const [first] = connections;
  const write = async (method: string, path: string, body: object = {}) =>
    (await first?.ask(method, path, { token, body }))?.status;
  const read = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<readonly number[]> => {
    const answers = await Promise.all(connections.map((each) => each.ask('GET', path, { token, headers })));
    return [...new Set(answers.map(({ status }) => status))];
  };
  assert.equal(await write('POST', 'sys/namespaces/team'), 200);
  assert.equal(await write('POST', 'team/sys/mounts/kv', { type: 'kv' }), 204);
  assert.equal(await write('POST', 'team/kv/x', { k: 'v' }), 204);
  const before = await metric('lockstep_threads_served');
  assert.deepEqual(await read('kv/x', { 'X-Vault-Namespace': 'team' }), [200]);
  assert.deepEqual(await read('team/kv/x'), [200]);
  assert.ok((await metric('lockstep_threads_served')) > before);
  assert.deepEqual(await read('kv/x', { 'X-Vault-Namespace': 'nope' }), [404]);
  assert.equal(await write('POST', 'sys/namespaces/api-lock/lock/team'), 200);
  assert.deepEqual(await read('team/kv/x'), [503]);
  assert.equal(await write('POST', 'sys/namespaces/api-lock/unlock/team'), 200);
  assert.deepEqual(await read('team/kv/x'), [200]);
  assert.equal(await write('DELETE', 'sys/namespaces/team'), 200);
  assert.deepEqual(await read('team/kv/x'), [404]);
});
