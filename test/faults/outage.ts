/** What the outage tests share: a fleet whose data is kept when the test fails, and secrets that are written as a set. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { until, type Fleet, type RegionPlan, Fleet as NewFleet } from './fleet.ts';

export const APP = 'path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete"] }';
export const EU: RegionPlan = { name: 'eu', delayMs: 0, paths: ['secret/eu/', 'sys/policies/acl/app'] };

/** A test with a hub and its policy, ended whatever comes; a failure says where data and logs are. */
export function withFleet(name: string, body: (fleet: Fleet) => Promise<void>, extra = ''): void {
  test(name, async () => {
    const root = mkdtempSync(join(tmpdir(), 'lockstep-outage-'));
    const fleet = new NewFleet(root, extra);
    try {
      await fleet.startHub();
      await fleet.caller('hub').ask('PUT', 'sys/policies/acl/app', { policy: APP });
      await body(fleet);
    } catch (error) {
      console.error(`data and logs are kept in ${root}`);
      throw error;
    } finally {
      await fleet[Symbol.asyncDispose]();
    }
    rmSync(root, { recursive: true, force: true });
  });
}

export const pathsIn = (folder: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${folder}/s${String(i)}`);

/** Writes one generation of a set of secrets at the hub; gives the index of the last. */
export async function writeSet(fleet: Fleet, paths: readonly string[], generation: number): Promise<string> {
  const caller = fleet.caller('hub');
  let index = '';
  for (const path of paths) {
    const data = { generation, filler: 'x'.repeat(500) };
    const answer = await caller.ask('POST', `secret/data/${path}`, { data });
    assert.equal(answer.status, 200, answer.errors.join());
    ({ index } = answer);
  }
  return index;
}

/** The generations that a server shows of a set, path by path; 0 where nothing is. */
export async function generations(fleet: Fleet, server: string, paths: readonly string[]): Promise<readonly number[]> {
  const caller = fleet.caller(server);
  const found: number[] = [];
  for (const path of paths) {
    const answer = await caller.ask('GET', `secret/data/${path}`);
    const data = answer.data['data'] as { readonly generation?: number } | undefined;
    found.push(answer.status === 404 ? 0 : (data?.generation ?? -1));
  }
  return found;
}

/** Starts a server with a failpoint and waits until that has ended it. */
export async function endsAt(fleet: Fleet, name: string, failpoints: string): Promise<void> {
  const child = await fleet.spawn(name, failpoints);
  await until(`${name} to end at ${failpoints}`, async () => (child.running ? undefined : true));
}
