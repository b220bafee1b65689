/**
 * Our command line beside OpenBao's: the same commands, each against a fresh server, must print the same bytes and end
 * with the same code. The server is ours; LOCKSTEP_TEST_SERVER=bao takes OpenBao's, which tells whose fault a difference is.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { normalise, parseScript, script } from './support/cli-script.ts';
import { openbao, startOpenBao } from './support/openbao.ts';
import { run, type Ran } from './support/run.ts';
import { devServer, executable, newServer, type TestServer } from './support/server.ts';

const ofBao = process.env['LOCKSTEP_TEST_SERVER'] === 'bao';
const binary = await openbao();

async function startServer(): Promise<TestServer> {
  if (!ofBao) return devServer();
  assert.ok(binary !== undefined, 'bao is neither in the cache nor to be had');
  return startOpenBao(binary);
}

type Cli = (args: readonly string[], input?: string) => Promise<Ran>;

/** A command line with a home of its own; the root token comes from the environment. */
function commandLine(program: string, address: string, token = 'root'): Cli & { readonly home: string } {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-home-'));
  const names = {
    VAULT_ADDR: address,
    BAO_ADDR: address,
    ...(token === '' ? {} : { VAULT_TOKEN: token, BAO_TOKEN: token }),
  };
  const env = { PATH: process.env['PATH'], HOME: home, ...names };
  const cli = (args: readonly string[], input = ''): Promise<Ran> => run(program, args, { env, input });
  return Object.assign(cli, { home });
}

/** Where ours says more or less than OpenBao's on purpose: by command, with the reason. */
const differences: Readonly<Record<string, string>> = {
  'status -field=nope': 'a missing field is an error',
};
const noCommitDate = 'our server has a build date and no commit date, as Vault; bao shows only the latter';
const differencesOnOurs: Readonly<Record<string, string>> = {
  status: noCommitDate,
  'status -format=json': noCommitDate,
  'status -format=yaml': noCommitDate,
};

test(
  'changes the unseal keys and makes a root token by them',
  { skip: ofBao ? 'needs a new server of ours' : false },
  async () => {
    await using server = await newServer();
    const nobody = commandLine(executable, server.address, '');
    const json = async <T>(cli: Cli, args: readonly string[], input = ''): Promise<T> => {
      const { code, stdout, stderr } = await cli([...args, '-format=json'], input);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as T;
    };
    type Keys = Readonly<Record<'nonce' | 'otp' | 'encoded_token' | 'verification_nonce', string>> & {
      readonly keys_base64: readonly string[];
    };
    const made = await json<{ unseal_keys_b64: string[]; root_token: string }>(nobody, [
      'operator',
      'init',
      '-n=2',
      '-t=2',
    ]);
    let keys: readonly string[] = made.unseal_keys_b64;
    for (const key of keys) await nobody(['operator', 'unseal', '-'], key);
    const root = commandLine(executable, server.address, made.root_token);
    for (const name of ['rekey', 'rotate-keys']) {
      assert.equal((await nobody(['operator', name, '-status'])).code, 2);
      const [first = '', second = ''] = keys;
      const { nonce } = await json<Keys>(root, ['operator', name, '-init', '-n=2', '-t=2', '-verify']);
      assert.equal((await root(['operator', name, '-'], first)).code, 1, 'a key from a pipe needs the nonce');
      assert.match((await root(['operator', name, `-nonce=${nonce}`, '-'], first)).stdout, /Progress +1\/2/);
      const fresh = await json<Keys>(root, ['operator', name, `-nonce=${nonce}`, '-'], second);
      const verify = ['operator', name, '-verify', `-nonce=${fresh.verification_nonce}`, '-'];
      for (const key of fresh.keys_base64) assert.equal((await root(verify, key)).code, 0);
      keys = fresh.keys_base64;
    }
    await root(['operator', 'seal']);
    for (const key of keys) await nobody(['operator', 'unseal', '-'], key);
    assert.equal((await nobody(['status'])).code, 0);

    const { nonce, otp } = await json<Keys>(root, ['operator', 'generate-root', '-init']);
    const given = ['operator', 'generate-root', `-nonce=${nonce}`, '-'];
    await root(given, keys[0]);
    const done = await json<Keys>(root, given, keys[1]);
    const decode = ['operator', 'generate-root', `-decode=${done.encoded_token}`, `-otp=${otp}`];
    const token = (await nobody(decode)).stdout.trim();
    assert.equal((await commandLine(executable, server.address, token)(['token', 'lookup'])).code, 0);
  },
);

test('prints which versions the server has run', { skip: ofBao ? 'it shows a date of its own' : false }, async () => {
  await using server = await startServer();
  const lockstep = commandLine(executable, server.address);
  const { stdout } = await lockstep(['version-history']);
  assert.match(stdout, /^Version +Installation Time +Build Date\n[- ]+\n\d+\.\d+\.\d+ +\d{4}-\d\d-\d\dT\S+Z +n\/a\n$/);
  const { data } = JSON.parse((await lockstep(['version-history', '-format=json'])).stdout) as {
    readonly data: { readonly keys: readonly string[] };
  };
  assert.equal(data.keys.length, 1);
});

const noBao = binary === undefined ? 'bao is neither in the cache nor to be had' : false;

test('prints what OpenBao prints', { skip: noBao }, async (suite) => {
  await using own = await startServer();
  await using other = await startServer();
  const lockstep = commandLine(executable, own.address);
  const bao = commandLine(binary ?? '', other.address);
  for (const { args, input } of parseScript(script)) {
    const name = args.join(' ');
    const reason = differences[name] ?? (ofBao ? undefined : differencesOnOurs[name]);
    await suite.test(name, { skip: reason ?? false }, async () => {
      const [ours, theirs] = await Promise.all([lockstep(args, input), bao(args, input)]);
      assert.equal(normalise(ours.stdout), normalise(theirs.stdout), ours.stderr);
      assert.equal(ours.code, theirs.code, `${ours.stderr}\n${theirs.stderr}`);
    });
  }
});

test('logs in by AppRole and by token, and keeps the token to itself', async () => {
  await using server = await startServer();
  const root = commandLine(executable, server.address);
  await root(['auth', 'enable', 'approle']);
  await root(['write', 'auth/approle/role/web', 'token_policies=default']);
  const roleId = (await root(['read', '-field=role_id', 'auth/approle/role/web/role-id'])).stdout;
  const secretId = (await root(['write', '-f', '-field=secret_id', 'auth/approle/role/web/secret-id'])).stdout;
  assert.match(roleId, /^[0-9a-f-]{36}$/);

  const web = commandLine(executable, server.address, '');
  const file = join(web.home, 'secret-id');
  writeFileSync(file, `${secretId}\n`);
  const login = ['login', '-method=approle', `role_id=${roleId}`, `secret_id=@${file}`];
  const shown = await web(login);
  assert.equal(shown.code, 0, shown.stderr);
  assert.ok(!shown.stdout.includes(secretId));
  const token = join(web.home, '.vault-token');
  assert.equal(statSync(token).mode & 0o777, 0o600);
  const stored = readFileSync(token, 'utf8');
  assert.equal((await web(['token', 'lookup', '-field=id'])).stdout, stored);
  assert.equal((await web([...login, '-token-only'])).code, 0);
  assert.equal(readFileSync(token, 'utf8'), stored, '-token-only stores nothing');

  const again = commandLine(executable, server.address, '');
  assert.equal((await again(['login', '-no-print', '-'], `${stored}\n`)).stdout, '');
  assert.equal(readFileSync(join(again.home, '.vault-token'), 'utf8'), stored);
  assert.equal((await again(['login', 'method=x'])).code, 1);
  assert.equal((await again(['login'])).code, 1, 'nobody is there to ask');
});

test('logs in by userpass, with the password from standard input, and shows it nowhere', async () => {
  await using server = await startServer();
  const root = commandLine(executable, server.address);
  await root(['auth', 'enable', 'userpass']);
  const password = 'canary-pw-4711';
  const made = await root(['write', 'auth/userpass/users/Ada', 'password=-', 'token_ttl=10m'], password);
  assert.equal(made.code, 0, made.stderr);
  const ada = commandLine(executable, server.address, '');
  const login = ['login', '-method=userpass', 'username=ada', 'password=-'];
  const shown = await ada(login, `${password}\n`);
  assert.equal(shown.code, 0, shown.stderr);
  assert.equal((await ada(['token', 'lookup', '-field=display_name'])).stdout, 'userpass-ada');
  const wrong = await ada(login, 'wrong');
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr, /invalid username or password/);
  const asked = await ada(['login', '-method=userpass', 'username=ada']);
  assert.match(asked.stderr, /password=-/, 'nobody is there to ask: it says how else');
  for (const { stdout, stderr } of [made, shown, wrong, asked]) assert.ok(!`${stdout}${stderr}`.includes(password));
});

test('who-can names the policy with its line, and the logins that lead there', async () => {
  await using server = await startServer();
  const root = commandLine(executable, server.address);
  await root(['policy', 'write', 'reads-db', '-'], 'path "secret/data/prod/db" {\n  capabilities = ["read"]\n}');
  await root(['auth', 'enable', 'userpass']);
  await root(['write', 'auth/userpass/users/ada', 'password=pw-4711', 'token_policies=reads-db']);
  const found = await root(['who-can', 'read', 'secret/data/prod/db']);
  assert.equal(found.code, 0, found.stderr);
  assert.match(found.stdout, /^reads-db +1 +secret\/data\/prod\/db/m);
  assert.match(found.stdout, /^auth\/userpass\/ +ada +reads-db/m);
  const nobody = await root(['who-can', 'delete', 'secret/data/prod/db']);
  assert.match(nobody.stdout, /Nobody but holders of a root token/);
  const unknown = await root(['who-can', 'fly', 'secret/data/prod/db']);
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /no operation "fly": it is one of/);
});

test('wraps and unwraps a secret', async () => {
  await using server = await startServer();
  const cli = commandLine(executable, server.address);
  await cli(['kv', 'put', 'secret/a', 'k=v']);
  const wrapping = (await cli(['kv', 'get', '-wrap-ttl=60s', '-format=json', 'secret/a'])).stdout;
  const { wrap_info: info } = JSON.parse(wrapping) as { wrap_info: { token: string } };
  const stranger = commandLine(executable, server.address, '');
  const unwrapped = await stranger(['unwrap', '-format=json', info.token]);
  assert.equal(unwrapped.code, 0, unwrapped.stderr);
  assert.equal((JSON.parse(unwrapped.stdout) as { data: { data: { k: string } } }).data.data.k, 'v');
  assert.equal((await stranger(['unwrap', info.token])).code, 2);
});

test(
  'initialises, unseals from standard input and seals',
  { skip: ofBao ? 'needs a new server of ours' : false },
  async () => {
    await using server = await newServer();
    const cli = commandLine(executable, server.address, '');
    assert.equal((await cli(['operator', 'init', '-status'])).code, 2);
    assert.equal((await cli(['status'])).code, 2);
    const made = await cli(['operator', 'init', '-key-shares=3', '-key-threshold=2', '-format=json']);
    assert.equal(made.code, 0, made.stderr);
    const keys = JSON.parse(made.stdout) as { unseal_keys_b64: string[]; root_token: string };
    assert.equal((await cli(['operator', 'init', '-status'])).code, 0);
    const [first = '', second = ''] = keys.unseal_keys_b64;
    assert.match((await cli(['operator', 'unseal', '-'], `${first}\n`)).stdout, /Unseal Progress +1\/2/);
    assert.match((await cli(['operator', 'unseal', '-reset'])).stdout, /Unseal Progress +0\/2/);
    await cli(['operator', 'unseal', '-'], first);
    assert.match((await cli(['operator', 'unseal', second])).stdout, /Sealed +false/);
    assert.equal((await cli(['operator', 'unseal'])).code, 1, 'nobody is there to ask');
    assert.equal((await cli(['status'])).code, 0);
    const root = commandLine(executable, server.address, keys.root_token);
    assert.equal((await root(['operator', 'seal'])).stdout, 'Success! Vault is sealed.\n');
    assert.equal((await cli(['status'])).code, 2);
  },
);
