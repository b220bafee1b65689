import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PassThrough } from 'node:stream';

import { onlyThese } from '../../../test/support/audit.ts';
import { ask, requestOf, runningNode } from '../../../test/support/node.ts';
import type { Node } from '../node.ts';
import { takeKey } from '../../lib/crypto/hash.ts';
import { serveForwarded, type ForwardedOutcome } from '../requests/forwarded.ts';
import { brokerTrail } from './access-trail.ts';
import { AuditBroker } from './broker.ts';
import { openFileDevice } from './devices/file/device.ts';
import { parseFileOptions } from './devices/file/options.ts';
import { Hasher } from './hasher.ts';

type Fields = Readonly<Record<string, unknown>>;
interface Entry {
  readonly type: string;
  readonly error?: string;
  readonly auth: Fields;
  readonly request: Fields;
  readonly response: Fields;
}

async function audited(file: string, options: Readonly<Record<string, string>> = {}) {
  const broker = new AuditBroker({
    now: Date.now,
    monotonic: () => 0,
    report: () => undefined,
    warn: () => undefined,
  });
  const parsed = parseFileOptions({ file_path: file, skip_test: 'true', ...options }, onlyThese({ paths: 'any' }));
  const device = await openFileDevice(parsed, { warn: () => undefined, stdout: new PassThrough() });
  const hasher = new Hasher(takeKey(Buffer.alloc(32, 1)));
  await broker.enable({ path: 'file/', device, format: parsed.format, hasher });
  const running: { node?: Node } = {};
  const trail = brokerTrail(broker, undefined, (id) => running.node?.services.tokens.find(id));
  const made = await runningNode({ trail });
  running.node = made.node;
  return { broker, hasher, ...made };
}

function entriesOf(text: string): { readonly requests: readonly Entry[]; readonly responses: readonly Entry[] } {
  const entries = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry);
  const of = (type: string): readonly Entry[] => entries.filter((entry) => entry.type === type);
  assert.deepEqual(
    entries,
    of('request').flatMap((entry, at) => [entry, of('response')[at]]),
  );
  return { requests: of('request'), responses: of('response') };
}

const none: Entry = { type: '', auth: {}, request: {}, response: {} };
const body = { password: 'SECRET-CANARY', note: { deep: ['DEEP-CANARY'] } };

/** Six requests; gives the token that one of them makes. */
async function drive(node: Node, root: string): Promise<{ readonly token: string; readonly accessor: string }> {
  assert.equal((await ask(node, 'POST', 'cubbyhole/a', { token: root, body })).status, 204);
  assert.deepEqual((await ask(node, 'GET', 'cubbyhole/a', { token: root })).reply?.data, body);
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { policies: ['x'], ttl: '1h' } });
  const auth = made.auth ?? {};
  const [token, accessor] = [String(auth['client_token']), String(auth['accessor'])];
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 403);
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token: 'hvs.UNKNOWN-CANARY' })).status, 403);
  assert.equal((await ask(node, 'GET', 'no/such/path', { token: root, query: { q: 'QUERY-CANARY' } })).status, 404);
  return { token, accessor };
}

test('requests of a node leave both entries, who asked for what, and no secret', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-trail-'));
  const file = join(folder, 'audit.log');
  const { broker, hasher, node, root } = await audited(file);
  await using _broker = broker;
  await using _node = node;
  const { token, accessor } = await drive(node, root);

  const text = readFileSync(file, 'utf8');
  rmSync(folder, { recursive: true });
  assert.doesNotMatch(text, /CANARY/);
  for (const secret of [root, token, accessor]) assert.equal(text.includes(secret), false);
  const { requests, responses } = entriesOf(text);
  assert.deepEqual(
    responses.map(({ request, error }) => [request['operation'], request['path'], error === undefined]),
    [
      ['create', 'cubbyhole/a', true],
      ['read', 'cubbyhole/a', true],
      ['update', 'auth/token/create', true],
      ['read', 'sys/mounts', false],
      ['read', 'sys/mounts', false],
      ['read', 'no/such/path', false],
    ],
  );
  const hidden = { password: hasher.hash('SECRET-CANARY'), note: { deep: [hasher.hash('DEEP-CANARY')] } };
  const [write = none, , , denied = none, stranger = none] = requests;
  assert.equal(write.auth['client_token'], hasher.hash(root));
  assert.deepEqual(write.auth['policies'], ['root']);
  assert.deepEqual([write.request['data'], write.request['mount_type']], [hidden, 'cubbyhole']);
  assert.deepEqual([denied.auth['policy_results'], denied.error], [{ allowed: false }, 'permission denied']);
  assert.deepEqual(stranger.auth, { token_type: 'default' });
  assert.equal(stranger.request['client_token'], hasher.hash('hvs.UNKNOWN-CANARY'));
  const [, read, creation, refusal] = responses.map(({ response }) => response);
  assert.deepEqual(read?.['data'], hidden);
  const made = (creation?.['auth'] ?? {}) as Fields;
  assert.equal(made['client_token'], hasher.hash(token));
  assert.deepEqual(refusal?.['data'], { error: hasher.hash('permission denied') });
});

test('an entry names the namespace, the path below it, and where the policies that granted it are', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-trail-'));
  const file = join(folder, 'audit.log');
  const { broker, node, root } = await audited(file);
  await using _broker = broker;
  await using _node = node;
  await ask(node, 'POST', 'sys/namespaces/team', { token: root });
  const inside = { token: root, namespace: 'team' };
  const policy = { policy: 'path "sys/mounts" { capabilities = ["read"] }' };
  await ask(node, 'PUT', 'sys/policies/acl/p', { ...inside, body: policy });
  const made = await ask(node, 'POST', 'team/auth/token/create', { token: root, body: { policies: ['p'] } });
  await ask(node, 'GET', 'team/sys/mounts', { token: String(made.auth?.['client_token']) });
  await ask(node, 'GET', 'sys/mounts', { token: root, namespace: 'nope' });
  const { requests } = entriesOf(readFileSync(file, 'utf8'));
  rmSync(folder, { recursive: true });
  const id = node.services.namespaces.byPath('team/')?.id;
  assert.deepEqual(
    requests.map(({ request }) => [request['namespace'], request['path']]),
    [
      [{ id: 'root' }, 'sys/namespaces/team'],
      [{ id, path: 'team/' }, 'sys/policies/acl/p'],
      [{ id, path: 'team/' }, 'auth/token/create'],
      [{ id, path: 'team/' }, 'sys/mounts'],
      [{ id: 'root' }, 'sys/mounts'],
    ],
  );
  const [, byRoot, , byOwn, unknown] = requests;
  const granting = (name: string, place: object) => ({
    allowed: true,
    granting_policies: [{ name, ...place, type: 'acl' }],
  });
  assert.deepEqual(byRoot?.auth['policy_results'], granting('root', { namespace_id: 'root' }));
  const own = { namespace_id: id, namespace_path: 'team/' };
  assert.deepEqual(byOwn?.auth['policy_results'], granting('p', own));
  assert.equal(unknown?.error, 'namespace not found');
});

test('what a region forwards is on record with its name and whom it asks for, refusals too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-trail-'));
  const file = join(folder, 'audit.log');
  const { broker, node } = await audited(file);
  await using _broker = broker;
  await using _node = node;
  const forward = (policies: readonly string[]): Promise<ForwardedOutcome> =>
    serveForwarded(node.services, {
      request: requestOf('POST', 'sys/policies/acl/x', { body: { policy: '' } }),
      region: 'eu',
      client: {
        displayName: 'web',
        policies,
        namespace: 'root',
        entity: '',
        entityNamespace: 'root',
        tokenKey: '',
        accessor: 'KEYED',
        address: '10.0.0.9',
      },
      idempotencyKey: 'k',
      mayWrite: () => true,
      holdsPolicy: () => true,
      holdsEntity: () => true,
    });
  assert.equal((await forward(['root'])).outcome.status, 403);
  assert.equal((await forward(['default'])).outcome.status, 403);
  node.services.audit.event?.({ region: 'eu', address: '10.0.0.9', what: 'clone', detail: 'two at once' });
  await broker.disable('file/');

  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  rmSync(folder, { recursive: true });
  const entries = lines.map((line) => JSON.parse(line) as Entry & { forwarded_from?: string; alarm?: Fields });
  assert.deepEqual(
    entries.map(({ type }) => type),
    ['request', 'response', 'request', 'response', 'alarm'],
  );
  const [asRoot] = entries;
  assert.equal(asRoot?.forwarded_from, 'eu');
  assert.deepEqual(asRoot.auth['policies'], ['root']);
  assert.equal(asRoot.auth['display_name'], 'web');
  assert.deepEqual(asRoot.auth['policy_results'], { allowed: false });
  const alarm = { region: 'eu', remote_address: '10.0.0.9', what: 'clone', detail: 'two at once' };
  assert.deepEqual(entries.at(-1)?.alarm, alarm);
});

test('a login is told by name, and a wrapped reply by its wrapping alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-trail-'));
  const file = join(folder, 'audit.log');
  const { broker, hasher, node, root } = await audited(file);
  await using _broker = broker;
  await using _node = node;
  await ask(node, 'POST', 'cubbyhole/a', { token: root, body });
  const wrapped = await ask(node, 'GET', 'cubbyhole/a', { token: root, wrapTtl: 60 });
  const info = wrapped.wrapInfo ?? {};
  await ask(node, 'POST', 'auth/token/create', { token: root, body: { display_name: 'robot', ttl: '1h' } });
  const text = readFileSync(file, 'utf8');
  rmSync(folder, { recursive: true });
  assert.doesNotMatch(text, /CANARY/);
  const [, read, creation] = entriesOf(text).responses.map(({ response }) => response);
  assert.equal(text.includes(String(info['token'])), false);
  assert.deepEqual(read?.['wrap_info'], {
    ttl: 60,
    token: hasher.hash(String(info['token'])),
    accessor: hasher.hash(String(info['accessor'])),
    creation_time: info['creation_time'],
    creation_path: 'cubbyhole/a',
  });
  assert.equal(read['data'], undefined);
  const made = (creation?.['auth'] ?? {}) as Fields;
  assert.equal(made['display_name'], 'token-robot');
});

test('where nothing can be recorded nothing runs', async () => {
  const { broker, node, root } = await audited('/dev/full');
  await using _broker = broker;
  await using _node = node;
  const refused = await ask(node, 'POST', 'cubbyhole/a', { token: root, body: { x: 'y' } });
  assert.equal(refused.status, 500);
  assert.deepEqual(refused.errors, ['no audit device could record the request']);
  await broker.disable('file/');
  assert.equal((await ask(node, 'GET', 'cubbyhole/a', { token: root })).status, 404);
});
