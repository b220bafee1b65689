import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cliReference } from './reference.ts';

test('docs/cli.md is what the table of commands says', async () => {
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
  assert.ok(page === (await cliReference()), 'run: npx node src/cli/reference.ts > docs/cli.md');
});
