/** The names of all secrets of a mount, folder by folder. */
import type { Mount } from './mounts.ts';
import { usableNames } from './names.ts';
import { guarded, namesAt, type Run, type Scope } from './run.ts';

export interface KvSecret {
  readonly scope: Scope;
  readonly mount: Mount;
  /** Below the mount. */
  readonly name: string;
}

export async function* secretsOf(run: Run, scope: Scope, mount: Mount): AsyncGenerator<KvSecret> {
  const list = mount.path + (mount.version === '2' ? 'metadata/' : '');
  // Depth first without recursion: trees are as deep as somebody has made them.
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const names = await namesIn(run, { scope, list, folder });
    const inner = names.filter((name) => name.endsWith('/')).map((name) => folder + name);
    folders.push(...inner.filter((name) => run.filter.reaches(scope.path + mount.path + name)).toReversed());
    for (const name of names) {
      if (name.endsWith('/') || !run.filter.takes(scope.path + mount.path + folder + name)) continue;
      yield { scope, mount, name: folder + name };
    }
  }
}

/** None where the source refuses them: that ends this folder, not the import. */
async function namesIn(
  run: Run,
  { scope, list, folder }: { readonly scope: Scope; readonly list: string; readonly folder: string },
): Promise<readonly string[]> {
  const path = list + folder;
  let names: readonly string[] = [];
  const about = { kind: 'other', path: scope.path + path } as const;
  await guarded(run, about, async () => {
    names = usableNames(run, { kind: 'other', folder: about.path }, await namesAt(scope.source, path));
  });
  return names;
}
