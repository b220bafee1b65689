import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRecord } from '../../lib/record.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import type { Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { NamespaceTable } from './namespace-table.ts';
import { namespaceName, ROOT, type NamespaceRecord } from './namespace.ts';

const record = (id: string, path: string, parent: string): NamespaceRecord => ({
  ...{ id, path, parent, uuid: id, customMetadata: {}, salt: '' },
});

async function write(store: Store, ...records: readonly NamespaceRecord[]): Promise<void> {
  await store.transact((tx) => {
    for (const each of records) tx.put(keys.namespace(each.id), encodeRecord(each));
  });
}

async function filled() {
  const store = openMemoryStore();
  await write(store, record('aaaaaa', 'team/', 'root'), record('bbbbbb', 'team/a/', 'aaaaaa'));
  return { store, table: new NamespaceTable(store) };
}

test('header and path lead to one namespace and one path below it', async () => {
  const { store, table } = await filled();
  await using _store = store;
  using _table = table;
  const cases: readonly (readonly [header: string, path: string, id: string, rest: string])[] = [
    ['', 'secret/x', 'root', 'secret/x'],
    ['root', 'secret/x', 'root', 'secret/x'],
    ['', 'team/secret/x', 'aaaaaa', 'secret/x'],
    ['team', 'secret/x', 'aaaaaa', 'secret/x'],
    ['team', 'a/secret/x', 'bbbbbb', 'secret/x'],
    ['team/a', 'secret/x', 'bbbbbb', 'secret/x'],
    ['', 'team/a/secret/x', 'bbbbbb', 'secret/x'],
    ['', 'team/a/', 'bbbbbb', ''],
    // A name alone is a path like any other: only what lies behind its slash is in the namespace.
    ['', 'team', 'root', 'team'],
    ['', 'team/a', 'aaaaaa', 'a'],
    ['', 'Team/secret/x', 'root', 'Team/secret/x'],
    ['', 'teams/secret/x', 'root', 'teams/secret/x'],
    ['', 'a/secret/x', 'root', 'a/secret/x'],
    ['team/a', 'team/secret/x', 'bbbbbb', 'team/secret/x'],
    ['', 'root/secret/x', 'root', 'root/secret/x'],
    ['', 'team/team/x', 'aaaaaa', 'team/x'],
  ];
  for (const [header, path, id, rest] of cases) {
    const placed = table.place(header, path);
    assert.deepEqual([placed.namespace.id, placed.path], [id, rest], `${header} | ${path}`);
  }
});

test('a header that names no namespace is an error where there are namespaces, and nothing where there are none', async () => {
  const { store, table } = await filled();
  await using _store = store;
  using _table = table;
  for (const header of ['nope', 'a', 'TEAM', 'team/b', 'root/team', 'team/', 'team//a', '..', 'team/..', 'team%2fa']) {
    assert.throws(() => table.place(header, 'secret/x'), { code: 'noNamespace' }, header);
  }
  await using none = openMemoryStore();
  using empty = new NamespaceTable(none);
  assert.deepEqual(empty.place('nope', 'team/x'), { namespace: ROOT, path: 'team/x' });
});

test('names that mean something else are refused', () => {
  for (const name of ['team', 'a.b', 'UPPER', 'default', 'token', 'ü', '1', '_x-y~', 'rooted', 'auth2']) {
    assert.equal(namespaceName(name), name);
    assert.equal(namespaceName(`${name}/`), name);
  }
  const hostile = [
    ...[
      '',
      '/',
      '.',
      '..',
      'a/b',
      '/a',
      'a//',
      'root',
      'Root',
      'ROOT/',
      'sys',
      'auth',
      'audit',
      'cubbyhole',
      'identity',
    ],
    ...['a b', 'a\u00a0b', 'a\tb', 'a\u0000', 'a\u200bb', '\u202egnp', 'a+', 'a*', 'a%2fb', 'a\\b', 'a#b', 'a?b'],
    ...['x'.repeat(129), 'u\u0308'],
  ];
  for (const name of hostile) assert.throws(() => namespaceName(name), { code: 'badRequest' }, JSON.stringify(name));
});

test('the table follows the log: what is made, locked and deleted counts from the next request on', async () => {
  const { store, table } = await filled();
  await using _store = store;
  using _table = table;
  assert.equal(table.ofId('hvs.abc.bbbbbb').id, 'bbbbbb');
  assert.equal(table.ofId('hvs.abc').id, 'root');
  const team = table.byPath('team/') ?? ROOT;
  const below = table.byPath('team/a/') ?? ROOT;
  assert.equal(table.refusal(below, 'secret/x'), undefined);
  await write(store, { ...record('aaaaaa', 'team/', 'root'), lock: 'hash' });
  for (const [place, path] of [
    [team, 'secret/x'],
    [below, 'secret/x'],
    [below, 'sys/namespaces/api-lock/unlock'],
    [team, 'sys/namespaces/api-lock/unlocked'],
  ] as const) {
    assert.equal(table.refusal(place, path)?.code, 'namespaceLocked', path);
  }
  assert.equal(table.refusal(ROOT, 'secret/x'), undefined);
  for (const path of ['sys/namespaces/api-lock/unlock', 'sys/namespaces/api-lock/unlock/a']) {
    assert.equal(table.refusal(team, path), undefined);
  }
  await store.transact((tx) => {
    tx.delete(keys.namespace('bbbbbb'));
  });
  assert.equal(table.byId('bbbbbb'), undefined);
  assert.equal(table.ofId('hvs.abc.bbbbbb').id, 'root');
  assert.deepEqual(
    table.below(ROOT, true).map(({ path }) => path),
    ['team/'],
  );
});
