/** A source whose answers are made to hurt whoever moves in from it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Client } from '../../client/client.ts';
import type { Data } from '../pairs.ts';
import { importAll } from './everything.ts';
import { filterOf } from './filter.ts';
import { Report } from './report.ts';
import type { Mode } from './run.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly namespace: string;
}

type Answer = (asked: Asked) => Data | number;

async function serverOf(answer: Answer) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').slice('/v1/'.length).split('?');
    const namespace = String(request.headers['x-vault-namespace'] ?? '');
    const one = { method: request.method ?? '', path, namespace };
    asked.push(one);
    const given = answer(one);
    request.resume().on('end', () => {
      if (typeof given === 'number') response.writeHead(given).end('{"errors":[]}');
      else response.end(JSON.stringify({ data: given }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    ...{ asked, client: new Client({ address, token: 'x', maxRetries: 0 }) },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Takes whatever is written, and has nothing. */
const obliging: Answer = ({ method, path }) =>
  method !== 'GET' ? 204 : path === 'sys/plugins/catalog' ? { secret: ['kv'], auth: ['approle'] } : 404;

async function moved(answer: Answer, mode: Mode = 'copy') {
  await using source = await serverOf(answer);
  await using target = await serverOf(obliging);
  const report = new Report(
    () => undefined,
    () => true,
  );
  const run = {
    ...{ mode, report, root: target.client, now: Date.now, overwrite: false, parallel: 2, filter: filterOf([], []) },
    state: { get: () => undefined, set: () => undefined, [Symbol.dispose]: () => undefined },
  };
  await importAll(run, { path: '', source: source.client, target: target.client });
  source.client.close();
  target.client.close();
  return { report, asked: [...source.asked, ...target.asked], target: target.asked };
}

const EVIL = [
  ...['..', '../', '.', '', '/', 'a//b', '../../auth/token/create', 'x/../../../sys/policies/acl/admin'],
  ...['a/b', 'a\nb', '\u001b]0;x\u0007', '\u009b2J', '\ud800', 'x'.repeat(5_000)],
];
const KV = { type: 'kv', options: { version: '2' } };

test('a name that leads elsewhere is asked of neither side', async () => {
  const folders = new Set(['sys/policies/acl', 'auth/token/roles', 'sys/namespaces', 'kv/metadata/', 'kv/metadata']);
  const { report, asked, target } = await moved(({ path, namespace }) => {
    if (path === 'sys/namespaces' && namespace !== '') return 404;
    if (path === 'sys/mounts') {
      return Object.fromEntries(['kv/', '../policies/acl/x/', 'a//b/', '/', ''].map((name) => [name, KV]));
    }
    if (path === 'sys/auth') return { '../../token/': { type: 'approle' }, 'a\u0000/': { type: 'approle' } };
    return folders.has(path) ? { keys: [...EVIL, 'good'] } : { policy: 'x' };
  });
  for (const { path, namespace } of asked) {
    for (const part of [...path.split('/').slice(0, -1), ...namespace.split('/')]) {
      assert.doesNotMatch(decodeURIComponent(part), /^\.{1,2}$|[\p{C}]/u, path);
    }
    assert.doesNotMatch(path, /%2F|\/\/|^sys\/policies\/acl\/(?!good|a\/b$)./i);
  }
  assert.ok(target.some(({ method, path }) => method === 'PUT' && path === 'sys/policies/acl/good'));
  assert.ok(report.count('failed') >= EVIL.length);
  const table = report.table({ created: '', updated: '', same: '', conflict: '', failed: 'Failed', uncopied: '' });
  assert.doesNotMatch(table, /[^\P{C}\n]/u);
});

test('folders and namespaces without end come to one', async () => {
  for (const mode of ['copy', 'dry-run'] as const) {
    const { report } = await moved(({ path }) => {
      if (path === 'sys/mounts') return { 'kv/': KV };
      if (path.startsWith('kv/metadata')) return { keys: [`${'deep'.repeat(50)}/`] };
      if (path === 'sys/namespaces') return { keys: [`${'deep'.repeat(100)}/`] };
      return path.startsWith('sys/namespaces/') ? { custom_metadata: {} } : 404;
    }, mode);
    assert.ok(report.items.some(({ reason = '' }) => reason.includes('longer than')));
  }
});

test('what a source says of itself does not drive the terminal', async () => {
  await using source = await serverOf(() => 404);
  const answer = createServer((_request, response) => {
    response.writeHead(400).end(JSON.stringify({ errors: ['\u001b[2J\u009b31m\u202egone'] }));
  }).listen(0, '127.0.0.1');
  await once(answer, 'listening');
  const address = `http://127.0.0.1:${String((answer.address() as AddressInfo).port)}`;
  const client = new Client({ address, token: 'x', maxRetries: 0 });
  const report = new Report(
    () => undefined,
    () => true,
  );
  const run = {
    ...{ mode: 'dry-run' as const, report, root: source.client, now: Date.now, overwrite: false, parallel: 1 },
    filter: filterOf(['sys/policies/acl'], []),
    state: { get: () => undefined, set: () => undefined, [Symbol.dispose]: () => undefined },
  };
  await importAll(run, { path: '', source: client, target: source.client }).catch(() => undefined);
  client.close();
  source.client.close();
  answer.close();
  const said = report.items.map(({ reason = '' }) => reason).join('\n');
  assert.match(said, /gone/);
  assert.doesNotMatch(said, /[^\P{C}\n]/u);
});
