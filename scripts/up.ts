/**
 * `npm run up`: `lockstep up` of this checkout. For `--kubernetes` it builds the programs of a control plane first, once, unless
 * `KUBEBUILDER_ASSETS` names them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { controlPlane, withoutControlPlane } from '../test/kubernetes/support/binaries.ts';

const argv = process.argv.slice(2);
const asked = argv.some((arg) => /^--?kubernetes$/.test(arg));

/** Where they are; undefined: `lockstep up` says what is missing. */
async function assets(): Promise<string | undefined> {
  const given = process.env['KUBEBUILDER_ASSETS'];
  if (!asked || (given !== undefined && given !== '')) return given;
  if ((await withoutControlPlane()) !== false) return undefined;
  console.log('building a Kubernetes control plane with Go, unless that was done before (minutes, 2 GB, once)');
  return dirname((await controlPlane()).etcd);
}

const folder = await assets();
const up = spawn(join(import.meta.dirname, '../bin/lockstep'), ['up', ...argv], {
  stdio: 'inherit',
  env: { ...process.env, ...(folder === undefined ? {} : { KUBEBUILDER_ASSETS: folder }) },
});
// Ctrl-C reaches the whole process group by itself: here it is only outlived, so that the fleet ends in order.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => up.kill(signal));
const [code] = (await once(up, 'exit')) as [number | null];
process.exitCode = code ?? 1;
