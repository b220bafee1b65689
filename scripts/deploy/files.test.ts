import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deployFiles } from './files.ts';

test('chart and manifests are what the code generates: `npx node scripts/deploy.ts` writes them', () => {
  for (const [path, text] of Object.entries(deployFiles()))
    assert.equal(readFileSync(join(import.meta.dirname, '../..', path), 'utf8'), text, path);
});
