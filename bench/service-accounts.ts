/**
 * Many pods log in at once: `npm run bench:service-accounts [-- options]`. Service accounts of one cluster log in by their
 * projected tokens, verified by the cluster's key alone, first all of them anew and then again and again. Tells how many
 * logins there are a second, what each costs the server and what stays in its memory; ends with 1 where an account got
 * two entities, lost its alias or shares its entity with another.
 */
import assert from 'node:assert/strict';
import type { Client } from '../src/client/client.ts';
import { claimsOf, ISSUER, AUDIENCE } from '../src/auth/kubernetes/mount.testing.ts';
import { signed, signingKey, type SigningKey } from '../src/lib/jwt/issuer.testing.ts';
import { Random } from '../test/simulator/random.ts';
import { megabytes } from './measure/process.ts';
import { keep } from './program/figures.ts';
import { readOptions } from './program/options.ts';
import { MeasuredNode } from './servers/measured-node.ts';

const HELP = `Usage: npm run bench:service-accounts [-- options]

  --accounts=10000  service accounts, in a hundred namespaces
  --logins=20000    of a round, each of an account, in random order; every account logs in at least once
  --rounds=2        of the first all entities are made, in the others none
  --parallel=64     logins under way at a time
  --seed=1          of the order
  --profile         leaves a CPU profile of the server in .cache/bench/`;

const options = readOptions(HELP, {
  ...{ accounts: 10_000, logins: 20_000, rounds: 2, parallel: 64, seed: 1, profile: false },
});
const { accounts, logins, rounds, parallel, seed } = options;
if (logins < accounts) throw new TypeError('--logins is less than --accounts: each of them logs in at least once');

const NAMESPACES = 100;
const uidOf = (account: number): string => `00000000-0000-4000-8000-${String(account).padStart(12, '0')}`;

function tokenOf(key: SigningKey, account: number): Promise<string> {
  const namespace = `team-${String(account % NAMESPACES)}`;
  const who = { namespace, name: `app-${String(account)}`, uid: uidOf(account) };
  return signed(key, claimsOf(Math.floor(Date.now() / 1_000), who));
}

async function prepare(root: Client, key: SigningKey): Promise<void> {
  await root.write('sys/auth/kubernetes', { type: 'kubernetes' });
  await root.write('auth/kubernetes/config', { pem_keys: [key.pem], issuer: ISSUER });
  await root.write('auth/kubernetes/role/app', {
    ...{ bound_service_account_names: '*', bound_service_account_namespaces: 'team-*', audience: AUDIENCE },
    ...{ token_policies: 'app', token_ttl: '1h' },
  });
}

const below = (random: Random, bound: number): number => Math.floor(random.fraction() * bound);

/** Every account once, the rest as they come, in random order. */
function order(random: Random): readonly number[] {
  const all = Array.from({ length: logins }, (_, at) => (at < accounts ? at : below(random, accounts)));
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = below(random, at + 1);
    [all[at], all[other]] = [all[other] ?? 0, all[at] ?? 0];
  }
  return all;
}

/** Entities by account. Throws on the first account that is somebody else than before. */
class Entities {
  readonly #of = new Map<number, string>();

  saw(account: number, entity: unknown): void {
    assert.ok(typeof entity === 'string' && entity !== '', `account ${String(account)} has no entity`);
    assert.equal(entity, this.#of.get(account) ?? entity, `account ${String(account)} has two entities`);
    this.#of.set(account, entity);
  }

  /** Each account has one that is no other's, and there are no more. */
  async check(root: Client): Promise<void> {
    assert.equal(this.#of.size, accounts);
    assert.equal(new Set(this.#of.values()).size, accounts, 'two accounts share an entity');
    const listed = (await root.list('identity/entity/id'))?.data as { readonly keys: readonly string[] };
    assert.deepEqual([...listed.keys].sort(), [...this.#of.values()].sort());
    const aliases = (await root.list('identity/entity-alias/id'))?.data as {
      readonly key_info: Readonly<Record<string, { readonly name: string; readonly canonical_id: string }>>;
    };
    const found = Object.values(aliases.key_info).map(({ name, canonical_id: id }) => `${name} ${id}`);
    assert.deepEqual(found.sort(), [...this.#of].map(([account, id]) => `${uidOf(account)} ${id}`).sort());
  }
}

async function round(
  nobody: Client,
  tokens: readonly string[],
  who: readonly number[],
  seen: Entities,
): Promise<number> {
  const queue = who.values();
  const began = performance.now();
  const line = async (): Promise<void> => {
    for (const account of queue) {
      const reply = await nobody.write('auth/kubernetes/login', { role: 'app', jwt: tokens[account] });
      seen.saw(account, (reply?.auth as { readonly entity_id?: unknown } | undefined)?.entity_id);
    }
  };
  await Promise.all(Array.from({ length: parallel }, line));
  return performance.now() - began;
}

await using node = await MeasuredNode.start(options.profile);
const { root } = node;
const key = await signingKey('RS256', 'one');
await prepare(root, key);
const tokens: string[] = [];
for (let account = 0; account < accounts; account += 1) tokens.push(await tokenOf(key, account));
const random = new Random(seed);
const seen = new Entities();
const nobody = root.with({ token: '' });
const figures: object[] = [];
console.log(`${String(accounts)} accounts; before: ${megabytes((await node.memory()).anonymous)} MB`);
for (let at = 1; at <= rounds; at += 1) {
  const before = node.cpu;
  const took = await round(nobody, tokens, order(random), seen);
  const cpu = (node.cpu - before) / logins;
  const { anonymous } = await node.memory();
  const rate = logins / (took / 1_000);
  console.log(
    `round ${String(at)}: ${rate.toFixed(0)} logins/s, ${cpu.toFixed(0)} µs of CPU each, ${megabytes(anonymous)} MB`,
  );
  figures.push({ rate, cpu, anonymous });
}
await seen.check(root);
console.log(`${String(accounts)} entities, each with its one alias`);
keep('service-accounts', { options, figures });
