/** Shares, new or old, one-time passwords and the tokens made by them are shown to who asked, and written nowhere. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServerProcess } from '../support/server-process.ts';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(text) : []);

test('nothing of a rekey or a root generation gets into audit, log, errors or metrics', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-shares-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const [config, audit] = [join(folder, 'server.hcl'), join(folder, 'audit.log')];
  writeFileSync(
    config,
    `storage "inmem" {}
     listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
     audit "file" "main" { options { file_path = "${audit}" } }
     log_level = "trace"`,
  );
  await using server = new ServerProcess([`-config=${config}`]);
  const { json } = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 2, secret_threshold: 2 } });
  const {
    keys,
    keys_base64: base64,
    root_token: token,
  } = json as { keys: string[]; keys_base64: string[]; root_token: string };
  for (const key of keys) await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  const told: string[] = [];
  const post = async (path: string, body: object): Promise<Readonly<Record<string, unknown>>> => {
    const { status, text: answered, json: answer } = await server.ask('POST', `/v1/sys/${path}`, { token, body });
    if (status >= 300) told.push(answered);
    return (answer['data'] ?? answer) as Readonly<Record<string, unknown>>;
  };
  const secrets = [...keys, ...base64];
  for (const base of ['rekey', 'rotate/root']) {
    const split = { secret_shares: 2, secret_threshold: 2, require_verification: true };
    const { nonce } = await post(`${base}/init`, split);
    for (const wrong of [`${keys[0]}ff`, 'f'.repeat(66)]) await post(`${base}/update`, { key: wrong, nonce });
    await post(`${base}/update`, { key: keys[0], nonce: 'another' });
    await post(`${base}/update`, { key: base64[1], nonce });
    for (const key of keys) await post(`${base}/update`, { key, nonce });
    for (const key of keys) await post(`${base}/update`, { key, nonce });
    const made = await post(`${base}/update`, { key: keys[0], nonce });
    secrets.push(...texts(made['keys']), ...texts(made['keys_base64']));
    await server.ask('DELETE', `/v1/sys/${base}/init`, { token });
  }
  for (const base of ['generate-root', 'generate-root-token']) {
    const { nonce, otp } = await post(`${base}/attempt`, {});
    for (const key of keys) secrets.push(text((await post(`${base}/update`, { key, nonce }))['encoded_token']));
    secrets.push(String(otp));
    const decoded = await post('decode-token', { encoded_token: secrets.at(-2), otp });
    assert.match(String(decoded['token']), /^hvs\./);
    secrets.push(String(decoded['token']));
  }
  told.push(readFileSync(audit, 'utf8'), server.lines.join('\n'));
  told.push((await server.ask('GET', '/v1/sys/metrics?format=prometheus', { token })).text);
  const all = told.join('\n');
  assert.match(all, /sys\/rekey\/update/);
  assert.match(all, /sys\/generate-root-token\/update/);
  assert.ok(secrets.filter((secret) => secret !== '').length >= 8);
  for (const secret of secrets) assert.ok(secret === '' || !all.includes(secret), 'a secret was written');
});
