/** Fills the cache, so that the suite finds its programs: minutes on a machine that never built them, else nothing. */
import { spire, withoutSpire } from './binaries.ts';

const reason = await withoutSpire();
if (reason === false) await spire();
else console.log(`nothing is built: ${reason}`);
