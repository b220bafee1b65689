/**
 * What an idle node holds: `npm run bench:memory`. A hub over LMDB with a file audit device, unsealed and then with
 * 1,000 secrets written and read, after a collection; anonymous memory, and beside it what maps files. Asserts nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { megabytes, memoryOf } from './measure/process.ts';
import { makeCertificate } from './servers/certificate.ts';
import { startLockstep } from './servers/lockstep.ts';
import { fill, mount, unsealed } from './servers/prepare.ts';
import { keyOf, perSet } from './servers/secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-idle-'));

/** A collection on demand: by a module that the server itself knows nothing of. */
const collect = 'data:text/javascript,process.on("SIGUSR2",()=>{gc();gc()})';
const flags = ['--expose-gc', '--disable-sigusr1', '--max-semi-space-size=8', '--import', collect];

async function measure(): Promise<void> {
  await using server = await startLockstep({ folder, ...(await makeCertificate(folder)) }, { flags });
  const { program, urls } = server;
  const root = await unsealed(urls.http);
  const say = async (what: string): Promise<void> => {
    program.signal('SIGUSR2');
    await root.read('sys/health');
    const { anonymous, file } = memoryOf(program.pid);
    console.log(`hub, ${what}, after a collection: RssAnon ${megabytes(anonymous)} MB, RssFile ${megabytes(file)} MB`);
  };
  await say('unsealed');
  await mount(root);
  await fill(root, 'read');
  for (let at = 0; at < perSet; at += 1) await root.read(`secret/data/${keyOf('read', at)}`);
  await say(`${perSet.toLocaleString('en')} secrets written and read`);
  root.close();
}

try {
  await measure();
} finally {
  rmSync(folder, { recursive: true });
}
