/** A first start from the configuration alone: what is there afterwards, and what an interrupted one leaves. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ServerProcess } from '../support/server-process.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-self-init-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const KEY = Buffer.alloc(32, 7).toString('base64');
const WAY_IN = `
  initialize "admin" {
    request "policy" {
      operation = "update"
      path = "sys/policies/acl/admin"
      data = { policy = "path \\"*\\" { capabilities = [\\"create\\", \\"read\\", \\"update\\", \\"list\\", \\"sudo\\"] }" }
    }
    request "approle" { operation = "update", path = "/sys/auth/approle", data = { type = "approle" } }
    request "role" {
      operation = "update"
      path = "auth/approle/role/admin"
      data = { role_id = "me", bind_secret_id = false, secret_id_bound_cidrs = ["127.0.0.0/8"], token_policies = ["admin"] }
    }
  }`;

interface Place {
  readonly config: string;
  readonly at: (name: string) => string;
  readonly empty: () => void;
}

function place(name: string, more: string): Place {
  const folder = join(root, name);
  const at = (file: string): string => join(folder, file);
  const empty = (): void => {
    rmSync(at('data'), { recursive: true, force: true });
    mkdirSync(at('data'), { recursive: true, mode: 0o700 });
  };
  empty();
  writeFileSync(at('seal.key'), KEY, { mode: 0o400 });
  writeFileSync(
    at('server.hcl'),
    `storage "lmdb" { path = "${at('data')}" }
     listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
     seal "static" { current_key_id = "one", current_key = "file://${at('seal.key')}" }
     audit "file" "main" { options { file_path = "${at('audit.log')}" } }
     ${more.replaceAll('FOLDER', folder)}`,
  );
  return { config: `-config=${at('server.hcl')}`, at, empty };
}

async function login(server: ServerProcess): Promise<string> {
  const { json, text } = await server.ask('POST', '/v1/auth/approle/login', { body: { role_id: 'me' } });
  assert.match(text, /client_token/);
  return (json as { auth: { client_token: string } }).auth.client_token;
}

const READY = /initialised from the configuration.*requests=(\d+)/;

test('a node initialises itself, makes its requests in order and forgets the token that it made them with', async () => {
  const { config, at } = place(
    'whole',
    `initialize "engines" {
       request "kv" { operation = "update", path = "sys/mounts/secret", data = { type = "kv", options = { version = "2" } } }
       request "again" { operation = "update", path = "sys/mounts/secret", data = { type = "kv" }, allow_failure = true }
       request "team" { operation = "update", path = "sys/namespaces/team" }
       request "inner" { operation = "update", path = "team/sys/mounts/own", data = { type = "kv" } }
       request "first" {
         operation = "create"
         path = "secret/data/first"
         data = {
           data = {
             file = { eval_source = "file", eval_type = "string", path = "FOLDER/value" }
             list = { eval_source = "env", eval_type = "[]string", env_var = "LOCKSTEP_TEST_LIST" }
             number = { eval_source = "env", eval_type = "int", env_var = "LOCKSTEP_TEST_NUMBER" }
             absent = { eval_source = "env", eval_type = "string", env_var = "LOCKSTEP_TEST_ABSENT" }
             plain = [1, true, "x"]
           }
         }
       }
       request "copy" {
         operation = "update"
         path = "secret/data/second"
         data = {
           data = {
             was = { eval_source = "request", eval_type = "string", initialize_name = "engines", request_name = "first", field_selector = ["data", "data", "file"] }
             version = { eval_source = "response", eval_type = "any", initialize_name = "engines", response_name = "first", field_selector = ["data", "version"] }
             cel = { eval_source = "cel", eval_type = "int", expression = "responses.engines.first.data.version + 1.0" }
             template = { eval_source = "template", eval_type = "string", template = "{{ .requests.engines.first.path | uppercase }}" }
           }
         }
       }
       request "not" { operation = "delete", path = "sys/mounts/secret", when = { eval_source = "cel", eval_type = "bool", expression = "has(responses.engines.nothing)" } }
     }
     ${WAY_IN}
     initialize "never" {
       when = "false"
       request "nothing" { operation = "update", path = "nowhere" }
     }
     initialize "login" {
       request "in" { operation = "update", path = "auth/approle/login", data = { role_id = "me" } }
       request "as-admin" {
         operation = "update"
         path = "secret/data/third"
         token = { eval_source = "response", eval_type = "string", initialize_name = "login", request_name = "in", field_selector = ["auth", "client_token"] }
         data = { data = { by = "admin" } }
       }
     }`,
  );
  writeFileSync(at('value'), 'CANARY-in-a-file');
  process.env['LOCKSTEP_TEST_LIST'] = 'a, b';
  process.env['LOCKSTEP_TEST_NUMBER'] = '42';
  {
    await using server = new ServerProcess([config]);
    assert.equal((await server.line(READY))[1], '11');
    await server.address();
    const said = server.lines.findIndex((line) => READY.test(line));
    assert.ok(said < server.lines.findIndex((line) => /listening/.test(line)), 'nobody can be first');
    const token = await login(server);
    const read = async (path: string): Promise<unknown> => {
      const { json } = await server.ask('GET', `/v1/secret/data/${path}`, { token });
      return (json as { data: { data: unknown } }).data.data;
    };
    const first = { absent: '', file: 'CANARY-in-a-file', list: ['a, b'], number: 42, plain: [1, true, 'x'] };
    assert.deepEqual(await read('first'), first);
    const worked = { cel: 2, template: 'SECRET/DATA/FIRST' };
    assert.deepEqual(await read('second'), { was: 'CANARY-in-a-file', version: 1, ...worked });
    assert.deepEqual(await read('third'), { by: 'admin' });
    const accessors = await server.ask('LIST', '/v1/auth/token/accessors', { token });
    // The admin's from here, and that of the configuration; no root token.
    assert.equal((accessors.json as { data: { keys: unknown[] } }).data.keys.length, 2);
    assert.equal((await server.ask('GET', '/v1/team/sys/mounts/own', { token })).status, 200);
    assert.doesNotMatch(server.lines.join('\n'), /hvs\.|CANARY|Recovery Key/);
    server.signal('SIGTERM');
    await server.exit;
  }
  assert.doesNotMatch(readFileSync(at('audit.log'), 'utf8'), /hvs\.|CANARY/);
  // What was needed once only may be gone at the next start.
  rmSync(at('value'));
  await using server = new ServerProcess([config]);
  while ((await server.ask('GET', '/v1/sys/health')).status !== 200);
  await login(server);
  assert.ok(!server.lines.some((line) => READY.test(line)));
});

test('a request that fails ends the start by its name, and what is half made is never served', async () => {
  const failing = `${WAY_IN} initialize "x" { request "odd" { operation = "update", path = "sys/mounts/y", data = { type = "nothing" } } }`;
  const { config, at, empty } = place('failing', failing);
  {
    await using server = new ServerProcess([config]);
    assert.equal(await server.exit, 1);
    const said = server.lines.join('\n');
    assert.match(said, /initialize "x" request "odd": sys\/mounts\/y: plugin not found in the catalog: nothing/);
    assert.match(
      said,
      /was initialised from the configuration, but not to the end .*: empty the data directory and start again/,
    );
    assert.doesNotMatch(said, /hvs\./);
  }
  // Also when the configuration has been mended: what was made before the failure may be anything.
  writeFileSync(at('server.hcl'), readFileSync(at('server.hcl'), 'utf8').replace('"nothing"', '"kv"'));
  {
    await using server = new ServerProcess([config]);
    assert.equal(await server.exit, 1);
    assert.match(server.lines.join('\n'), /not to the end .*: empty the data directory/);
  }
  empty();
  await using server = new ServerProcess([config]);
  await server.line(READY);
  await login(server);
});

for (const failpoint of ['self-init.request=kill@2', 'self-init.finish=kill']) {
  test(`killed in the middle (${failpoint}), the next start says what to do and serves nothing`, async () => {
    const { config, empty } = place(`killed-${failpoint.replaceAll(/\W/g, '')}`, WAY_IN);
    {
      await using server = new ServerProcess([config], { failpoints: failpoint });
      assert.equal(await server.exit, null);
    }
    {
      await using server = new ServerProcess([config]);
      assert.equal(await server.exit, 1);
      assert.match(
        server.lines.join('\n'),
        /was initialised from the configuration, but not to the end .*: empty the data directory/,
      );
    }
    empty();
    await using server = new ServerProcess([config]);
    await server.line(READY);
  });
}

test('without a seal that opens by itself nothing is initialised', async () => {
  const { config, at } = place('shamir', WAY_IN);
  writeFileSync(at('server.hcl'), readFileSync(at('server.hcl'), 'utf8').replace(/seal "static".*\n/, ''));
  await using server = new ServerProcess([config]);
  assert.equal(await server.exit, 1);
  assert.match(server.lines.join('\n'), /`initialize` needs a seal that opens by itself: `seal "static"`/);
  const dev = spawn(join(import.meta.dirname, '../../bin/lockstep'), ['server', '-dev', config], { stdio: 'ignore' });
  assert.deepEqual(await once(dev, 'exit'), [1, null]);
});
