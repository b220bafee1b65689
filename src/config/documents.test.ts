import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { limits } from '../lib/hcl/index.ts';
import { readDocuments } from './documents.ts';
import { loadServerConfig } from './server.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-config-'));
after(() => rmSync(root, { recursive: true, force: true }));

function file(path: string, content: string | Uint8Array): string {
  writeFileSync(join(root, path), content);
  return join(root, path);
}

test('reads a directory in the order of names, and merges it with files after it', () => {
  mkdirSync(join(root, 'conf'));
  mkdirSync(join(root, 'conf', 'sub.hcl'));
  file('conf/20-b.json', '{"listener":{"tcp":{"address":"127.0.0.1:2","tls_disable":true}},"log_level":"warn"}');
  file(
    'conf/10-a.hcl',
    'storage "lmdb" { path = "/a" }\nlistener "tcp" { address = ":1" tls_disable = true }\nlog_level = "info"',
  );
  file('conf/.hidden.hcl', 'zzz = 1');
  file('conf/#10-a.hcl', 'zzz = 1');
  file('conf/10-a.hcl~', 'zzz = 1');
  file('conf/notes.txt', 'zzz = 1');
  const more = file('more.hcl', 'storage "inmem" {}');
  const config = loadServerConfig({ files: [join(root, 'conf'), more], env: {} });
  assert.deepEqual(
    config.listener.map(({ address }) => address),
    [
      { host: '', port: 1 },
      { host: '127.0.0.1', port: 2 },
    ],
  );
  assert.equal(config.log_level, 'warn');
  assert.deepEqual(config.storage, { type: 'inmem' });
});

test('names the file, the line and the reason', () => {
  mkdirSync(join(root, 'empty'));
  const broken = file('broken.hcl', 'a = 1\nb =');
  const latin = file('latin.hcl', Uint8Array.of(0x61, 0xff, 0x0a));
  const large = file('large.hcl', '#'.repeat(limits.size + 1));
  const unknown = file('unknown.hcl', '\nlog_levle = "x"');
  const cases: readonly (readonly [string, string])[] = [
    [join(root, 'missing.hcl'), `cannot read ${join(root, 'missing.hcl')}: there is no such file`],
    [join(root, 'empty'), `${join(root, 'empty')} holds no .hcl or .json file`],
    [broken, `${broken}:2:4: found the end of the text, expected a value`],
    [latin, `${latin} is not text in UTF-8`],
    [large, `${large} is larger than 1048576 bytes`],
  ];
  for (const [path, message] of cases)
    assert.throws(() => readDocuments([path]), { code: 'invalidConfig', message }, path);
  assert.throws(() => loadServerConfig({ files: [unknown], env: {} }), {
    code: 'invalidConfig',
    message: `${unknown}:2:1: unknown key \`log_levle\`: did you mean \`log_level\`?`,
  });
});
