import { openbao, startOpenBao } from '../support/openbao.ts';
import { devServer } from '../support/server.ts';
import { areas } from './areas/index.ts';
import { differences } from './compare.ts';
import { Draw } from './draw.ts';
import { normalised } from './normalise.ts';
import { replay, type Replayed } from './replay.ts';
const [only, count = '600', seed = '1'] = process.argv.slice(2);
await using bao = await startOpenBao((await openbao()) ?? '');
await using own = await devServer().catch((e: unknown) => {
  throw e;
});
const draw = new Draw(Number(seed));
const chosen = Object.entries(areas)
  .filter(([name]) => only === 'all' || only === name)
  .map(([, a]) => a);
const steps = Object.values(areas).flatMap((a) => a.before);
for (let at = 0; at < Number(count); at++) for (const a of chosen) steps.push(a.step(draw));
const [theirs, ours] = await Promise.all([replay(bao.address, steps), replay(own.address, steps)]);
const norm = ({ answers, kept }: Replayed) =>
  answers.map(({ reply }) => ({ status: reply.status, body: normalised(reply.body, kept) }));
const [t, o] = [norm(theirs), norm(ours)];
const found = new Map<string, { n: number; eg: string }>();
let same = 0;
steps.forEach((step, at) => {
  const ds = differences(t[at]!, o[at]!);
  if (ds.length === 0) same++;
  for (const d of ds) {
    const tpl = step.path
      .replace(/\?.*/, '')
      .replace(/^(kv[12](?:\/(?:data|metadata|subkeys|delete|undelete|destroy))?|cubbyhole)\/.+/, '$1/K')
      .replace(/(role|roles|mounts|acl|policy)\/[^/]+/, '$1/X');
    if (d.at === 'body.mount_type') continue;
    const key = `${step.method} ${tpl} :: ${d.at}${d.at === 'status' ? ` ${t[at]!.status}/${o[at]!.status}` : ''}`;
    const had = found.get(key);
    if (had) had.n++;
    else
      found.set(key, {
        n: 1,
        eg: `    ${JSON.stringify(step.body)} tok=${step.token ?? 'root'} ${step.path}\n    T ${d.at === 'status' ? JSON.stringify(theirs.answers[at]!.reply).slice(0, 300) : d.theirs}\n    O ${d.at === 'status' ? JSON.stringify(ours.answers[at]!.reply).slice(0, 300) : d.ours}`,
      });
  }
});
for (const [key, { n, eg }] of [...found].sort()) console.log(`${key}  ×${n}\n${eg}`);
console.log(same, 'same of', steps.length);
