/** What templates of the agent have OpenBao make: accounts of a database (Redis), as long as their lease is renewed, and certificates. */
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
import { must } from './support/run.ts';
import { executable } from './support/server.ts';

const bao = await openbao();
const database = await redis();
const without = bao === undefined ? 'OpenBao cannot be had' : false;
const skip = without === false && database === undefined ? 'Redis cannot be had' : without;

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

test(
  'a certificate in the file is used by either agent, whoever ordered it, and replaced when its time is over',
  { skip: without },
  async (t) => {
    await using server = await startOpenBao(bao ?? '');
    await ok(server, 'sys/mounts/pki', { type: 'pki' });
    await ok(server, 'pki/root/generate/internal', {
      common_name: 'authority of the test',
      key_type: 'ec',
      key_bits: 256,
    });
    await ok(server, 'pki/roles/web', { allow_any_name: true, key_type: 'ec', key_bits: 256, no_store: true });
    const folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-certificates-'));
    t.after(() => {
      fs.rmSync(folder, { recursive: true, force: true });
    });
    fs.writeFileSync(join(folder, 'token'), 'root', { mode: 0o600 });
    const [file, out] = [join(folder, 'agent.hcl'), join(folder, 'web.pem')];
    const contents =
      '{{ with pkiCert "pki/issue/web" "common_name=a.example" "ttl=1h" }}{{ .Cert }}{{ .CA }}{{ .Key }}{{ end }}';
    fs.writeFileSync(
      file,
      `exit_after_auth = true
    vault { address = "${server.address}" }
    auto_auth { method { type = "token_file" config = { token_file_path = "${join(folder, 'token')}" } } }
    template { contents = ${JSON.stringify(contents)} destination = "${out}" }`,
    );
    const theirs = () =>
      must(bao ?? '', ['agent', `-config=${file}`], { env: { PATH: process.env['PATH'], HOME: folder } });
    const ours = () => must(executable, ['agent', `-config=${file}`]);
    const orders = (): number => answered(server, ['pki/issue/web']).length;
    const shown = (): string => fs.readFileSync(out, 'utf8');
    const headings = (): readonly string[] => shown().match(/BEGIN [A-Z ]+/g) ?? [];
    await theirs();
    const first = shown();
    await ours();
    assert.deepEqual([shown() === first, orders()], [true, 1], 'ours takes what theirs ordered');
    const [order] = [headings()];
    fs.rmSync(out);
    await ours();
    const second = shown();
    assert.deepEqual(headings(), order);
    await theirs();
    assert.deepEqual([shown() === second, orders()], [true, 2], 'theirs takes what ours ordered');
    // It holds from half a minute ago on, so nine tenths of its time are over.
    const old = await server.ask('POST', 'pki/issue/web', {
      ...{ common_name: 'a.example', not_after: new Date(Date.now() + 2_000).toISOString() },
    });
    const { data } = old.body as { readonly data: Readonly<Record<string, string>> };
    fs.writeFileSync(out, `${data['certificate']}\n${data['private_key']}\n`);
    await ours();
    assert.equal(orders(), 4, 'its time is nearly over');
    fs.writeFileSync(
      out,
      `${second.slice(0, second.indexOf('-----BEGIN EC'))}${first.slice(first.indexOf('-----BEGIN EC'))}`,
    );
    await ours();
    assert.equal(orders(), 5, 'the key is that of another');
    assert.equal(fs.statSync(out).mode & 0o777, 0o644);
  },
);
