import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { ServerProcess } from '../support/server-process.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-process-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

interface Place {
  readonly config: string;
  readonly at: (name: string) => string;
}

function place(name: string, more: string = ''): Place {
  const folder = join(root, name);
  mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 });
  const at = (file: string): string => join(folder, file);
  writeFileSync(
    at('server.hcl'),
    `storage "lmdb" { path = "${at('data')}" }
     listener "tcp" {
       address = "127.0.0.1:0"
       tls_disable = true
       telemetry { unauthenticated_metrics_access = true }
     }
     audit "file" "main" { options { file_path = "${at('audit.log')}" } }
     pid_file = "${at('pid')}"
     log_file = "${at('server.log')}"
     ${more}`,
  );
  return { config: `-config=${at('server.hcl')}`, at };
}

async function initialise(server: ServerProcess): Promise<{ readonly key: string; readonly token: string }> {
  const made = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  const { keys, root_token: token } = made.json as { keys: string[]; root_token: string };
  const key = keys[0] ?? '';
  await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  return { key, token };
}

const CANARY = 'CANARY-5f0c';

test('a node lives by its files and signals, and leaves no secret in any of them', async () => {
  const { config, at } = place('life');
  let key: string;
  let token: string;
  {
    await using server = new ServerProcess([config]);
    ({ key, token } = await initialise(server));
    assert.equal(readFileSync(at('pid'), 'utf8').trim(), String(server.pid));
    await server.ask('POST', '/v1/sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
    const body = { data: { password: CANARY } };
    assert.equal((await server.ask('POST', '/v1/secret/data/a', { token, body })).status, 200);
    const scraped = await server.ask('GET', '/metrics');
    assert.match(scraped.text, /^vault_core_unsealed 1$/m);
    assert.match(scraped.text, /^lockstep_store_log_bytes [1-9]/m);

    for (const name of ['audit.log', 'server.log']) renameSync(at(name), at(`${name}.1`));
    const from = server.lines.length;
    server.signal('SIGHUP');
    await server.line(/opened files anew/, from);
    await server.ask('GET', '/v1/secret/data/after-rotation', { token });
    assert.match(readFileSync(at('audit.log'), 'utf8'), /after-rotation/);
    assert.doesNotMatch(readFileSync(at('audit.log.1'), 'utf8'), /after-rotation/);

    server.signal('SIGTERM');
    assert.equal(await server.exit, 0);
    assert.equal(existsSync(at('pid')), false);
    assert.match(readFileSync(at('server.log.1'), 'utf8'), /listening/);
    assert.match(readFileSync(at('server.log'), 'utf8'), /shutting down/);
    for (const name of ['audit.log', 'server.log']) assert.equal(statSync(at(name)).mode & 0o777, 0o600);
  }
  await using again = new ServerProcess([config]);
  await again.ask('PUT', '/v1/sys/unseal', { body: { key } });
  const read = await again.ask('GET', '/v1/secret/data/a', { token });
  assert.match(read.text, new RegExp(CANARY));
  // While it runs, files come and go; killed, it leaves its journal too.
  again.signal('SIGKILL');
  assert.equal(await again.exit, null);
  for (const secret of [CANARY, token, key]) {
    for (const file of readdirSync(at('.'), { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const path = join(file.parentPath, file.name);
      assert.equal(readFileSync(path).includes(secret), false, `a secret lies in ${path}`);
    }
  }
});

test('a server that cannot start says why and ends', async () => {
  const { at, config } = place('unusable');
  writeFileSync(at('more.hcl'), `pid_file = "${at('missing/pid')}"`);
  await using noPid = new ServerProcess([config, `-config=${at('more.hcl')}`]);
  await noPid.line(/pid_file .*missing\/pid.*ENOENT/);
  assert.equal(await noPid.exit, 1);
  writeFileSync(at('more.hcl'), `log_file = "${at('missing/log')}"`);
  await using noLog = new ServerProcess([config, `-config=${at('more.hcl')}`]);
  await noLog.line(/log_file .*missing\/log.*ENOENT/);
  assert.equal(await noLog.exit, 1);
});

test('a node that unseals by itself does not start when nothing can be recorded', async () => {
  const { at, config } = place('unrecorded');
  writeFileSync(at('seal.key'), 'A'.repeat(43) + '=', { mode: 0o600 });
  const seal = `seal "static" { current_key_id = "1" current_key = "file://${at('seal.key')}" }`;
  writeFileSync(at('more.hcl'), seal);
  {
    await using server = new ServerProcess([config, `-config=${at('more.hcl')}`]);
    await server.ask('PUT', '/v1/sys/init', { body: {} });
    assert.equal((await server.ask('GET', '/v1/sys/health')).status, 200);
    server.signal('SIGTERM');
    assert.equal(await server.exit, 0);
  }
  rmSync(at('audit.log'));
  mkdirSync(at('audit.log'));
  await using server = new ServerProcess([config, `-config=${at('more.hcl')}`]);
  await server.line(/no audit device can record.*audit\.log/);
  assert.equal(await server.exit, 1);
});
