/** What is served and logged on any thread, seen from outside. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { threadedServer, type ThreadedServer } from '../support/threaded-server.ts';

/** So many that each of three threads serves some. */
const MONITORS = 24;

interface Following {
  readonly response: IncomingMessage;
  readonly status: number;
  /** All that came, once it matches. */
  readonly until: (pattern: RegExp) => Promise<string>;
  readonly ended: Promise<unknown>;
}

/** On a connection of its own. */
async function follow({ server }: ThreadedServer, token: string): Promise<Following> {
  const url = `${await server.address()}/v1/sys/monitor?log_level=debug`;
  const asked = get(url, { agent: false, headers: { 'X-Vault-Token': token } });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    response.emit('text');
  });
  const until = async (pattern: RegExp): Promise<string> => {
    while (!pattern.test(text)) await once(response, 'text');
    return text;
  };
  const ended = once(response, 'end');
  ended.catch(() => undefined);
  return { response, status: response.statusCode ?? 0, until, ended };
}

async function inFlight({ server }: ThreadedServer, token: string): Promise<readonly Record<string, string>[]> {
  const { json } = await server.ask('GET', '/v1/sys/in-flight-req', { token });
  return Object.values(json) as Record<string, string>[];
}

const monitors = (all: readonly Record<string, string>[]): number =>
  all.filter(({ request_path: path }) => path === '/v1/sys/monitor').length;

test('the log is followed on every thread, and shows what each of them serves; it ends with the seal', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token } = threaded;
  const following = await Promise.all(Array.from({ length: MONITORS }, () => follow(threaded, token)));
  assert.deepEqual(new Set(following.map(({ status }) => status)), new Set([200]));

  const seen = await inFlight(threaded, token);
  assert.equal(monitors(seen), MONITORS);
  const own = seen.find(({ request_path: path }) => path === '/v1/sys/in-flight-req');
  assert.equal(own?.['request_method'], 'GET');
  assert.match(own['client_remote_address'] ?? '', /^127\.0\.0\.1:\d+$/);
  assert.equal(JSON.stringify(seen).includes(token), false);

  // Something that is logged: the files are opened anew.
  server.signal('SIGHUP');
  await Promise.all(following.map(({ until }) => until(/opened files anew/)));

  const [first, ...others] = following;
  first?.response.destroy();
  while (monitors(await inFlight(threaded, token)) === MONITORS);
  assert.equal(monitors(await inFlight(threaded, token)), MONITORS - 1);

  await server.ask('PUT', '/v1/sys/seal', { token });
  await Promise.all(others.map(({ ended }) => ended));
});

test('a level that is set holds for the log of every thread, and a server that follows itself ends when told', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token, folder } = threaded;
  const monitor = await follow(threaded, token);
  await server.ask('POST', '/v1/sys/loggers', { token, body: { level: 'error' } });
  const before = server.lines.length;
  server.signal('SIGHUP');
  // What the log leaves out is followed still.
  await monitor.until(/opened files anew/);
  assert.equal(server.lines.slice(before).join('\n').includes('opened files anew'), false, folder);
  server.signal('SIGTERM');
  await monitor.ended;
  assert.equal(await server.exit, 0);
});
