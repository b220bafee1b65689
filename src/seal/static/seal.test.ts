import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { isLockstepError } from '../../errors.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { newKey } from '../keyring.ts';
import { sealConformance } from '../seal.conformance.ts';
import { openStaticSeal, type StaticSealConfig } from './seal.ts';

const directory = mkdtempSync(join(tmpdir(), 'lockstep-static-'));
after(() => {
  rmSync(directory, { recursive: true });
});
const { signal } = new AbortController();
const env = (): undefined => undefined;
const key = randomBytes(32);
let files = 0;

function keyFile(content: Uint8Array | string, mode = 0o400, at = directory): string {
  const path = join(at, `key-${files++}`);
  writeFileSync(path, content, { mode: 0o600 });
  chmodSync(path, mode);
  return path;
}

const open = (current_key: string, more: Partial<StaticSealConfig> = {}) =>
  openStaticSeal({ current_key_id: 'k1', current_key, ...more }, { env });

async function refused(opening: Promise<unknown>, ...texts: readonly string[]): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(isLockstepError(error, 'invalidConfig'), String(error));
    for (const text of texts) assert.ok(error.message.includes(text), `${error.message} lacks ${text}`);
    for (const form of ['hex', 'base64'] as const) assert.ok(!error.message.includes(key.toString(form)));
    return true;
  });
}

sealConformance('static', () => open(key.toString('base64')));

test('the same key read from a file, a variable or the value itself is the same key', async () => {
  const raw = Buffer.from(key);
  const sources = [
    key.toString('hex'),
    key.toString('base64'),
    'env://SEAL',
    `file://${keyFile(raw)}`,
    `file://${keyFile(`${key.toString('hex')}\n`)}`,
    `file://${keyFile(`${key.toString('base64')}\r\n`, 0o600)}`,
  ];
  const { wrapper } = await open(key.toString('hex'));
  const unsealKey = newKey();
  const wrapped = (await wrapper?.wrap(unsealKey, signal)) ?? assert.fail();
  for (const current_key of sources) {
    const seal = await openStaticSeal(
      { current_key_id: 'k1', current_key },
      { env: (name) => (name === 'SEAL' ? key.toString('base64') : undefined) },
    );
    assert.ok((await seal.wrapper?.unwrap(wrapped, signal))?.equals(unsealKey), current_key);
  }
});

test('after a change of keys the previous one still unwraps, and says that it is not current', async () => {
  const before = (await open(key.toString('hex'))).wrapper ?? assert.fail();
  const unsealKey = newKey();
  const wrapped = await before.wrap(unsealKey, signal);
  const next = randomBytes(32).toString('hex');
  const config = { current_key_id: 'k2', current_key: next };
  const both = await openStaticSeal({ ...config, previous_key_id: 'k1', previous_key: key.toString('hex') }, { env });
  assert.ok((await both.wrapper?.unwrap(wrapped, signal))?.equals(unsealKey));
  assert.equal(both.wrapper?.isCurrent(wrapped), false);
  const alone = (await openStaticSeal(config, { env })).wrapper ?? assert.fail();
  await refused(alone.unwrap(wrapped, signal), '"k1"', 'k2', 'previous_key_id');
});

test('another key under the same id is told from a missing one', async () => {
  const wrapped = (await (await open(key.toString('hex'))).wrapper?.wrap(newKey(), signal)) ?? assert.fail();
  const other = (await open(randomBytes(32).toString('hex'))).wrapper ?? assert.fail();
  await assert.rejects(other.unwrap(wrapped, signal), (error) => isLockstepError(error, 'corrupt'));
});

test('a key file that its group or others can open is refused, naming the remedy', async () => {
  for (const mode of [0o440, 0o404, 0o644, 0o620, 0o401]) {
    await refused(open(`file://${keyFile(key, mode)}`), 'chmod', mode.toString(8));
  }
});

test('a key file in the data directory is refused, also below it and through links', async () => {
  const dataDirectory = join(directory, 'data');
  mkdirSync(join(dataDirectory, 'deep'), { recursive: true });
  const link = join(directory, 'link');
  symlinkSync(dataDirectory, link);
  const inside = keyFile(key, 0o400, dataDirectory);
  const outsideLink = join(directory, 'key-link');
  symlinkSync(inside, outsideLink);
  const opening = (path: string, data = dataDirectory) =>
    openStaticSeal({ current_key_id: 'k', current_key: `file://${path}` }, { env, dataDirectory: data });
  await refused(opening(inside), inside, 'data directory');
  await refused(opening(keyFile(key, 0o400, join(dataDirectory, 'deep'))), 'data directory');
  await refused(opening(outsideLink), 'data directory');
  await refused(opening(inside, link), 'data directory');
  await opening(keyFile(key));
  await opening(keyFile(key), join(directory, 'not-there-yet'));
  // A neighbour whose name begins alike is not inside.
  mkdirSync(join(directory, 'data-keys'));
  await opening(keyFile(key, 0o400, join(directory, 'data-keys')));
});

test('wrong, missing and unreadable keys are refused by the name of their parameter', async () => {
  await refused(open(''), 'current_key', 'missing');
  await refused(open('abcd'), 'current_key', '32 bytes');
  await refused(open(key.toString('hex').slice(2)), '32 bytes');
  await refused(open(`${key.toString('hex')}00`), '32 bytes');
  await refused(open('env://NOT_SET'), 'NOT_SET', 'not set');
  await refused(open(`file://${join(directory, 'none')}`), 'none', 'ENOENT');
  await refused(open(`file://${directory}`), 'not a regular file');
  await refused(open(`file://${keyFile('')}`), '32 bytes');
  await refused(open(`file://${keyFile(key.subarray(1))}`), '32 bytes');
  await refused(open(`file://${keyFile(randomBytes(5_000))}`), '32 bytes');
  await refused(openStaticSeal({ current_key_id: '', current_key: key.toString('hex') }, { env }), 'current_key_id');
  await refused(open(key.toString('hex'), { previous_key_id: 'k0' }), 'previous_key', 'missing');
  await refused(open(key.toString('hex'), { previous_key: key.toString('hex') }), 'previous_key_id', 'missing');
  await refused(open(key.toString('hex'), { previous_key_id: 'k1', previous_key: key.toString('hex') }), 'differ');
  await refused(open(key.toString('hex'), { current_key_id: 'k'.repeat(256) }), 'current_key_id', '255');
});

test('a named pipe in place of the key file is refused and does not hold the start up', async () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', ['-m', '600', path]);
  await refused(open(`file://${path}`), 'not a regular file');
});
