import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { agentConfig } from './agent.ts';
import { parseHcl } from '../lib/hcl/index.ts';
import { configurationReference } from './reference.ts';
import { serverConfig } from './server.ts';

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

test('docs/configuration.md is what the schema says', () => {
  assert.equal(page, configurationReference(), 'run: npx node src/config/reference.ts > docs/configuration.md');
});

test('the examples of the page are valid, without a warning', () => {
  const [hub = '', region = '', agent = ''] = [...page.matchAll(/```hcl\n([^]*?)```/g)].map(([, text]) => text);
  assert.deepEqual(serverConfig([parseHcl(hub)], {}, {}).warnings, []);
  const asRegion = hub.replace(/hub \{[^}]*\}/, region);
  assert.equal(serverConfig([parseHcl(asRegion)], {}, {}).region?.name, 'eu');
  assert.deepEqual(agentConfig([parseHcl(agent)], {}, {}).warnings, []);
});
