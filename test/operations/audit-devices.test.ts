/** Remote audit devices of a server as its operator runs it: killed, restarted, told of another configuration. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../../src/cli/up/free-port.ts';
import { httpEnd, streamEnd, unixDatagramEnd, type Arrivals } from '../support/audit-ends.ts';
import { ServerProcess } from '../support/server-process.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-audit-devices-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

interface Place {
  readonly config: string;
  readonly at: (name: string) => string;
  readonly write: (audit: string) => void;
}

function place(name: string, audit: string): Place {
  const folder = join(root, name);
  mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 });
  const at = (file: string): string => join(folder, file);
  const write = (devices: string): void => {
    writeFileSync(
      at('server.hcl'),
      `storage "lmdb" { path = "${at('data')}" }
       listener "tcp" { address = "127.0.0.1:0" tls_disable = true }
       workers = 2
       ${devices}`,
    );
  };
  write(audit);
  return { config: `-config=${at('server.hcl')}`, at, write };
}

async function initialise(server: ServerProcess): Promise<{ readonly key: string; readonly token: string }> {
  const made = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  const { keys, root_token: token } = made.json as { keys: string[]; root_token: string };
  const key = keys[0] ?? '';
  await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  return { key, token };
}

interface Entry {
  readonly type: string;
  readonly request: { readonly id: string; readonly path: string };
}

const entryOf = (line: string): Entry => JSON.parse(line.slice(line.indexOf('{'))) as Entry;
const idOf = ({ type, request }: Entry): string => `${type} ${request.path} ${request.id}`;
const idsOf = (lines: readonly string[]): readonly string[] => lines.map((line) => idOf(entryOf(line)));
/** Without the first entry of each start of a device, which is the device's own. */
const asked = (ids: readonly string[]): readonly string[] => ids.filter((id) => !id.includes('sys/audit/test'));
const fileIds = (path: string): readonly string[] => asked(idsOf(readFileSync(path, 'utf8').trimEnd().split('\n')));

async function arrived(at: Arrivals, wanted: readonly string[]): Promise<readonly string[]> {
  const ids = (): readonly string[] => asked(idsOf(at.lines));
  await at.until(() => {
    const found = new Set(ids());
    return wanted.every((id) => found.has(id));
  });
  return ids();
}

test('after a kill every sink has every entry that the file has, in order', async () => {
  const port = await freePort();
  const socket = join(root, 'log');
  const http = await httpEnd();
  await using _http = http;
  const { config, at } = place(
    'killed',
    `audit "file" "main" { options { file_path = "${join(root, 'killed', 'audit.log')}" } }
     audit "socket" "siem" { options { address = "127.0.0.1:${String(port)}" } }
     audit "syslog" "local" { options { address = "${socket}" } }
     audit "http" "http" { options { uri = "${http.uri}" } }`,
  );
  // Two of the three are away, and nobody waits for them.
  let key: string;
  let token: string;
  {
    await using server = new ServerProcess([config]);
    ({ key, token } = await initialise(server));
    for (let n = 0; n < 20; n += 1) {
      await server.ask('POST', `/v1/cubbyhole/${String(n)}`, { token, body: { n: String(n) } });
      await server.ask('GET', `/v1/cubbyhole/${String(n)}`, { token });
    }
    const many = Array.from({ length: 50 }, (_, n) => server.ask('GET', `/v1/cubbyhole/${String(n % 20)}`, { token }));
    await Promise.all(many);
    server.signal('SIGKILL');
    await server.exit;
  }
  await using stream = await streamEnd({ at: port });
  await using datagrams = unixDatagramEnd(socket);
  await using server = new ServerProcess([config]);
  await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  await server.ask('GET', '/v1/cubbyhole/0', { token });
  const expected = fileIds(at('audit.log'));
  assert.ok(expected.length > 180);
  for (const sink of [stream.arrived, datagrams.arrived, http.arrived]) {
    const ids = await arrived(sink, expected);
    const once = [...new Set(ids)];
    assert.deepEqual(once.toSorted(), [...expected].toSorted());
    // One after the other from one client: these are in the order of the file too.
    const serial = (all: readonly string[]): readonly string[] =>
      all.filter((id) => id.startsWith('response cubby')).slice(0, 40);
    assert.deepEqual(serial(once), serial(expected));
    for (const id of once.filter((each) => each.startsWith('response'))) {
      assert.ok(once.indexOf(id.replace('response', 'request')) < once.indexOf(id), id);
    }
  }
});

test('the configuration is read anew on SIGHUP: devices come and go on all threads, and none is changed', async () => {
  await using first = await httpEnd();
  await using second = await httpEnd();
  const http = (path: string, uri: string, more: string = ''): string =>
    `audit "http" "${path}" { options { uri = "${uri}" ${more} } }\n`;
  const { config, write } = place('sighup', http('a', first.uri));
  await using server = new ServerProcess([config]);
  const { token } = await initialise(server);
  const listed = async (): Promise<readonly string[]> => {
    const { json } = await server.ask('GET', '/v1/sys/audit', { token });
    return Object.keys(json['data'] as object);
  };
  const told = async (audit: string): Promise<void> => {
    write(audit);
    const from = server.lines.length;
    server.signal('SIGHUP');
    await server.line(/read certificates and opened files anew/, from);
  };
  await told(http('a', first.uri) + http('b', second.uri));
  assert.deepEqual(await listed(), ['a/', 'b/']);
  const read = async (name: string): Promise<void> => {
    // More connections than threads, so that each of them serves some.
    await Promise.all(Array.from({ length: 30 }, () => server.ask('GET', `/v1/cubbyhole/${name}`, { token })));
  };
  const entries = ({ lines }: Arrivals, path: string): number =>
    lines.filter((line) => entryOf(line).request.path === path).length;
  await read('both');
  await second.arrived.until((at) => entries(at, 'cubbyhole/both') === 60);

  const before = server.lines.length;
  await told(http('a', second.uri) + http('b', second.uri));
  await server.line(/audit device not started.*cannot be changed/, before);
  await told(http('b', second.uri));
  assert.deepEqual(await listed(), ['b/']);
  await read('second');
  await second.arrived.until((at) => entries(at, 'cubbyhole/second') === 60);
  assert.equal(entries(first.arrived, 'cubbyhole/second'), 0);

  // What cannot be read, or would leave requests to nobody, changes nothing.
  const from = server.lines.length;
  await told('audit "http" "b" {');
  await server.line(/the configuration cannot be read anew/, from);
  await told(http('c', first.uri, 'filter = "path == x"'));
  await server.line(/audit device stays.*every audit device has a `filter`/, from);
  assert.deepEqual(await listed(), ['b/', 'c/']);
});

test('metrics tell what waits, and a spool lies where only the node reads it', async () => {
  const { config, at } = place('metrics', 'audit "socket" "siem" { options { address = "127.0.0.1:1" } }');
  await using server = new ServerProcess([config]);
  const { token } = await initialise(server);
  await server.line(/audit device does not deliver.*ECONNREFUSED/);
  const metrics = async (): Promise<string> =>
    (await server.ask('GET', '/v1/sys/metrics?format=prometheus', { token })).text;
  let text = await metrics();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  // Each of these requests is an entry that waits, too.
  while (!(value('lockstep_audit_siem_waiting_bytes') > 1_000)) text = await metrics();
  assert.ok(value('lockstep_audit_siem_lag_seconds') > 0);
  assert.ok(value('lockstep_audit_siem_delivery_failure') > 0);
  assert.ok(value('vault_audit_siem_log_request_count') > 0);
  const [folder = ''] = readdirSync(at('data/audit-spool'));
  assert.match(folder, /^siem-[0-9a-f]{16}$/);
  assert.equal(readFileSync(join(at('data/audit-spool'), folder, '000000000001.log'), 'utf8').includes(token), false);
});
