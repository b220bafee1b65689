/** What is sent anywhere, rightly or wrongly, is written nowhere: not into log, audit, errors, help or metrics. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Fields, JsonObject } from '../../src/framework/field.ts';
import { createLogger } from '../../src/lib/log.ts';
import { ok, started, type Clocked } from '../support/advisories.ts';
import { ask } from '../support/node.ts';

const CANARY = 'canary-5f1e7a';
const values: readonly unknown[] = [CANARY, [CANARY, [CANARY]], { k: CANARY, n: { k: CANARY } }, `{"a":"${CANARY}`];

/** What people choose as names, types and documents is shown to them again; the rest is never repeated. */
const names = 'from to type path paths name policy rules description display_name metadata meta';
const shown: ReadonlySet<string> = new Set(names.split(' '));
/** They would end the test. */
const left: ReadonlySet<string> = new Set(['sys/seal', 'sys/audit/:path...', 'auth/token/revoke-self']);

interface Endpoint {
  readonly path: string;
  readonly fields: Fields;
}

function endpoints({ node }: Clocked): readonly Endpoint[] {
  return node.services.mounts.all('root').flatMap(({ path: mount, plugin, record }) =>
    plugin
      .paths({ options: record.options ?? {} })
      .filter(({ pattern }) => !left.has(mount + pattern))
      .map(({ pattern, fields }) => ({ path: mount + pattern.replaceAll(/:[a-z_]+(\.\.\.)?/g, 'r'), fields })),
  );
}

/** The secret fields alone, beside some that are not known; then every field with what it does not expect. */
function bodies(fields: Fields, value: unknown): readonly JsonObject[] {
  const filled = (wanted: (name: string) => boolean): JsonObject =>
    Object.fromEntries(
      Object.keys(fields)
        .filter(wanted)
        .map((name) => [name, value]),
    );
  const secret = filled((name) => fields[name]?.kind === 'secret');
  return [{ ...secret, data: value, unheard_of: value }, filled((name) => !shown.has(name))];
}

/** Tokens, secret-ids and their accessors in a reply; those of mounts, which are no secret, are left out. */
const GIVEN = /"(?:client_token|token|(?:wrapped_|secret_id_)?accessor|secret_id)":"((?!auth_)[\w.-]{20,})"/g;

const WORD = /[\w.-]{20,}/g;

/** `given` takes the credentials that replies hold. */
async function tell(server: Clocked, { path, fields }: Endpoint, given: Set<string>): Promise<readonly string[]> {
  const { node, root: token } = server;
  const told: string[] = [];
  const send = async (
    method: string,
    asking: { readonly token: string; readonly body?: JsonObject },
  ): Promise<void> => {
    const contentType = 'application/merge-patch+json';
    const outcome = await ask(node, method, path, { ...asking, contentType });
    const { status, errors, warnings, reply, auth, wrapInfo } = outcome;
    for (const [, each = ''] of JSON.stringify([reply?.data, auth, wrapInfo]).matchAll(GIVEN)) given.add(each);
    assert.notEqual(status, 500, `${method} ${path} ${JSON.stringify(asking.body)}`);
    told.push(...(errors ?? []), ...(warnings ?? []));
  };
  for (const body of values.flatMap((value) => bodies(fields, value))) {
    await send('POST', { token, body });
    await send('PATCH', { token, body });
    await send('POST', { token: CANARY, body });
  }
  for (const method of ['GET', 'LIST', 'SCAN']) await send(method, { token });
  const help = await ask(node, 'GET', path, { token, help: true });
  return [...told, JSON.stringify(help.reply?.bare)];
}

/** With what stands before it. */
function offending(texts: readonly string[]): readonly string[] {
  const found = texts.filter((text) => text.includes(CANARY));
  return [...new Set(found.map((text) => text.slice(Math.max(0, text.indexOf(CANARY) - 80))))].slice(0, 20);
}

// CVE-2024-8365, CVE-2025-62513, CVE-2025-62705, CVE-2025-52893, CVE-2025-4166, CVE-2026-46358
test('no endpoint writes what it was sent, or gave, into log, audit, errors, help or metrics', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-canary-'));
  using _directory = {
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true, force: true });
    },
  };
  const lines: string[] = [];
  const log = createLogger({ level: 'trace', format: 'json', write: (line) => lines.push(line), now: Date.now });
  await using server = await started({ log, now: Date.now });
  const file = join(directory, 'audit.log');
  await ok(server.as('PUT', 'sys/audit/file', { type: 'file', options: { file_path: file } }));
  await ok(server.as('POST', 'sys/mounts/kv', { type: 'kv' }));
  await ok(server.as('POST', 'sys/mounts/kv2', { type: 'kv-v2' }));
  await ok(server.as('POST', 'sys/auth/approle', { type: 'approle' }));
  await ok(server.as('POST', 'auth/approle/role/r', {}));
  const told: string[] = [];
  const given = new Set<string>();
  for (const endpoint of endpoints(server)) told.push(...(await tell(server, endpoint, given)));
  // A reply whose body is no JSON of the server's own making.
  await ok(server.as('PUT', 'kv/wrapped', { k: CANARY }));
  const { wrapInfo } = await ok(ask(server.node, 'GET', 'kv/wrapped', { token: server.root, wrapTtl: 60 }));
  await ok(server.as('POST', 'sys/wrapping/unwrap', { token: String(wrapInfo?.['token']) }));
  const query = { format: 'prometheus' };
  const metrics = await ok(ask(server.node, 'GET', 'sys/metrics', { token: server.root, query }));
  told.push(String(metrics.reply?.raw?.body));
  const audit = readFileSync(file, 'utf8');
  assert.ok(audit.length > 10_000, 'the audit was written');
  assert.match(audit, /"http_raw_body":"hmac-sha256:/);
  const everything = [...told, ...lines, ...audit.split('\n')];
  assert.deepEqual(offending(everything), []);
  assert.ok(given.size > 3, String(given.size));
  const repeated = everything.filter((text) => (text.match(WORD) ?? []).some((word) => given.has(word)));
  assert.deepEqual(repeated.slice(0, 3), []);
});
