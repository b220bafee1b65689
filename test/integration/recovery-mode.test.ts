/** A server in recovery mode: what it serves, to whom, what it leaves on record, and that the node lives by it afterwards. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { decodeToken } from '../../src/core/root-generation.ts';
import { ServerProcess } from '../support/server-process.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-recovery-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const CANARY = 'CANARY-91be';
const POLICY = 's/root/policies/app';

interface Place {
  readonly config: string;
  readonly at: (name: string) => string;
}

function place(name: string, more: string = ''): Place {
  const folder = join(root, name);
  mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 });
  const at = (file: string): string => join(folder, file);
  writeFileSync(
    at('server.hcl'),
    `storage "lmdb" { path = "${at('data')}" }
     listener "tcp" { address = "127.0.0.1:0" tls_disable = true }
     audit "file" "main" { options { file_path = "${at('audit.log')}" } }
     ${more}`,
  );
  return { config: `-config=${at('server.hcl')}`, at };
}

interface Made {
  readonly keys: readonly string[];
  readonly token: string;
}

async function initialise(server: ServerProcess, body: object, kind: 'keys' | 'recovery_keys'): Promise<Made> {
  const { json } = await server.ask('PUT', '/v1/sys/init', { body });
  const keys = json[kind] as string[];
  if (kind === 'keys') for (const key of keys) await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  return { keys, token: json['root_token'] as string };
}

const TOKEN_PATHS = '/v1/sys/generate-recovery-token';

/** Gives the shares in turn; undefined when they were refused. */
async function recoveryToken(server: ServerProcess, keys: readonly string[]): Promise<string | undefined> {
  const { json: begun } = await server.ask('POST', `${TOKEN_PATHS}/attempt`, { body: {} });
  let encoded: unknown;
  for (const key of keys) {
    const given = await server.ask('POST', `${TOKEN_PATHS}/update`, { body: { key, nonce: begun['nonce'] } });
    if (given.status !== 200) return undefined;
    encoded = given.json['encoded_token'];
  }
  return decodeToken(encoded as string, begun['otp'] as string);
}

const ended = async (server: ServerProcess): Promise<void> => {
  server.signal('SIGTERM');
  assert.equal(await server.exit, 0, server.lines.join('\n'));
};

const valueIn = ({ json }: { readonly json: Readonly<Record<string, unknown>> }): unknown =>
  (json['data'] as { value: unknown } | undefined)?.value;

/** What was done is on record, and no secret is in a log. */
function checkRecords(
  at: Place['at'],
  lines: readonly string[],
  { token, share }: { readonly token: string; readonly share: string },
): void {
  const records = readFileSync(join(at('data'), 'recovery-audit.log'), 'utf8');
  for (const [secret, shown] of [
    ['the token', token],
    ['a share', share],
    ['a value', CANARY],
  ] as const) {
    for (const text of [records, readFileSync(at('audit.log'), 'utf8'), lines.join('\n')]) {
      assert.ok(!text.includes(shown), `${secret} is in a log`);
    }
  }
  const entries = records
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const done = entries.map(({ type, request, error }) => {
    const { operation, path } = request as { operation: string; path: string };
    return `${String(type)} ${operation} ${path}${error === undefined ? '' : ' refused'}`;
  });
  for (const wanted of [
    'request update sys/generate-recovery-token/update',
    `request read sys/raw/${POLICY} refused`,
    `request update sys/raw/${POLICY}`,
    `response update sys/raw/${POLICY}`,
    'request delete sys/raw/l/root/test/x',
    'request delete sys/raw/seal/root',
  ]) {
    assert.ok(done.includes(wanted), `${wanted} is not in:\n${done.join('\n')}`);
  }
}

test('enough shares mend a record that nothing else can reach, on record, and the node lives by it', async () => {
  const { config, at } = place('mend');
  let made: Made;
  {
    await using server = new ServerProcess([config]);
    made = await initialise(server, { secret_shares: 3, secret_threshold: 2 }, 'keys');
    const body = { policy: 'path "secret/*" { capabilities = ["read"] }' };
    assert.equal((await server.ask('PUT', '/v1/sys/policies/acl/app', { token: made.token, body })).status, 204);

    await using beside = new ServerProcess(['-recovery', config]);
    assert.equal(await beside.exit, 1);
    assert.match(beside.lines.join('\n'), /data directory.*in use|is in use/);
    await ended(server);
  }
  let before: string;
  {
    await using server = new ServerProcess(['-recovery', config]);
    for (const path of ['sys/health', 'sys/seal-status', 'sys/unseal', 'secret/a', 'sys/mounts', 'sys/rawly']) {
      const { status } = await server.ask('GET', `/v1/${path}`, { token: made.token });
      assert.equal(status, 404, path);
    }
    // The shares alone open it: neither the root token of the node nor an empty one does.
    for (const token of [made.token, '', 'hvr.']) {
      assert.equal((await server.ask('GET', `/v1/sys/raw/${POLICY}`, { token })).status, 403);
    }
    const [one = '', two = '', three = ''] = made.keys;
    assert.equal(await recoveryToken(server, [one, `${two.slice(0, -2)}00`]), undefined);
    assert.equal((await server.ask('GET', `/v1/sys/raw/${POLICY}`, { token: 'hvr.' })).status, 403);
    assert.equal((await server.ask('DELETE', `${TOKEN_PATHS}/attempt`)).status, 204);

    const token = (await recoveryToken(server, [one, three])) ?? '';
    assert.match(token, /^hvr\.\w{24}$/);
    const again = await server.ask('POST', `${TOKEN_PATHS}/attempt`, { body: {} });
    assert.equal(again.status, 400);
    for (const wrong of [made.token, '', `${token.slice(0, -1)}!`]) {
      assert.equal((await server.ask('GET', `/v1/sys/raw/${POLICY}`, { token: wrong })).status, 403);
    }

    const listed = await server.ask('GET', '/v1/sys/raw/s/root/policies?list=true', { token });
    assert.ok((listed.json['data'] as { keys: string[] }).keys.includes('app'));
    const top = await server.ask('GET', '/v1/sys/raw?list=true', { token });
    assert.deepEqual(top.json['data'], { keys: ['h/', 'l/', 's/'] });
    const read = await server.ask('GET', `/v1/sys/raw/${POLICY}?encoding=base64`, { token });
    before = Buffer.from(valueIn(read) as string, 'base64').toString('latin1');
    assert.match(before, /secret\/\*/);
    const value = Buffer.from(before.replace('secret/*', 'public/*'), 'latin1').toString('base64');
    const written = await server.ask('PUT', `/v1/sys/raw/${POLICY}`, { token, body: { value, encoding: 'base64' } });
    assert.equal(written.status, 204);
    const body = { value: CANARY };
    assert.equal((await server.ask('PUT', '/v1/sys/raw/l/root/test/x', { token, body })).status, 204);
    assert.equal(valueIn(await server.ask('GET', '/v1/sys/raw/l/root/test/x', { token })), CANARY);
    assert.equal((await server.ask('DELETE', '/v1/sys/raw/l/root/test/x', { token })).status, 204);
    assert.equal((await server.ask('GET', '/v1/sys/raw/l/root/test/x', { token })).status, 404);

    const hostile: readonly (readonly [string, string, object?])[] = [
      ['GET', 'seal/config'],
      ['DELETE', 'seal/root'],
      ['GET', 'h/root/namespace-seals/x/root'],
      ['DELETE', 'h/root/namespace-seals/x/root'],
      ['PUT', 'l/root/test/y', {}],
      ['PUT', 'l/root/test/y', { value: 'a', encoding: 'hex' }],
      ['PUT', 'l/root/test/y', { value: 'not base64', encoding: 'base64' }],
      ['PUT', 'l/root/test/y', { value: 'a', compression_type: 'gzip' }],
    ];
    for (const [method, key, body] of hostile) {
      const { status, text } = await server.ask(method, `/v1/sys/raw/${key}`, { token, ...(body && { body }) });
      assert.equal(status, 400, `${method} ${key}: ${text}`);
    }
    await ended(server);
    checkRecords(at, server.lines, { token, share: one });
    assert.match(readFileSync(at('audit.log'), 'utf8'), /sys\/raw\/s\/root\/policies\/app/);
  }
  await using server = new ServerProcess([config]);
  for (const key of made.keys.slice(0, 2)) await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  const { json } = await server.ask('GET', '/v1/sys/policies/acl/app', { token: made.token });
  assert.match((json['data'] as { policy: string }).policy, /public\/\*/);
  assert.equal((await server.ask('GET', '/v1/sys/raw/s/root/policies/app', { token: made.token })).status, 404);
});

test('a seal that unseals by itself opens nothing without its recovery keys', async () => {
  const { config, at } = place('static', `seal "static" { current_key_id = "one" current_key = "file://${root}/key" }`);
  writeFileSync(join(root, 'key'), Buffer.alloc(32, 7), { mode: 0o600 });
  let made: Made;
  {
    await using server = new ServerProcess([config]);
    made = await initialise(server, { recovery_shares: 2, recovery_threshold: 2 }, 'recovery_keys');
    await ended(server);
  }
  await using server = new ServerProcess(['-recovery', config]);
  const [one = '', two = ''] = made.keys;
  assert.equal(await recoveryToken(server, [one, `${two.slice(0, -2)}00`]), undefined);
  assert.ok(!existsSync(join(at('data'), 'recovery-audit.log')), 'it was opened without proof');
  assert.equal((await server.ask('DELETE', `${TOKEN_PATHS}/attempt`)).status, 204);
  const token = (await recoveryToken(server, [one, two])) ?? '';
  const listed = await server.ask('GET', '/v1/sys/raw/l/root/?list=true', { token });
  assert.equal(listed.status, 200, listed.text);
});

test('a damaged table of namespaces keeps a node from opening, whenever it is told to, and recovery mode from nothing', async () => {
  const { config } = place('damaged');
  let made: Made;
  {
    await using server = new ServerProcess([config]);
    made = await initialise(server, { secret_shares: 1, secret_threshold: 1 }, 'keys');
    await ended(server);
  }
  const [key = ''] = made.keys;
  const damaged = '/v1/sys/raw/s/root/namespaces/abc';
  {
    await using server = new ServerProcess(['-recovery', config]);
    const token = (await recoveryToken(server, [key])) ?? '';
    assert.equal((await server.ask('PUT', damaged, { token, body: { value: CANARY } })).status, 204);
    await ended(server);
  }
  {
    await using server = new ServerProcess([config]);
    // Whether it is still starting or not: it listens before.
    for (const _ of ['as soon as it listens', 'again']) {
      const { status, text } = await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
      assert.equal(status, 500);
      assert.match(text, /the record s\/root\/namespaces\/abc is damaged.*server -recovery/);
      await server.line(/sealed: give it its shares/);
    }
    await server.line(/unsealed, but sealed again.*s\/root\/namespaces\/abc is damaged/);
    assert.ok(!server.lines.join('\n').includes(CANARY), 'the text of the record is in the log');
    assert.ok(!server.lines.some((line) => /^ +at /.test(line)), 'a stack is in the log');
    await ended(server);
  }
  {
    await using server = new ServerProcess(['-recovery', config]);
    const token = (await recoveryToken(server, [key])) ?? '';
    assert.equal((await server.ask('DELETE', damaged, { token })).status, 204);
    await ended(server);
  }
  await using server = new ServerProcess([config]);
  const { json } = await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  assert.equal(json['sealed'], false);
});

test('there is nothing to recover where nothing is kept, or nothing was made', async () => {
  const { config } = place('empty');
  await using empty = new ServerProcess(['-recovery', config]);
  await using memory = new ServerProcess(['-recovery', '-dev']);
  assert.equal(await empty.exit, 1);
  assert.match(empty.lines.join('\n'), /there is nothing to recover in/);
  assert.equal(await memory.exit, 1);
  assert.match(memory.lines.join('\n'), /recovery mode is for storage "lmdb"/);
});
