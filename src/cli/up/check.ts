/** `lockstep up --check`: the main job on real input, from the first write to what an outage leaves standing. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../errors.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { auditReads } from './audit-reads.ts';
import { findCanary } from './canary.ts';
import { everywhere } from './everywhere.ts';
import { FAR, FAR_DELAY_MS, until, type Fleet } from './fleet.ts';
import { ClusterCheck } from './kubernetes/check.ts';
import { auditFile, secretFile } from './layout.ts';
import { heldBy, REGIONS, TREE, type RegionName } from './tree.ts';

const UPDATES = 60;

type Values = Map<string, string>;

export interface Checking {
  readonly fleet: Fleet;
  /** One line of the report. */
  readonly say: (line: string) => void;
}

const newValue = (canary: string): string => `${canary}-${randomBytes(12).toString('hex')}`;

async function write(fleet: Fleet, path: string, value: string): Promise<string> {
  const reply = await fleet.client('hub').request('POST', `secret/data/${path}`, { data: { value } });
  return reply.index ?? '';
}

async function fileValue(fleet: Fleet, region: RegionName, path: string): Promise<string | undefined> {
  const text = await readFile(secretFile(fleet.places, region, path), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as { readonly value?: string }).value;
}

async function inPlace(fleet: Fleet, region: RegionName, values: Values): Promise<true | undefined> {
  for (const { path } of heldBy(region)) {
    if ((await fileValue(fleet, region, path)) !== values.get(path)) return undefined;
  }
  return true;
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw fail('internal', `not so: ${what}`);
}

async function writeTree({ fleet, say }: Checking, canary: string): Promise<Values> {
  const values: Values = new Map();
  for (const { path } of TREE) {
    const value = newValue(canary);
    values.set(path, value);
    await write(fleet, path, value);
  }
  for (const region of REGIONS) await until(`the files of ${region}`, () => inPlace(fleet, region, values));
  say(`${String(TREE.length)} secrets written at the hub; every file of both regions is in place`);
  return values;
}

/** Nothing beyond the filter: neither in files nor in what the region lists, names included. */
async function checkFilter({ fleet, say }: Checking): Promise<void> {
  for (const region of REGIONS) {
    const files = await readdir(join(fleet.places.files, region));
    const allowed = new Set(heldBy(region).map(({ path }) => path.replaceAll('/', '.')));
    expect(
      files.length === allowed.size && files.every((file) => allowed.has(file)),
      `${region} has its own files only`,
    );
    const listed = await fleet.client(region).list('secret/metadata/');
    const names = JSON.stringify([...((listed?.data?.['keys'] as readonly string[] | undefined) ?? [])].sort());
    expect(names === JSON.stringify([`${region}/`, 'shared/'].sort()), `${region} lists ${names}`);
    for (const file of files) {
      const { mode } = await stat(join(fleet.places.files, region, file));
      expect((mode & 0o777) === 0o400, `${file} has the mode 0400`);
    }
  }
  say('neither region holds, lists or writes a name beyond its filter; every file has the mode 0400');
}

async function measure(fleet: Fleet, region: RegionName, canary: string, values: Values): Promise<readonly number[]> {
  const times: number[] = [];
  const paths = heldBy(region).filter(({ path }) => path.startsWith(`${region}/`));
  for (let i = 0; i < UPDATES; i += 1) {
    const { path } = paths[i % paths.length] ?? { path: '' };
    const value = newValue(canary);
    const from = performance.now();
    values.set(path, value);
    await write(fleet, path, value);
    await soon(`${path} in ${region}`, async () => (await fileValue(fleet, region, path)) === value);
    times.push(performance.now() - from);
  }
  return times.sort((a, b) => a - b);
}

/** As `until`, with a look at every turn of the loop: for times. */
async function soon(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > end) throw fail('timeout', `gave up waiting for ${what}`);
    await new Promise(setImmediate);
  }
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

async function checkPush({ fleet, say }: Checking, canary: string, values: Values): Promise<void> {
  for (const region of REGIONS) {
    const times = await measure(fleet, region, canary, values);
    const [median, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    const far = region === FAR;
    const bound = far ? 2 * FAR_DELAY_MS + 150 : 100;
    const line = `write to file in ${region}${far ? ` (${String(2 * FAR_DELAY_MS)} ms away)` : ''}`;
    say(
      `${line}: median ${median.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms of ${String(UPDATES)} (aim: p99 below ${String(bound)} ms)`,
    );
  }
}

async function login(fleet: Fleet, region: RegionName): Promise<string> {
  const credential = (kind: string) => readFile(join(fleet.places.keys, `${region}-agent.${kind}`), 'utf8');
  const body = { role_id: await credential('role-id'), secret_id: await credential('secret-id') };
  const reply = await fleet.client(region).with({ token: '' }).write('auth/approle/login', body);
  return String(reply?.auth?.['client_token']);
}

async function checkOutage({ fleet, say }: Checking, values: Values): Promise<void> {
  await fleet.process('hub').end('SIGKILL');
  for (const region of REGIONS) {
    const token = await login(fleet, region);
    const client = fleet.client(region).with({ token });
    const { path } = heldBy(region)[0] ?? { path: '' };
    const read = await client.read(`secret/data/${path}`);
    const data = read?.data?.['data'] as { readonly value?: string } | undefined;
    expect(data?.value === values.get(path), `${region} reads while the hub is gone`);
    await until(`${region} to know that the hub is gone`, async () => {
      const { data: status } = (await fleet.client(region).read('sys/regions')) ?? {};
      return status?.['connected'] === false ? true : undefined;
    });
    const refused = await fleet
      .client(region)
      .write(`secret/data/${path}`, { data: { value: 'x' } })
      .catch((error: unknown) => error);
    expect((refused as { readonly status?: number }).status === 503, `${region} refuses writes with 503`);
    await fleet.agent(region).end('SIGTERM');
    await fleet.startAgent(region);
    await until(`the restarted agent of ${region}`, () => healthy(fleet, region));
    expect((await inPlace(fleet, region, values)) === true, `the files of ${region} after the agent's restart`);
  }
  say('hub killed: in both regions reads and logins go on, agents restart, writes fail at once with 503');
}

async function healthy(fleet: Fleet, region: RegionName): Promise<true | undefined> {
  const { status } = await fetch(`http://127.0.0.1:${String(fleet.healthPort(region))}/healthz`);
  return status === 200 ? true : undefined;
}

async function checkReturn(checking: Checking, canary: string, values: Values): Promise<void> {
  const { fleet, say } = checking;
  await fleet.startServer('hub');
  const value = newValue(canary);
  values.set('shared/smtp', value);
  const index = await write(fleet, 'shared/smtp', value);
  const names = await everywhere(fleet, index);
  expect(names.length >= 2 * REGIONS.length, `regions and consumers have acknowledged: ${names.join(', ')}`);
  for (const region of REGIONS)
    expect((await inPlace(fleet, region, values)) === true, `the files of ${region} in the end`);
  say(`hub back: a new write has arrived everywhere, acknowledged by ${names.join(', ')}`);
}

async function checkAudit({ fleet, say }: Checking): Promise<void> {
  for (const region of REGIONS) {
    const reads = await auditReads(auditFile(fleet.places, region));
    const own = reads.get(`${region}-agent`);
    expect(
      own !== undefined && own.paths.size === heldBy(region).length,
      `the audit of ${region} names what its agent read`,
    );
    say(`audit of ${region}: ${region}-agent read ${String(own?.paths.size)} secrets, ${String(own?.count)} times`);
  }
}

async function checkCanary({ fleet, say }: Checking, canary: string): Promise<void> {
  const found = await findCanary([join(fleet.places.root, 'data'), fleet.places.logs], canary);
  expect(found.leaks.length === 0, `a secret lies in clear in ${found.leaks.join(', ')}`);
  say(
    `no secret lies in clear in ${String(found.files)} files of data and logs (${String(Math.round(found.bytes / 1024))} KiB)`,
  );
}

/** Throws with what is not so. */
export async function check(checking: Checking): Promise<void> {
  const canary = `canary${randomBytes(8).toString('hex')}`;
  const { fleet, say } = checking;
  const clusters = fleet.clusters === undefined ? undefined : new ClusterCheck(fleet, fleet.clusters, say, canary);
  const values = await writeTree(checking, canary);
  await checkFilter(checking);
  await checkPush(checking, canary, values);
  const unread = await clusters?.arrive();
  await checkOutage(checking, values);
  if (unread !== undefined) await clusters?.outlast(unread);
  await checkReturn(checking, canary, values);
  await clusters?.return();
  await checkAudit(checking);
  await checkCanary(checking, canary);
}
