import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHcl } from '../lib/hcl/index.ts';
import { serverConfig } from './server.ts';

const read = (text: string, env: Readonly<Record<string, string>> = {}) =>
  serverConfig(
    [parseHcl(`storage "inmem" {}\nlistener "tcp" { address = "127.0.0.1:0", tls_disable = true }\n${text}`, 'a.hcl')],
    {},
    env,
  ).snapshot;

const block = (keys: string, name = 'hourly'): string => `snapshot "${name}" {\n${keys}\n}`;
const local = 'interval = "1h"\nstorage_type = "local"\npath_prefix = "/var/backups"';
const s3 = 'interval = "1h"\nstorage_type = "aws-s3"\naws_s3_bucket = "backups"';

test('a directory and a bucket are taken, with their defaults', () => {
  const [directory, bucket] = read(
    `${block(local)}\n${block(
      `${s3}\naws_access_key_id = "me"\naws_secret_access_key = "env://KEY"\npath_prefix = "a/b/"`,
      'other',
    )}`,
    { KEY: 'secret' },
  );
  assert.deepEqual([directory?.interval, directory?.retain, directory?.file_prefix], [3_600, 1, 'lockstep-snapshot']);
  const key = bucket?.aws_secret_access_key;
  assert.equal(key?.from === 'value' ? key.value.expose() : '', 'secret');
});

const refusals: readonly (readonly [what: string, text: string, said: RegExp])[] = [
  ['a prefix that climbs', block(local.replace('backups', '../etc')), /path_prefix.*\.\./],
  ['a relative directory', block(local.replace('/var', 'var')), /absolute/],
  ['no directory', block('interval = "1h"\nstorage_type = "local"'), /path_prefix/],
  ['a key prefix that climbs', block(`${s3}\npath_prefix = "a/../b"`), /path_prefix.*\.\./],
  ['a key prefix from the root', block(`${s3}\npath_prefix = "/a"`), /path_prefix/],
  ['a file prefix with a slash', block(`${local}\nfile_prefix = "../x"`), /file_prefix/],
  ['a name with a slash', block(local, '../x'), /name/],
  ['no bucket', block('interval = "1h"\nstorage_type = "aws-s3"'), /aws_s3_bucket/],
  ['nothing kept', block(`${local}\nretain = 0`), /retain/],
  ['no time between', block(local.replace('1h', '0s')), /interval/],
  ['half of the credentials', block(`${s3}\naws_access_key_id = "me"`), /go together/],
  ['a plain endpoint', block(`${s3}\naws_s3_endpoint = "http://127.0.0.1:1"`), /aws_s3_disable_tls/],
  ['one name twice', `${block(local)}\n${block(local.replace('backups', 'other'))}`, /given twice/],
  ['one place twice', `${block(local)}\n${block(local.replace('backups', 'backups/'), 'b')}`, /need different/],
  ['another kind of storage', block(local.replace('"local"', '"azure-blob"')), /storage_type/],
];

for (const [what, text, said] of refusals) {
  test(`refused by name: ${what}`, () => {
    assert.throws(() => read(text), said);
  });
}
