/** An import from its beginning to its end: what contents stand in comes before them. */
import type { Mount } from './mounts.ts';
import { settleMounts } from './mounts.ts';
import { settleAppRoles, settlePolicies, settleTokenRoles } from './definitions.ts';
import { secretsOf, type KvSecret } from './kv-tree.ts';
import { settleV1 } from './kv-v1.ts';
import { settleV2, settleV2Settings } from './kv-v2.ts';
import { scopesOf } from './namespaces.ts';
import { eachOf } from './pool.ts';
import { guarded, namesAt, readData, type Run, type Scope } from './run.ts';

export async function importAll(run: Run, root: Scope): Promise<void> {
  await noteDevices(run, root);
  await eachOf(contents(run, root), run.parallel, (secret) =>
    secret.mount.version === '2' ? settleV2(run, secret) : settleV1(run, secret),
  );
}

/** Does all that is few, and gives out the secrets, which are many. */
async function* contents(run: Run, root: Scope): AsyncGenerator<KvSecret> {
  for await (const scope of scopesOf(run, root)) {
    await settlePolicies(run, scope);
    const mounts = await settleMounts(run, scope, 'mounts');
    await settleLogins(run, scope);
    await noteIdentities(run, scope);
    for (const mount of mounts) {
      if (mount.type !== 'kv') {
        noteContents(run, scope, mount.path, mount);
        continue;
      }
      if (mount.version === '2') await settleV2Settings(run, scope, mount);
      yield* secretsOf(run, scope, mount);
    }
  }
}

async function settleLogins(run: Run, scope: Scope): Promise<void> {
  await settleTokenRoles(run, scope);
  for (const mount of await settleMounts(run, scope, 'auth')) {
    if (mount.type === 'approle') await settleAppRoles(run, scope, mount.path);
    else noteContents(run, scope, `auth/${mount.path}`, mount);
  }
}

function noteContents(run: Run, scope: Scope, path: string, { type }: Mount): void {
  const reason = `what a "${type}" holds is not copied: set it up at the target`;
  run.report.add({ kind: 'other', path: scope.path + path, outcome: 'uncopied', reason });
}

const IDENTITIES = [
  ['entities', 'identity/entity/id'],
  ['groups', 'identity/group/id'],
] as const;

async function noteIdentities(run: Run, scope: Scope): Promise<void> {
  for (const [what, list] of IDENTITIES) {
    const path = scope.path + list;
    if (!run.filter.takes(path)) continue;
    await guarded(run, { kind: 'other', path }, async () => {
      const { length } = await namesAt(scope.source, list);
      if (length === 0) return;
      run.report.add({
        kind: 'other',
        path,
        outcome: 'uncopied',
        reason: `${String(length)} ${what} are not copied yet`,
      });
    });
  }
}

async function noteDevices(run: Run, scope: Scope): Promise<void> {
  const path = `${scope.path}sys/audit`;
  // Only the root namespace has some.
  if ((scope.source.settings.namespace ?? '') !== '' || !run.filter.takes(path)) return;
  await guarded(run, { kind: 'other', path }, async () => {
    const { length } = Object.keys((await readData(scope.source, 'sys/audit')) ?? {});
    if (length === 0) return;
    const reason = `${String(length)} audit devices are not copied: declare them in the target's configuration`;
    run.report.add({ kind: 'other', path, outcome: 'uncopied', reason });
  });
}
