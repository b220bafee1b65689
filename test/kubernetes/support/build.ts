/** Fills the cache, so that the suite finds its programs: minutes on a machine that never built them, else nothing. */
import { controlPlane, withoutControlPlane } from './binaries.ts';
import { builtHelm, withoutHelm } from './helm.ts';

const reason = await withoutControlPlane();
if (reason === false) await controlPlane();
else console.log(`nothing is built: ${reason}`);

const unbuilt = await withoutHelm();
if (unbuilt === false) await builtHelm();
else console.log(`helm is not built: ${unbuilt}`);
