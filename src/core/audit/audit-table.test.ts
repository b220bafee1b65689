import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { onlyThese } from '../../../test/support/audit.ts';
import { ask, testNode, type TestNodeOptions } from '../../../test/support/node.ts';
import type { Node } from '../node.ts';
import type { DeclaredDevice } from './known-device.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-audit-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const fileAt = (name: string): string => join(root, name);
interface Line {
  readonly type: string;
  readonly error?: string;
  readonly request: { readonly path: string; readonly operation: string };
}
const textOf = (name: string): string => readFileSync(fileAt(name), 'utf8');
const linesOf = (name: string): readonly Line[] =>
  textOf(name)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
const pathsOf = (name: string): readonly string[] =>
  linesOf(name).map(({ type, request }) => `${type} ${request.path}`);

interface Unsealing {
  readonly node: Node;
  readonly token: string;
  readonly unseal: () => Promise<unknown>;
}

async function start(options: TestNodeOptions = {}): Promise<Unsealing> {
  const node = testNode(options);
  const { unsealShares, rootToken } = await node.initialize({ secretShares: 1, secretThreshold: 1 });
  const unseal = (): Promise<unknown> => node.unseal(Buffer.from(unsealShares.hex[0] ?? '', 'hex'));
  await unseal();
  return { node, token: rootToken, unseal };
}

const device = (name: string, options: Readonly<Record<string, string>> = {}) => ({
  type: 'file',
  description: 'what happened',
  options: { file_path: fileAt(name), ...options },
});
const declared = (path: string, name: string): DeclaredDevice => ({ path, local: false, ...device(name) });

test('a device made through the API is tested, listed, kept over a seal with its key, and taken away', async () => {
  const { node, token, unseal } = await start();
  await using _ = node;
  const asked = { token, body: device('api.log') };
  assert.equal((await ask(node, 'PUT', 'sys/audit/api', asked)).status, 204);
  assert.deepEqual(pathsOf('api.log'), ['request sys/audit/test', 'response sys/audit/api']);
  const listed = await ask(node, 'GET', 'sys/audit', { token });
  const entry = { path: 'api/', local: false, ...device('api.log') };
  assert.deepEqual(listed.reply?.data, { 'api/': entry });

  const hash = async (): Promise<unknown> =>
    (await ask(node, 'POST', 'sys/audit-hash/api', { token, body: { input: token } })).reply?.data?.['hash'];
  const before = String(await hash());
  assert.match(before, /^hmac-sha256:[0-9a-f]{64}$/);
  assert.equal(textOf('api.log').includes(before), true);
  await node.seal();
  await unseal();
  assert.equal(await hash(), before);

  assert.equal((await ask(node, 'DELETE', 'sys/audit/api', { token })).status, 204);
  const { length } = linesOf('api.log');
  assert.deepEqual((await ask(node, 'GET', 'sys/audit', { token })).reply?.data, {});
  assert.equal((await ask(node, 'POST', 'sys/audit-hash/api', { token, body: { input: 'x' } })).status, 400);
  await node.seal();
  await unseal();
  assert.deepEqual((await ask(node, 'GET', 'sys/audit', { token })).reply?.data, {});
  assert.equal(linesOf('api.log').length, length);

  assert.equal((await ask(node, 'PUT', 'sys/audit/api', asked)).status, 204);
  assert.notEqual(await hash(), before);
  assert.equal(textOf('api.log').includes(token), false);
});

test('a declared device is there from unseal on, and no request takes it away or replaces it', async () => {
  const { node, token, unseal } = await start({ audit: { declared: [declared('main', 'declared.log')] } });
  await using _ = node;
  assert.equal((await ask(node, 'DELETE', 'sys/audit/main', { token })).status, 400);
  assert.equal((await ask(node, 'PUT', 'sys/audit/main/', { token, body: device('other.log') })).status, 400);
  const hashed = { token, body: { input: 'a' } };
  const before = await ask(node, 'POST', 'sys/audit-hash/main', hashed);
  await node.seal();
  await unseal();
  const listed = await ask(node, 'GET', 'sys/audit', { token });
  assert.deepEqual(Object.keys(listed.reply?.data ?? {}), ['main/']);
  const again = await ask(node, 'POST', 'sys/audit-hash/main', hashed);
  assert.deepEqual(again.reply?.data, before.reply?.data);
  assert.equal(linesOf('declared.log').filter(({ error }) => error !== undefined).length, 2);
});

test('the API writes where the configuration allows it, and nowhere else', async () => {
  mkdirSync(fileAt('allowed'));
  const { node, token } = await start({ audit: { allowed: onlyThese({ paths: [fileAt('allowed')] }) } });
  await using _ = node;
  const enable = async (body: object): Promise<{ status: number; said: string }> => {
    const { status, errors } = await ask(node, 'PUT', 'sys/audit/x', { token, body: { ...body } });
    return { status, said: errors?.[0] ?? '' };
  };
  for (const name of ['outside.log', 'allowed/../outside.log', 'allowed-too.log']) {
    const { status, said } = await enable(device(name));
    assert.equal(status, 403);
    assert.match(said, /allow_audit_paths/);
  }
  const prefixed = await enable(device('allowed/a.log', { prefix: '#!/bin/sh\n' }));
  assert.deepEqual([prefixed.status, /allow_audit_log_prefixing/.test(prefixed.said)], [400, true]);
  assert.equal((await enable(device('allowed/a.log', { mode: '0755' }))).status, 400);
  assert.equal((await enable({ type: 'socket', options: {} })).status, 400);
  assert.equal((await enable({})).status, 400);
  assert.equal((await enable(device('allowed/a.log', { fiel_path: 'x' }))).status, 400);
  assert.deepEqual((await ask(node, 'GET', 'sys/audit', { token })).reply?.data, {});
  assert.equal((await enable(device('allowed/a.log'))).status, 204);
});

test('audit devices need sudo', async () => {
  const { node, token } = await start();
  await using _ = node;
  const policy = 'path "sys/audit*" { capabilities = ["create", "read", "update", "delete"] }';
  await ask(node, 'PUT', 'sys/policies/acl/weak', { token, body: { policy } });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['weak'] } });
  const weak = { token: String(made.auth?.['client_token']) };
  assert.equal((await ask(node, 'GET', 'sys/audit', weak)).status, 403);
  assert.equal((await ask(node, 'PUT', 'sys/audit/x', { ...weak, body: device('weak.log') })).status, 403);
  assert.equal((await ask(node, 'DELETE', 'sys/audit/x', weak)).status, 403);
  assert.throws(() => textOf('weak.log'), { code: 'ENOENT' });
});

test('of two devices for one path at once, one is made', async () => {
  const { node, token } = await start();
  await using _ = node;
  const put = async (name: string): Promise<number> =>
    (await ask(node, 'PUT', 'sys/audit/one', { token, body: device(name) })).status;
  assert.deepEqual((await Promise.all([put('one.log'), put('two.log')])).toSorted(), [204, 400]);
  const listed = await ask(node, 'GET', 'sys/audit', { token });
  assert.deepEqual(Object.keys(listed.reply?.data ?? {}), ['one/']);
});

test('where no device can record, no request runs, and denied ones are refused too', async () => {
  const { node, token } = await start();
  await using _ = node;
  const full = { type: 'file', options: { file_path: '/dev/full', skip_test: 'true' } };
  // The entry of this very answer is the first that cannot be recorded.
  assert.equal((await ask(node, 'PUT', 'sys/audit/full', { token, body: full })).status, 500);
  assert.equal((await ask(node, 'POST', 'cubbyhole/a', { token, body: { a: 'b' } })).status, 500);
  assert.equal((await ask(node, 'GET', 'cubbyhole/a', { token: 'unknown' })).status, 500);
  assert.equal((await ask(node, 'DELETE', 'sys/audit/full', { token })).status, 500);
  await node.services.auditDevices.disable('full');
  assert.equal((await ask(node, 'GET', 'cubbyhole/a', { token })).status, 404);
});

test('a node that cannot record stays sealed and says why; once the cause is mended it unseals', async () => {
  mkdirSync(fileAt('volume'));
  const { node, token, unseal } = await start();
  await using _ = node;
  await ask(node, 'PUT', 'sys/audit/file', { token, body: device('volume/a.log') });
  await node.seal();
  renameSync(fileAt('volume'), fileAt('gone'));
  await assert.rejects(unseal(), { code: 'auditFailed', message: /file\/.*volume/ });
  assert.equal(node.sealed, true);
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 503);
  renameSync(fileAt('gone'), fileAt('volume'));
  await unseal();
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 200);
});

test('one of two devices that is away is missed by nobody, and comes back when files are opened anew', async () => {
  mkdirSync(fileAt('mounted'));
  const both = [declared('here', 'here.log'), declared('there', 'mounted/there.log')];
  const { node, token, unseal } = await start({ audit: { declared: both } });
  await using _ = node;
  await node.seal();
  rmSync(fileAt('mounted'), { recursive: true });
  await unseal();
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 200);
  mkdirSync(fileAt('mounted'));
  await node.reload();
  await ask(node, 'GET', 'cubbyhole/after', { token });
  // One device is enough for an answer: sealing ends them all, with what they were given in place.
  await node.seal();
  assert.deepEqual(pathsOf('mounted/there.log'), [
    'request sys/audit/test',
    'request cubbyhole/after',
    'response cubbyhole/after',
  ]);
});

test('the last share given twice at once opens each device once', async () => {
  const { node, unseal } = await start({ audit: { declared: [declared('twice', 'twice.log')] } });
  await using _ = node;
  await node.seal();
  await Promise.all([unseal(), unseal()]);
  assert.deepEqual(pathsOf('twice.log'), ['request sys/audit/test', 'request sys/audit/test']);
});
