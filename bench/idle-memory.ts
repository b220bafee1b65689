/**
 * What an idle node holds: `npm run bench:memory`. A hub on one thread over LMDB with a file audit device, unsealed and then with
 * 1,000 secrets written and read, after collections; anonymous memory, and beside it what maps files. Asserts nothing.
 */
import { megabytes } from './measure/process.ts';
import { MeasuredNode } from './servers/measured-node.ts';
import { fill, mount } from './servers/prepare.ts';
import { keyOf, perSet } from './servers/secrets.ts';

await using node = await MeasuredNode.start();
const { root } = node;

async function say(what: string): Promise<void> {
  const { anonymous, file } = await node.memory();
  console.log(`hub, ${what}, after collections: RssAnon ${megabytes(anonymous)} MB, RssFile ${megabytes(file)} MB`);
}

await say('unsealed');
await mount(root);
await fill(root, 'read');
for (let at = 0; at < perSet; at += 1) await root.read(`secret/data/${keyOf('read', at)}`);
await say(`${perSet.toLocaleString('en')} secrets written and read`);
