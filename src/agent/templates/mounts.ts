/** Where a secret of KV version 2 lies: templates may leave out the `data/` or `metadata/` of its path, as in consul-template. */
import type { Question } from '../source.ts';
import type { Lookup } from '../target.ts';

const probeOf = (path: string): Question => ({ kind: 'read', path: `sys/internal/ui/mounts/${path}`, optional: true });

interface Mount {
  /** With its slash at the end. */
  readonly path: string;
  readonly isVersion2: boolean;
}

function mountOf(data: Readonly<Record<string, unknown>>, namespace: string): Mount | undefined {
  const { path, options } = data;
  if (typeof path !== 'string') return undefined;
  const before = namespace === '' ? '' : `${namespace}/`;
  const own = path.startsWith(before) ? path.slice(before.length) : path;
  const version = typeof options === 'object' && options !== null && 'version' in options ? options.version : undefined;
  return { path: own.endsWith('/') ? own : `${own}/`, isVersion2: version === '2' };
}

/** Finds out, for one rendering, what the paths of templates mean. One question serves a mount. */
export class Mounts {
  readonly #lookup: Lookup;
  readonly #namespace: string;
  readonly #found: Mount[] = [];
  /** First segments of what has been asked and not been answered. */
  readonly #asking = new Set<string>();

  constructor(lookup: Lookup, namespace: string) {
    this.#lookup = lookup;
    this.#namespace = namespace;
  }

  isVersioned(path: string): boolean {
    return this.#found.some((mount) => mount.isVersion2 && `${path}/`.startsWith(mount.path));
  }

  /** The path of the API; undefined while it is not known. `need` is told what has to be asked. */
  resolve(path: string, folder: 'data' | 'metadata', need: (question: Question) => void): string | undefined {
    const known = this.#found.find((mount) => `${path}/`.startsWith(mount.path));
    if (known !== undefined) return within(known, path, folder);
    const [first = ''] = path.split('/');
    if (this.#asking.has(first)) return undefined;
    const probe = probeOf(path);
    need(probe);
    const answer = this.#lookup(probe.path);
    if (answer === undefined) {
      this.#asking.add(first);
      return undefined;
    }
    const mount = answer === 'absent' ? undefined : mountOf(answer.data, this.#namespace);
    if (mount === undefined || !`${path}/`.startsWith(mount.path)) return path;
    this.#found.push(mount);
    return within(mount, path, folder);
  }
}

/** With `folder` behind the mount, unless one of the API's stands there. */
function within({ path: mount, isVersion2 }: Mount, path: string, folder: 'data' | 'metadata'): string {
  if (!isVersion2) return path;
  const rest = path.slice(mount.length);
  if (rest === '') return mount + folder;
  const folders = folder === 'data' ? ['data/', 'metadata/', 'subkeys/'] : ['metadata/'];
  return folders.some((each) => `${rest}/`.startsWith(each)) ? path : `${mount}${folder}/${rest}`;
}
