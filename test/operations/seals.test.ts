/** Several seals, and migrations between kinds, on servers as their operators run them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import {
  blockOf,
  giveShares,
  holdsSecret,
  initialise,
  place,
  staticBlock,
  unsealed,
} from '../support/sealed-server.ts';
import { ServerProcess } from '../support/server-process.ts';
import { restoreSnapshot, takeSnapshot } from '../support/snapshots.ts';

const executable = join(import.meta.dirname, '../../bin/lockstep');

async function lockstep(server: ServerProcess, ...args: readonly string[]) {
  const env = { ...process.env, LOCKSTEP_ADDR: await server.address() };
  const child = spawn(executable, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: code as number, out, err };
}

test('two seals: with one key gone the node starts, serves, and says which is missing; the metrics say it too', async (t) => {
  const at = place(t);
  const [one, two] = [staticBlock(at, 'one'), staticBlock(at, 'two', 'priority = 2')];
  const config = at.config(one.block + two.block);
  await using first = new ServerProcess([config]);
  const keys = await initialise(first, true);
  assert.equal((await first.ask('GET', '/v1/sys/seal-status')).json['type'], 'multiseal');
  await first[Symbol.asyncDispose]();

  renameSync(one.file, `${one.file}.away`);
  await using server = new ServerProcess([config]);
  await server.line(/a seal is unhealthy.*seal=one/);
  await unsealed(server);
  assert.equal(await holdsSecret(server, keys), true);
  const { status, json } = await server.ask('GET', '/v1/sys/seal-backend-status');
  assert.equal(status, 200);
  assert.equal(json['healthy'], false);
  assert.equal(json['fully_wrapped'], true);
  const [lost, kept] = json['backends'] as Record<string, unknown>[];
  assert.deepEqual([lost?.['name'], lost?.['configured'], lost?.['healthy']], ['one', false, false]);
  assert.match(String(lost?.['unhealthy_since']), /^\d{4}-.*Z$/);
  assert.deepEqual([kept?.['name'], kept?.['type'], kept?.['healthy'], kept?.['priority']], ['two', 'static', true, 2]);
  const path = '/v1/sys/metrics?format=prometheus';
  const metrics = (await server.ask('GET', path, { token: keys.token })).text;
  assert.match(metrics, /^lockstep_seal_healthy\{seal="one"\} 0$/m);
  assert.match(metrics, /^lockstep_seal_healthy\{seal="two"\} 1$/m);
  assert.match(metrics, /^vault_seal_unreachable_time\{seal="one"\} \d+/m);
  assert.match(metrics, /^lockstep_seal_fully_wrapped 1$/m);
  await server[Symbol.asyncDispose]();

  renameSync(two.file, `${two.file}.away`);
  await using none = new ServerProcess([config]);
  assert.equal(await none.exit, 1);
  assert.match(none.lines.join('\n'), /one\.key/);
});

test('a key file that others may read is no reason to stop while another seal is there, and never used', async (t) => {
  const at = place(t);
  const [one, two] = [staticBlock(at, 'one'), staticBlock(at, 'two')];
  const config = at.config(one.block + two.block);
  await using first = new ServerProcess([config]);
  const keys = await initialise(first, true);
  await first[Symbol.asyncDispose]();
  chmodSync(one.file, 0o644);
  await using server = new ServerProcess([config]);
  await server.line(/a seal is unhealthy.*seal=one/);
  await unsealed(server);
  assert.equal(await holdsSecret(server, keys), true);
});

test('shamir to static, to another static, and back to shamir, with `operator unseal -migrate`', async (t) => {
  const at = place(t);
  const [one, two] = [staticBlock(at, 'one'), staticBlock(at, 'two')];
  await using people = new ServerProcess([at.config('')]);
  const keys = await initialise(people, false);
  await people[Symbol.asyncDispose]();

  const old = (file: string, name: string): string => blockOf(file, name, 'disabled = "true"');
  const log = join(at.folder, 'audit.log');
  const audit = `audit "file" "main" { options { file_path = "${log}" } }\n`;
  const steps = [
    { seals: audit + one.block, type: 'static' },
    { seals: audit + two.block + old(one.file, 'one'), type: 'static' },
    { seals: audit + old(two.file, 'two'), type: 'shamir' },
  ];
  for (const { seals, type } of steps) {
    await using server = new ServerProcess([at.config(seals)]);
    const pending = (await server.ask('GET', '/v1/sys/seal-status')).json;
    assert.deepEqual([pending['sealed'], pending['migration'], pending['type']], [true, true, type]);
    const [first = '', second = ''] = keys.shares;
    const plain = await server.ask('PUT', '/v1/sys/unseal', { body: { key: first } });
    assert.equal(plain.status, 400);
    assert.match(plain.text, /migrate option not provided and seal migration is pending/);
    const shown = await lockstep(server, 'operator', 'unseal', '-migrate', first);
    assert.equal(shown.code, 0, shown.err);
    assert.match(shown.out, /Seal Migration in Progress +true/);
    assert.match(shown.out, /Unseal Progress +1\/2/);
    const done = await lockstep(server, 'operator', 'unseal', '-migrate', second);
    assert.equal(done.code, 0, done.err);
    assert.doesNotMatch(done.out, /Migration/);
    assert.match(done.out, /Sealed +false/);
    await server.line(/the seal is migrated/);
    assert.equal(await holdsSecret(server, keys), true);
    const again = await server.ask('PUT', '/v1/sys/unseal', { body: { key: first, migrate: true } });
    assert.equal(again.json['migration'], false);
    await server[Symbol.asyncDispose]();

    await using restarted = new ServerProcess([at.config(seals)]);
    if (type === 'shamir') await giveShares(restarted, keys.shares, false);
    else await unsealed(restarted);
    assert.equal((await restarted.ask('GET', '/v1/sys/seal-status')).json['migration'], false);
    assert.equal(await holdsSecret(restarted, keys), true);
  }
  // Each once, by both entries of the request that it was, with names that can be read.
  const entries = readFileSync(log, 'utf8').trimEnd().split('\n').map(entryOf);
  // The node was open when the last share was given once more.
  const migrations = entries.filter(
    ({ request: { path, data } }) => path === 'sys/unseal' && data['key'] === undefined,
  );
  assert.deepEqual(
    migrations.map(({ type }) => type),
    ['request', 'response', 'request', 'response', 'request', 'response'],
  );
  for (const { request } of migrations) {
    assert.deepEqual([request.operation, request.remote_address], ['update', '127.0.0.1']);
    assert.deepEqual(request.data, { migrate: true });
  }
  const done = migrations.flatMap(({ response }) => (response === undefined ? [] : [response.data]));
  assert.deepEqual(
    done.map((data) => [data['migrated_from'], data['migrated_to']]),
    [
      [['shamir'], ['one']],
      [['one'], ['two']],
      [['two'], ['shamir']],
    ],
  );
});

interface Entry {
  readonly type: string;
  readonly request: {
    readonly path: string;
    readonly operation: string;
    readonly remote_address: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
  readonly response?: { readonly data: Readonly<Record<string, unknown>> };
}

const entryOf = (line: string): Entry => JSON.parse(line) as Entry;

test('a snapshot of shamir goes into a node with a key file, and one of that into a node of shares', async (t) => {
  const [from, to] = [place(t), place(t)];
  const one = staticBlock(to, 'one');
  await using people = new ServerProcess([from.config('')]);
  const keys = await initialise(people, false);
  const snapshot = await takeSnapshot(people, keys.token);

  await using node = new ServerProcess([to.config(one.block)]);
  const own = await initialise(node, true);
  const taken = await takeSnapshot(node, own.token);
  const restored = await restoreSnapshot(node, snapshot, { token: own.token, force: true, keep: true });
  assert.equal(restored.status, 204, restored.text);
  const pending = (await node.ask('GET', '/v1/sys/seal-status')).json;
  assert.deepEqual([pending['sealed'], pending['migration']], [true, true]);
  const wrong = await giveShares(node, own.shares, true);
  assert.equal(wrong.status, 400);
  const given = await giveShares(node, keys.shares, true);
  assert.deepEqual([given.json['sealed'], given.json['migration']], [false, false], given.text);
  assert.equal(await holdsSecret(node, keys), true);
  await node[Symbol.asyncDispose]();
  await using again = new ServerProcess([to.config(one.block)]);
  await unsealed(again);
  assert.equal(await holdsSecret(again, keys), true);

  // The other way round: refused while no seal is configured that opens it, and nothing has changed then.
  const refused = await restoreSnapshot(people, taken, { token: keys.token, force: true, keep: true });
  assert.equal(refused.status, 400);
  assert.match(refused.text, /could not be unsealed here: .*\\"static\\" \(one\)/);
  assert.equal(await holdsSecret(people, keys), true);
  await people[Symbol.asyncDispose]();
  await using both = new ServerProcess([from.config(blockOf(one.file, 'one', 'disabled = true'))]);
  await giveShares(both, keys.shares, false);
  const taking = await restoreSnapshot(both, taken, { token: keys.token, force: true, keep: true });
  assert.equal(taking.status, 204, taking.text);
  const opened = await giveShares(both, own.shares, true);
  assert.deepEqual([opened.json['sealed'], opened.json['type']], [false, 'shamir'], opened.text);
  assert.equal(await holdsSecret(both, own), true);
});

test('a snapshot that the configured seal does not open is refused before anything is replaced', async (t) => {
  const [from, to] = [place(t), place(t)];
  await using other = new ServerProcess([from.config(staticBlock(from, 'one').block)]);
  const keys = await initialise(other, true);
  const snapshot = await takeSnapshot(other, keys.token);
  await using node = new ServerProcess([to.config(staticBlock(to, 'one').block)]);
  const own = await initialise(node, true);
  const refused = await restoreSnapshot(node, snapshot, { token: own.token, force: true });
  assert.equal(refused.status, 400);
  assert.match(refused.text, /could not be unsealed here/);
  assert.equal(await holdsSecret(node, own), true);
});
