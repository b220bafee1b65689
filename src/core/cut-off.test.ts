import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runningNode } from '../../test/support/node.ts';
import type { Migrated } from '../seal/migrated.ts';
import type { DoneWhileSealed } from './audit/trail.ts';
import { recordMigrations } from './cut-off.ts';
import { keys } from './keys.ts';

const migrated = (from: string, to: string): Migrated => ({ from: [from], to: [to], address: '192.0.2.1', at: 5_000 });

test('a migration that the audit cannot take stays until it can, and is no reason to stay closed', async () => {
  const { node } = await runningNode();
  let migrations: readonly Migrated[] = [migrated('shamir', 'one'), migrated('one', 'two')];
  const lifecycle = {
    get migrations() {
      return migrations;
    },
    settleMigrations: () => {
      migrations = [];
      return Promise.resolve();
    },
  };
  const taken: DoneWhileSealed[] = [];
  let full = true;
  const afterwards = (done: DoneWhileSealed): Promise<void> => {
    if (full) return Promise.reject(new Error('the disk is full'));
    taken.push(done);
    return Promise.resolve();
  };
  const errors: unknown[] = [];
  const { mounts, store, log, audit } = node.services;
  const failing = { ...log, error: (message: string, details?: unknown) => errors.push([message, details]) };
  const services = { mounts, store, log: failing, audit: { ...audit, afterwards } } as unknown as typeof node.services;

  await recordMigrations(lifecycle, services);
  assert.equal(migrations.length, 2);
  assert.match(JSON.stringify(errors), /not in the audit.*the disk is full/);
  full = false;
  await recordMigrations(lifecycle, services);
  assert.equal(migrations.length, 0);
  assert.deepEqual(
    taken.map(({ path, address, reply }) => [path, address, reply]),
    [
      ['sys/unseal', '192.0.2.1', replyOf('shamir', 'one')],
      ['sys/unseal', '192.0.2.1', replyOf('one', 'two')],
    ],
  );
  // What subscribers are told by.
  assert.notEqual(store.get(keys.sealChange('migrate')), undefined);
  await recordMigrations(lifecycle, services);
  assert.equal(taken.length, 2, 'once');
});

const replyOf = (from: string, to: string) => ({
  migrated_from: [from],
  migrated_to: [to],
  migrated_at: '1970-01-01T00:00:05.000Z',
});
