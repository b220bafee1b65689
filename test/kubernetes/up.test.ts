/** `lockstep up -kubernetes`: the whole product on one machine, with two real control planes. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { run } from '../clients/support/run.ts';
import { controlPlane, withoutControlPlane } from './support/binaries.ts';

const executable = join(import.meta.dirname, '../../bin/lockstep');
const skip = await withoutControlPlane();

test('without the programs of a control plane it says how to come by them, and starts nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-up-'));
  try {
    for (const given of [{}, { KUBEBUILDER_ASSETS: folder }]) {
      const env = { PATH: process.env['PATH'], TMPDIR: folder, ...given };
      const { code, stdout, stderr } = await run(executable, ['up', '-kubernetes'], { env });
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /KUBEBUILDER_ASSETS.*setup-envtest.*npm run up -- --kubernetes/);
      assert.deepEqual(readdirSync(folder), []);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test(
  'a secret written at the hub is in Secrets of two clusters, and new ones come while the hub is gone',
  { skip },
  async (t) => {
    const { etcd } = await controlPlane();
    const env = { PATH: process.env['PATH'], KUBEBUILDER_ASSETS: dirname(etcd) };
    const { code, stdout, stderr } = await run(executable, ['up', '-kubernetes', '-check'], { env });
    for (const line of stdout.split('\n')) t.diagnostic(line);
    assert.equal(code, 0, stdout + stderr);
    for (const said of [
      /^write to Secret in both clusters: /m,
      /^hub killed: a new ExternalSecret in each cluster has its Secret/m,
      /acknowledged by .*(consumer external-secrets:shop\.region:[^,]+, ){2}/,
      /^all is so$/m,
    ])
      assert.match(stdout, said);
  },
);
