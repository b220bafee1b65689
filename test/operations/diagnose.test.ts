/** `lockstep operator diagnose`, as an operator runs it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { issue } from '../../src/server/certificates.testing.ts';
import { ServerProcess } from '../support/server-process.ts';

const executable = join(import.meta.dirname, '../../bin/lockstep');

interface Finding {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly advice?: string;
}

interface Diagnosis {
  readonly code: number;
  readonly text: string;
  /** The findings that are not well, by name. */
  readonly troubles: Readonly<Record<string, string>>;
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-diagnose-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

async function diagnosed(folder: string, config: string, ...flags: readonly string[]): Promise<Diagnosis> {
  const file = join(folder, 'server.hcl');
  writeFileSync(file, config);
  const args = ['operator', 'diagnose', `-config=${file}`, '-format=json', ...flags];
  return new Promise((resolve) => {
    const child = execFile(executable, args, (_error, stdout) => {
      const { children } = JSON.parse(stdout) as { children: Finding[] };
      const troubles = children
        .filter(({ status }) => status === 'fail' || status === 'warn')
        .map(({ name, status, message, advice = '' }) => [name, `${status}: ${message}: ${advice}`]);
      resolve({ code: child.exitCode ?? -1, text: stdout, troubles: Object.fromEntries(troubles) });
    });
  });
}

const plain = 'listener "tcp" { address = "127.0.0.1:0", tls_disable = true }';

/** What a machine of tests may lack is not what is tested. */
function withoutMachine({ troubles }: Diagnosis): readonly string[] {
  return Object.keys(troubles).filter((name) => !['disk space', 'open files'].includes(name));
}

test('a configuration that is well is told so, and nothing is made', async (t) => {
  const folder = folderOf(t);
  const found = await diagnosed(
    folder,
    `${plain}
     storage "lmdb" { path = "${folder}/data" }
     audit "file" "main" { options { file_path = "${folder}/audit.log" } }`,
  );
  assert.deepEqual(withoutMachine(found), []);
  assert.notEqual(found.code, 1);
  assert.deepEqual(readdirSync(folder), ['server.hcl']);
});

test('each trouble is named with its remedy', async (t) => {
  const folder = folderOf(t);
  const taken = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(taken, 'listening');
  t.after(() => taken.close());
  mkdirSync(join(folder, 'data'));
  chmodSync(join(folder, 'data'), 0o755);
  writeFileSync(join(folder, 'data', 'holder.json'), JSON.stringify({ pid: process.pid }));
  writeFileSync(join(folder, 'key'), 'canary-'.repeat(4), { mode: 0o600 });
  const found = await diagnosed(
    folder,
    `listener "tcp" { address = "127.0.0.1:${String((taken.address() as AddressInfo).port)}", tls_disable = true }
     storage "lmdb" { path = "${folder}/data" }
     seal "static" { current_key_id = "1", current_key = "file://${folder}/key" }
     audit "file" "main" { options { file_path = "${folder}/none/audit.log" } }
     audit "http" "wrong" { options { uri = "ftp://x" } }
     audit "socket" "right" { options { address = "127.0.0.1:1" } }
     snapshot "there" { interval = "1h", storage_type = "local", path_prefix = "${folder}/made/later" }
     snapshot "file" { interval = "1h", storage_type = "local", path_prefix = "${folder}/key" }
     snapshot "bucket" {
       interval = "1h", storage_type = "aws-s3", aws_s3_bucket = "backups"
       aws_access_key_id = "id", aws_secret_access_key = "file://${folder}/no-key"
     }`,
  );
  const { troubles } = found;
  assert.equal(found.code, 1);
  assert.match(troubles['listener 1'] ?? '', /fail: .*another process listens there|end it/);
  assert.match(troubles['storage'] ?? '', /warn: .*0755.*chmod 0700/);
  assert.match(troubles['storage lock'] ?? '', new RegExp(`warn: process ${String(process.pid)} uses`));
  assert.match(troubles['seal'] ?? '', /fail: .*current_key/);
  assert.match(troubles['audit "main"'] ?? '', /fail: .*none does not exist: create it/);
  assert.match(troubles['audit "wrong"'] ?? '', /fail: .*`uri` must begin with https/);
  assert.equal(troubles['audit "right"'], undefined);
  assert.equal(troubles['snapshot "there"'], undefined);
  assert.match(troubles['snapshot "file"'] ?? '', /fail: .*key is no directory/);
  assert.match(troubles['snapshot "bucket"'] ?? '', /fail: .*no-key cannot be read \(ENOENT\): give/);
  assert.doesNotMatch(found.text, /canary/);
});

test('certificates are judged: pairs, ends, and what is served in clear', async (t) => {
  const folder = folderOf(t);
  const [one, other] = [await issue({ name: 'localhost' }), await issue({ name: 'localhost' })];
  const old = await issue({ name: 'localhost', notAfter: new Date(Date.now() - 1_000) });
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const listener = (cert: string, key: string): string =>
    `listener "tcp" { address = "127.0.0.1:0", tls_cert_file = "${cert}", tls_key_file = "${key}" }`;
  const found = await diagnosed(
    folder,
    `${listener(write('one.crt', one.certPem), write('other.key', other.keyPem))}
     ${listener(write('old.crt', old.certPem), write('old.key', old.keyPem))}
     ${listener(join(folder, 'none.crt'), join(folder, 'old.key'))}
     listener "tcp" { address = "0.0.0.0:0", tls_disable = true }
     storage "inmem" {}`,
  );
  assert.equal(found.code, 1);
  assert.match(found.troubles['listener 1 TLS'] ?? '', /fail: .*not the key of the first certificate/);
  assert.match(found.troubles['listener 2 TLS'] ?? '', /fail: /);
  assert.match(found.text, /has expired/);
  assert.match(found.troubles['listener 3 TLS'] ?? '', /fail: .*ENOENT/);
  assert.match(found.troubles['listener 4 TLS'] ?? '', /warn: .*in clear/);
  assert.match(found.troubles['storage'] ?? '', /warn: everything is lost/);
  assert.match(found.troubles['audit'] ?? '', /warn: nothing is put on record/);
});

test('a configuration that cannot be read is a finding, line by line', async (t) => {
  const folder = folderOf(t);
  const found = await diagnosed(folder, `${plain}\nstorag "lmdb" { path = "/x" }`);
  assert.equal(found.code, 1);
  assert.match(found.text, /storag/);
});

test('a server that runs is left alone', async (t) => {
  const folder = folderOf(t);
  const config = `${plain}\nstorage "lmdb" { path = "${folder}/data" }\nworkers = 0`;
  writeFileSync(join(folder, 'server.hcl'), config);
  await using server = new ServerProcess([`-config=${join(folder, 'server.hcl')}`]);
  await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  const found = await diagnosed(folder, config);
  assert.match(found.troubles['storage lock'] ?? '', /uses the data directory/);
  assert.ok(existsSync(join(folder, 'data', 'holder.json')));
  assert.equal((await server.ask('GET', '/v1/sys/init')).json['initialized'], true);
});

test('what is to be left out is left out and told so, and a name that is none is refused', async (t) => {
  const folder = folderOf(t);
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  writeFileSync(join(folder, 'file'), '');
  const config = `
    listener "tcp" { address = "127.0.0.1:${String(port)}", tls_disable = true }
    storage "lmdb" { path = "${folder}/file" }
    seal "static" { current_key_id = "a", current_key = "file://${folder}/none" }
    audit "file" "main" { options { file_path = "${folder}/audit.log" } }`;
  const all = await diagnosed(folder, config);
  assert.deepEqual([...withoutMachine(all)].sort(), ['listener 1', 'seal', 'storage'].sort(), all.text);
  const less = await diagnosed(folder, config, '-skip=listener', '-debug');
  assert.deepEqual([...withoutMachine(less)].sort(), ['seal', 'storage'].sort(), less.text);
  const none = await diagnosed(folder, config, '-skip=listener,storage', '-skip=autounseal');
  assert.deepEqual(withoutMachine(none), [], none.text);
  assert.equal(none.text.match(/left out, as -skip says/g)?.length, 3);
  const file = join(folder, 'server.hcl');
  const said = await new Promise<string>((resolve) => {
    execFile(executable, ['operator', 'diagnose', `-config=${file}`, '-skip=nope'], (_error, _stdout, stderr) => {
      resolve(stderr);
    });
  });
  assert.match(said, /-skip knows no check "nope": give listener, storage, autounseal/);
});
