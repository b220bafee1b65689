/** Remote devices and filters at `sys/audit` of a node. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { onlyThese } from '../../../test/support/audit.ts';
import { httpEnd, streamEnd, udpEnd, unixDatagramEnd, type Arrivals } from '../../../test/support/audit-ends.ts';
import { ask, requestOf, runningNode, type TestNodeOptions } from '../../../test/support/node.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-remote-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});
const at = (name: string): string => join(root, name);

type Options = Readonly<Record<string, unknown>>;
interface Said {
  readonly status: number;
  readonly said: string;
}

let made = 0;

async function start(audit: TestNodeOptions['audit'] = {}) {
  const folder = at(`spool-${String((made += 1))}`);
  const { node, root: token, share } = await runningNode({ audit: { spool: { folder, limit: 1024 ** 2 }, ...audit } });
  const call = async (method: string, path: string, body?: Options): Promise<Said> => {
    const { status, errors } = await ask(node, method, path, { token, ...(body === undefined ? {} : { body }) });
    return { status, said: errors?.join() ?? '' };
  };
  const enable = (path: string, type: string, options: Options): Promise<Said> =>
    call('PUT', `sys/audit/${path}`, { type, options });
  return { node, token, share, folder, call, enable };
}

const pathsIn = ({ lines }: Arrivals): readonly string[] =>
  lines.map((line) => {
    const { type, request } = JSON.parse(line.slice(line.indexOf('{'))) as { type: string; request: { path: string } };
    return `${type} ${request.path}`;
  });

test('a remote device is enabled once its end has taken an entry, hashes with its own key, and is ended', async () => {
  const { node, token, folder, call, enable } = await start();
  await using _ = node;
  await using end = await streamEnd();
  const options = { address: `127.0.0.1:${String(end.port)}` };
  assert.deepEqual(await enable('siem', 'socket', options), { status: 204, said: '' });
  await call('POST', 'cubbyhole/a', { secret: 'hunter2' });
  const hashed = await ask(node, 'POST', 'sys/audit-hash/siem', { token, body: { input: 'hunter2' } });
  await end.arrived.until(({ lines }) => lines.length === 6);
  assert.deepEqual(pathsIn(end.arrived).slice(0, 4), [
    'request sys/audit/test',
    'response sys/audit/siem',
    'request cubbyhole/a',
    'response cubbyhole/a',
  ]);
  assert.ok(end.arrived.lines[2]?.includes(String(hashed.reply?.data?.['hash'])));
  assert.equal(end.arrived.text.includes('hunter2') || end.arrived.text.includes(token), false);
  const listed = await ask(node, 'GET', 'sys/audit', { token });
  assert.deepEqual(listed.reply?.data, {
    'siem/': { path: 'siem/', type: 'socket', description: '', local: false, options },
  });
  assert.equal((await call('DELETE', 'sys/audit/siem')).status, 204);
  await call('GET', 'cubbyhole/a');
  assert.equal(pathsIn(end.arrived).at(-1), 'request sys/audit/siem');
  assert.deepEqual(readdirSync(folder), []);
});

test('an end that is away keeps a device of the API from being made, and nothing stays of it', async () => {
  const { node, token, folder, call, enable } = await start();
  await using _ = node;
  const { status, said } = await enable('siem', 'socket', { address: '127.0.0.1:1' });
  assert.equal(status, 400);
  assert.match(said, /audit device siem\/ is not enabled: 127\.0\.0\.1:1 cannot be reached: ECONNREFUSED/);
  assert.equal((await enable('log', 'syslog', { address: at('no-such-log') })).status, 400);
  await using http = await httpEnd(() => 401);
  assert.match((await enable('http', 'http', { uri: http.uri })).said, /ingress answers 401/);
  assert.deepEqual((await ask(node, 'GET', 'sys/audit', { token })).reply?.data, {});
  assert.deepEqual(readdirSync(folder), []);
  // As in Vault: whoever skips the test has it.
  assert.equal((await enable('siem', 'socket', { address: '127.0.0.1:1', skip_test: 'true' })).status, 204);
  assert.equal((await call('GET', 'cubbyhole/a')).status, 404);
});

test('the API sends where the configuration allows it, and reads nothing of the machine', async () => {
  await using end = await httpEnd();
  const { port } = new URL(end.uri);
  const allowed = onlyThese({
    addresses: [`http://127.0.0.1:${port}/in`, `http://localhost:${port}/all/`, '10.0.0.9:514', at('allowed.sock')],
  });
  const { node, enable } = await start({ allowed });
  await using _ = node;
  const refused: readonly (readonly [string, Options])[] = [
    ['http', { uri: 'http://169.254.169.254/latest/meta-data' }],
    ['http', { uri: `http://127.0.0.1:${port}/` }],
    ['http', { uri: `http://127.0.0.1:${port}/in/deeper` }],
    ['http', { uri: `http://127.0.0.1:${port}/in/../x` }],
    ['http', { uri: `http://localhost:${port}/all/../x` }],
    ['http', { uri: `http://user@localhost.evil:${port}/all/` }],
    ['http', { uri: 'file:///etc/shadow' }],
    ['http', { uri: 'env://HOME' }],
    ['http', { uri: `http://127.0.0.1:${port}/in`, headers: '{"X":["file:///etc/hostname"]}' }],
    ['http', { uri: `http://127.0.0.1:${port}/in`, headers: '{"X":["env://HOME"]}' }],
    ['http', { uri: `http://127.0.0.1:${port}/in`, tls_ca_cert: '/etc/hostname' }],
    ['socket', { address: '10.0.0.9:515' }],
    ['socket', { address: at('other.sock'), socket_type: 'unix' }],
    ['socket', { address: `${at('allowed.sock')}/../other.sock`, socket_type: 'unix' }],
    ['syslog', {}],
    ['syslog', { address: 'udp://10.0.0.9:514' }],
  ];
  for (const [type, options] of refused) {
    const { status, said } = await enable('x', type, options);
    assert.equal(status, 403, JSON.stringify(options));
    assert.match(said, /allow_audit_addresses|configuration alone/);
  }
  assert.equal(end.headers.length, 0);
  assert.equal((await enable('in', 'http', { uri: `http://127.0.0.1:${port}/in?source=a` })).status, 204);
  assert.equal((await enable('all', 'http', { uri: `http://localhost:${port}/all/below` })).status, 204);
});

test('options of a wrong type or value are named, and nothing is made', async () => {
  const { node, token, folder, enable } = await start();
  await using _ = node;
  const cases: readonly (readonly [string, Options, RegExp])[] = [
    ['kafka', {}, /unknown backend type: "kafka" \(there are: file, http, socket, syslog\)/],
    ['__proto__', {}, /unknown backend type/],
    ['socket', {}, /`address` is missing/],
    ['socket', { address: 'nowhere' }, /`address` must be HOST:PORT/],
    ['socket', { address: 'a b:1' }, /must be HOST:PORT/],
    ['socket', { address: 'a:70000' }, /must be HOST:PORT/],
    ['socket', { address: 'a:1', socket_type: 'sctp' }, /`socket_type` must be/],
    ['socket', { address: 'a:1', write_timeout: 'soon' }, /`write_timeout` is not a duration/],
    ['socket', { address: 'a:1', write_timeout: '0' }, /`write_timeout` must be 1ms to 1h/],
    ['socket', { address: 'relative.sock', socket_type: 'unix' }, /absolute path of a Unix socket/],
    ['socket', { address: `/${'x'.repeat(120)}`, socket_type: 'unix' }, /at most 107 bytes/],
    ['socket', { address: 'a:1', facility: 'AUTH' }, /unknown audit option `facility`/],
    ['socket', { address: 'a:1', filter: 'type == x' }, /`filter` knows/],
    ['socket', { address: 'a:1', filter: 'path == x', fallback: 'true' }, /give one of them/],
    ['socket', { address: 'a:1', exclude: '{}' }, /`exclude` must be a JSON list/],
    ['socket', { address: 'a:1', log_raw: 'maybe' }, /`log_raw` must be true or false/],
    ['socket', { address: 'a:1', format: 'jsonx' }, /`format`: only "json"/],
    ['socket', { address: 'a:1', prefix: 'a\nb' }, /`prefix` must stand on one line/],
    ['syslog', { facility: 'NOBODY' }, /`facility` must be one/],
    ['syslog', { facility: '' }, /`facility` must be one/],
    ['syslog', { tag: 'a]: <0>' }, /`tag` has 1 to 48/],
    ['syslog', { tag: 'a\nb' }, /`tag` has 1 to 48/],
    ['syslog', { address: 'host:514' }, /must be a path, or udp/],
    ['http', {}, /`uri` is missing/],
    ['http', { uri: 'ftp://x/' }, /must begin with https/],
    ['http', { uri: 'http://x/', headers: 'X: y' }, /`headers` must be a JSON object/],
    ['http', { uri: 'http://x/', headers: '{"X":"y"}' }, /`headers` must be a JSON object/],
    ['http', { uri: 'http://x/', headers: '{"X":["a\\r\\nY: b"]}' }, /no header can have/],
    ['http', { uri: 'http://x/', headers: '{"X Y":["a"]}' }, /no header can have/],
    ['http', { uri: 'http://x/', headers: '{"Content-Length":["1"]}' }, /cannot set Content-Length/],
    ['file', { file_path: at('x.log'), address: 'a:1' }, /unknown audit option `address`/],
    ['file', { file_path: at('x.log'), mode: '0700' }, /neither write nor execute/],
  ];
  for (const [type, options, message] of cases) {
    const { status, said } = await enable('x', type, options);
    assert.deepEqual([status, message.test(said)], [400, true], `${type} ${JSON.stringify(options)}: ${said}`);
  }
  assert.equal((await enable('x', 'socket', { address: { a: 1 } })).status, 400);
  assert.deepEqual((await ask(node, 'GET', 'sys/audit', { token })).reply?.data, {});
  assert.equal(existsSync(folder) && readdirSync(folder).length > 0, false);
  assert.equal(existsSync(at('x.log')), false);
});

test('newlines in a path, a header or a value end no line, in any device', async () => {
  const { node, token, call, enable } = await start();
  await using _ = node;
  const path = at('lines.sock');
  await using log = unixDatagramEnd(path);
  await using stream = await streamEnd();
  await enable('file', 'file', { file_path: at('lines.log') });
  await enable('log', 'syslog', { address: path });
  await enable('tcp', 'socket', { address: `127.0.0.1:${String(stream.port)}`, log_raw: 'true' });
  await call('POST', 'sys/config/auditing/request-headers/x-note', {});
  const evil = 'a\n{"type":"request"}\r\n<0>Jan  1 00:00:00 root: \u2028';
  await ask(node, 'POST', `cubbyhole/${evil}`, { token, body: { [evil]: evil } });
  await call('GET', 'cubbyhole/end');
  const ended = (arrived: Arrivals): boolean => arrived.text.includes('"path":"cubbyhole/end"');
  await stream.arrived.until((arrived) => ended(arrived) && arrived.text.endsWith('\n'));
  await log.arrived.until(ended);
  for (const piece of log.arrived.pieces) assert.match(piece.toString(), /^<38>[^\n]* vault\[\d+\]: \{[^\n]*\}\n$/);
  for (const text of [stream.arrived.text, readFileSync(at('lines.log'), 'utf8')]) {
    for (const line of text.trimEnd().split('\n')) assert.equal(typeof JSON.parse(line), 'object');
  }
});

test('request headers stand in the entries of every device, hashed where that was asked for', async () => {
  const { node, token, call, enable } = await start();
  await using _ = node;
  await using http = await httpEnd();
  await enable('http', 'http', { uri: http.uri });
  await call('POST', 'sys/config/auditing/request-headers/x-plain', {});
  await call('POST', 'sys/config/auditing/request-headers/x-hashed', { hmac: true });
  const asked = requestOf('GET', 'cubbyhole/a', { token });
  await node.handle({ ...asked, headers: { 'x-plain': 'shown', 'x-hashed': 'hidden' } });
  await http.arrived.until(({ text }) => text.includes('"path":"cubbyhole/a"'));
  const hashed = await ask(node, 'POST', 'sys/audit-hash/http', { token, body: { input: 'hidden' } });
  const { text } = http.arrived;
  assert.match(text, /"x-plain":\["shown"\]/);
  assert.ok(text.includes(`"x-hashed":["${String(hashed.reply?.data?.['hash'])}"]`));
  assert.equal(text.includes('"hidden"'), false);
});

test('an entry that is too long for a datagram comes with its data as one hash', async () => {
  const { node, token, enable } = await start();
  await using _ = node;
  await using udp = await udpEnd();
  const options = { socket_type: 'udp', address: `127.0.0.1:${String(udp.port)}` };
  assert.equal((await enable('udp', 'socket', options)).status, 204);
  const body = Object.fromEntries(Array.from({ length: 2_000 }, (_unused, n) => [`field-${String(n)}`, 'x']));
  assert.equal((await ask(node, 'POST', 'cubbyhole/long', { token, body })).status, 204);
  assert.equal((await ask(node, 'GET', 'cubbyhole/long', { token })).status, 200);
  await udp.arrived.until(({ pieces }) => pieces.length === 6);
  const [write, , , read] = udp.arrived.lines
    .slice(2)
    .map((line) => JSON.parse(line) as Record<string, { data: object }>);
  assert.deepEqual(Object.keys(write?.['request']?.data ?? {}), ['*']);
  assert.deepEqual(Object.keys(read?.['response']?.data ?? {}), ['*']);
  // What no hash can shorten is refused, since it cannot be recorded.
  assert.equal((await ask(node, 'GET', `cubbyhole/${'x'.repeat(70_000)}`, { token })).status, 500);
});

test('variables and files of the configuration are sent, and shown to nobody', async () => {
  await using end = await httpEnd();
  writeFileSync(at('token'), 'FILE-CANARY\n');
  const headers = JSON.stringify({ 'x-variable': ['env://SIEM_TOKEN'], 'x-file': [`file://${at('token')}`] });
  const device = { path: 'siem', type: 'http', description: '', local: false, options: { uri: end.uri, headers } };
  const variables = { SIEM_TOKEN: 'VARIABLE-CANARY' };
  const { node, token } = await start({ declared: [{ ...device, variables }] });
  await using _ = node;
  await node.services.auditDevices.delivered('siem');
  const [sent] = end.headers;
  assert.deepEqual([sent?.['x-variable'], sent?.['x-file']], ['VARIABLE-CANARY', 'FILE-CANARY']);
  const listed = await ask(node, 'GET', 'sys/audit', { token });
  assert.doesNotMatch(JSON.stringify(listed.reply), /CANARY/);
  assert.match(JSON.stringify(listed.reply), /env:\/\/SIEM_TOKEN/);
  await node.services.auditDevices.declare([{ ...device, path: 'unset' }]);
  // The old device is not ended for one that cannot be: it would be followed by none.
  const after = await ask(node, 'GET', 'sys/audit', { token });
  assert.deepEqual(Object.keys(after.reply?.data ?? {}), ['siem/']);
});

test('some device always takes what filters leave', async () => {
  const { node, call, enable } = await start();
  await using _ = node;
  const filtered = { file_path: at('some.log'), filter: 'mount_type == kv' };
  const lone = await enable('some', 'file', filtered);
  assert.deepEqual([lone.status, /every audit device has a `filter`.*fallback/.test(lone.said)], [400, true]);
  assert.equal((await enable('rest', 'file', { file_path: 'discard', fallback: 'true' })).status, 204);
  assert.equal((await enable('some', 'file', filtered)).status, 204);
  assert.match(
    (await enable('more', 'file', { file_path: 'discard', fallback: 'true' })).said,
    /one audit device alone/,
  );
  assert.match((await call('DELETE', 'sys/audit/rest')).said, /every audit device has a `filter`/);
  assert.equal((await call('DELETE', 'sys/audit/some')).status, 204);
  assert.equal((await call('DELETE', 'sys/audit/rest')).status, 204);
});

test('two devices do not write to one file', async () => {
  const { node, enable } = await start();
  await using _ = node;
  assert.equal((await enable('one', 'file', { file_path: at('one.log') })).status, 204);
  const { status, said } = await enable('two', 'file', { path: `${root}/./one.log` });
  assert.deepEqual([status, /audit device one\/ writes to .*one\.log/.test(said)], [400, true]);
});

test('a full spool refuses requests, and its device can still be taken away', async () => {
  const folder = at('full');
  const { node, call, enable } = await start({ spool: { folder, limit: 8_000 } });
  await using _ = node;
  assert.equal((await enable('file', 'file', { file_path: at('full.log') })).status, 204);
  assert.equal((await enable('siem', 'socket', { address: '127.0.0.1:1', skip_test: 'true' })).status, 204);
  let status = 0;
  for (let tries = 0; status !== 500 && tries < 100; tries += 1) ({ status } = await call('GET', 'cubbyhole/a'));
  assert.equal(status, 500);
  assert.equal((await call('POST', 'cubbyhole/a', { a: 'b' })).status, 500);
  assert.equal((await call('DELETE', 'sys/audit/siem')).status, 204);
  assert.equal((await call('GET', 'cubbyhole/a')).status, 404);
  // What nobody took stays.
  assert.equal(readdirSync(folder).length, 1);
});

test('what an ended device could not deliver outlives a device of its path that cannot be made', async () => {
  const { node, folder, call, enable } = await start();
  await using _ = node;
  assert.equal((await enable('siem', 'socket', { address: '127.0.0.1:1', skip_test: 'true' })).status, 204);
  await call('GET', 'cubbyhole/kept');
  assert.equal((await call('DELETE', 'sys/audit/siem')).status, 204);
  assert.equal((await enable('siem', 'socket', { address: '127.0.0.1:1' })).status, 400);
  assert.equal((await enable('siem', 'http', { uri: 'http://127.0.0.1:1/' })).status, 400);
  await using end = await streamEnd();
  assert.equal((await enable('siem', 'socket', { address: `127.0.0.1:${String(end.port)}` })).status, 204);
  await end.arrived.until(({ text }) => text.includes('"path":"sys/audit/siem"'));
  assert.ok(pathsIn(end.arrived).includes('request cubbyhole/kept'));
  assert.equal((await call('DELETE', 'sys/audit/siem')).status, 204);
  assert.deepEqual(readdirSync(folder), []);
});

test('no request is recorded with a device alone before its end has taken an entry', async () => {
  const { node, call, enable } = await start();
  await using _ = node;
  const log = at('fallback.log');
  assert.equal((await enable('rest', 'file', { file_path: log, fallback: 'true' })).status, 204);
  // Answers once a request came in between.
  const asked = Promise.withResolvers<void>();
  const read = asked.promise.then(() => call('GET', 'cubbyhole/between'));
  await using end = await streamEnd({
    serve: (socket) => {
      socket.once('data', () => {
        asked.resolve();
        void read.then(() => socket.end('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'));
      });
    },
  });
  const options = { uri: `http://127.0.0.1:${String(end.port)}/`, filter: 'path == "cubbyhole/between"' };
  assert.equal((await enable('siem', 'http', options)).status, 400);
  assert.equal((await read).status, 404);
  assert.match(readFileSync(log, 'utf8'), /"path":"cubbyhole\/between"/);
});
