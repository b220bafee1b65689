import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { providers } from './providers.ts';

/** Packages that are loaded once `code` has run, in a process of its own. */
function loadedBy(code: string): readonly string[] {
  const from = JSON.stringify(join(import.meta.dirname, 'providers.ts'));
  const script = `
    import { createRequire } from 'node:module';
    const { providers } = await import(${from});
    ${code}
    const paths = Object.keys(createRequire(${from}).cache);
    console.log(JSON.stringify(paths.flatMap((path) => path.match(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/)?.[1] ?? [])));`;
  const text = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  return JSON.parse(text) as readonly string[];
}

const heavy = (packages: readonly string[]): readonly string[] =>
  [...new Set(packages)].filter((each) => /^@aws-sdk\/|^@smithy\/|^json-p3$/.test(each)).toSorted();

test('libraries of a provider are loaded when it first asks, not before', () => {
  const connected = `
    const credentials = {
      store: { kind: 'ClusterSecretStore', name: 'x', namespace: undefined },
      secret: async () => 'x',
    };
    const ref = { name: 'x', key: 'x' };
    const auth = { secretRef: { accessKeyIDSecretRef: ref, secretAccessKeySecretRef: ref } };
    const aws = providers.get('aws').connect({ service: 'ParameterStore', region: 'eu-central-1', auth, role: 'x' }, credentials);
    providers.get('webhook').connect({ url: 'http://127.0.0.1:1' }, credentials);`;
  assert.deepEqual(heavy(loadedBy('')), []);
  assert.deepEqual(heavy(loadedBy(connected)), []);
  const asked = `${connected}
    await aws.read({ key: 'x' }, AbortSignal.timeout(1)).catch(() => undefined);
    await import('@aws-sdk/client-ssm');`;
  const loaded = heavy(loadedBy(asked));
  assert.ok(
    loaded.includes('@aws-sdk/client-ssm') && !loaded.includes('@aws-sdk/client-secrets-manager'),
    String(loaded),
  );
});

test('each provider is known by the name that it gives itself, and openBao as vault', () => {
  for (const [name, { type }] of providers) assert.equal(type, name === 'openBao' ? 'vault' : name);
});
