/** The table of all endpoints tells the truth about OpenBao: docs/compatibility-endpoints.md. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compatibilityTable, keyOf, offered, type OpenApi } from '../support/compatibility.ts';
import { openbao, startOpenBao } from './support/openbao.ts';

const binary = await openbao();
const skip = binary === undefined ? 'needs OpenBao, which could not be fetched' : false;

test('all that OpenBao offers is in the table, and "same" has all of its parameters', { skip }, async () => {
  await using bao = await startOpenBao(binary ?? '');
  await bao.ask('POST', 'sys/mounts/kv1', { type: 'kv', options: { version: '1' } });
  for (const type of ['approle', 'cert', 'userpass', 'jwt', 'kubernetes'])
    await bao.ask('POST', `sys/auth/${type}`, { type });
  const { body } = await bao.ask('GET', 'sys/internal/specs/openapi');
  const theirs = offered(body as OpenApi);
  assert.ok(theirs.size > 300);
  const rows = new Map(compatibilityTable().map((row) => [keyOf(row.method, row.path), row]));
  const wrong: string[] = [];
  for (const [key, { parameters }] of theirs) {
    const row = rows.get(key);
    if (row === undefined) wrong.push(`${key} is not in the table`);
    else if (row.standing === 'own') wrong.push(`${key} is OpenBao's too`);
    else if (row.standing === 'same') {
      // A parameter that stands in our path is given there.
      const known = new Set([...row.parameters, ...[...row.path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)]);
      const lacking = [...parameters].filter((name) => !known.has(name));
      if (lacking.length > 0) wrong.push(`${key} lacks ${lacking.join(', ')}`);
    }
  }
  for (const [key, { standing }] of rows) {
    if (standing !== 'own' && !theirs.has(key)) wrong.push(`${key} is not OpenBao's`);
  }
  assert.deepEqual(wrong, []);
});
