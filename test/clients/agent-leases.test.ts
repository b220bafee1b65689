/** Accounts that OpenBao makes in a database (Redis) for as long as their lease is renewed, as templates of the agent show them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { redis, startRedis } from '../support/redis.ts';
import { openbao, startOpenBao, type OpenBao } from './support/openbao.ts';
import { executable } from './support/server.ts';

const bao = await openbao();
const database = await redis();
const skip = bao === undefined || database === undefined ? 'OpenBao or Redis cannot be had' : false;

async function ok(server: OpenBao, path: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const { status, body: reply } = await server.ask('POST', path, body);
  assert.ok(status < 300, `${path}: ${String(status)} ${JSON.stringify(reply)}`);
  return (reply ?? {}) as Readonly<Record<string, unknown>>;
}

interface Line {
  readonly type: string;
  readonly request: { readonly operation: string; readonly path: string };
}

/** Requests that were answered, of those paths, in their order. */
const answered = (server: OpenBao, paths: readonly string[]): readonly string[] =>
  fs
    .readFileSync(server.auditLog, 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]))
    .flatMap(({ type, request }) => (type === 'response' && paths.includes(request.path) ? [request.path] : []));

test('an account is kept as long as its lease is renewed, and then is another one', { skip }, async (t) => {
  await using accounts = await startRedis(database ?? '');
  await using server = await startOpenBao(bao ?? '');
  await ok(server, 'sys/mounts/database', { type: 'database' });
  const { port, password } = accounts;
  const connection = { plugin_name: 'redis-database-plugin', host: '127.0.0.1', port, allowed_roles: 'app' };
  await ok(server, 'database/config/accounts', { ...connection, username: 'default', password });
  const creation_statements = '["~*","+@read"]';
  await ok(server, 'database/roles/app', {
    db_name: 'accounts',
    creation_statements,
    default_ttl: '3s',
    max_ttl: '6s',
  });
  const policy = 'path "database/creds/app" { capabilities = ["read"] }';
  await ok(server, 'sys/policies/acl/app', { policy });
  const { auth } = await ok(server, 'auth/token/create', { policies: ['app'], ttl: '1h' });
  const folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-leases-'));
  t.after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const { client_token: token } = auth as { readonly client_token: string };
  fs.writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
  const file = join(folder, 'agent.hcl');
  const contents = '{{ with secret "database/creds/app" }}{{ .Data.username }} {{ .Data.password }}{{ end }}';
  fs.writeFileSync(
    file,
    `vault { address = "${server.address}" }
    auto_auth { method { type = "token_file" config = { token_file_path = "${join(folder, 'token')}" } } }
    template { contents = ${JSON.stringify(contents)} destination = "${join(folder, 'account')}" }`,
  );
  const agent = spawn(executable, ['agent', `-config=${file}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(agent, 'exit');
  t.after(async () => {
    agent.kill('SIGTERM');
    await ended;
  });
  agent.stdout.resume();
  const shown: string[] = [];
  for await (const line of createInterface(agent.stderr)) {
    if (!line.includes('wrote the file')) continue;
    const [name = '', own = ''] = fs.readFileSync(join(folder, 'account'), 'utf8').split(' ');
    assert.equal(await accounts.login(name, own), '+OK', 'the account that is shown is there');
    if (shown.push(name) === 2) break;
  }
  assert.notEqual(shown[0], shown[1]);
  const asked = answered(server, ['database/creds/app', 'sys/leases/renew']);
  const second = asked.indexOf('database/creds/app', 1);
  assert.equal(asked[0], 'database/creds/app');
  assert.ok(second > 1, `renewed before it was another one: ${asked.join(' ')}`);
});
