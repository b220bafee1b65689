/** What a subscriber may know, by today's policies and as long as its token lives. */
import type { JsonObject } from '../../framework/field.ts';
import { needsSudo } from '../../framework/path.ts';
import type { MountTable } from '../mounts/mount-table.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { isBuiltIn } from '../mounts/mount.ts';
import { isAllowedOutright, type Acl, type Decision } from '../policy/index.ts';
import type { PolicyStore } from '../policy/policy-store.ts';
import { holderOf } from '../tokens/token.ts';
import type { TokenStore } from '../tokens/token-store.ts';
import { textOf, type Pattern } from './patterns.ts';
import type { Told, Wants } from './subscription.ts';

const BOTH = ['subscribe', 'read'] as const;

export interface RightsOptions {
  readonly namespaces: NamespaceTable;
  readonly mounts: MountTable;
  readonly policies: PolicyStore;
  readonly tokens: TokenStore;
}

export class Rights {
  readonly #options: RightsOptions;

  constructor(options: RightsOptions) {
    this.#options = options;
  }

  #acl(tokenKey: string): Acl | undefined {
    const { tokens, policies } = this.#options;
    const token = tokens.byKey(tokenKey);
    if (token === undefined || this.#isLocked(token.namespace)) return undefined;
    return policies.acl(holderOf(token));
  }

  /** A token knows of nothing above its namespace or beside it, whatever its policies say. */
  #isBelowHome(tokenKey: string, path: string): boolean {
    const { tokens, namespaces } = this.#options;
    const home = namespaces.byId(tokens.byKey(tokenKey)?.namespace ?? '');
    return home !== undefined && path.startsWith(home.path);
  }

  /** Who comes from a namespace that is locked is told nothing: neither would a request of its be served. */
  #isLocked(id: string): boolean {
    const { namespaces } = this.#options;
    const namespace = namespaces.byId(id);
    return namespace !== undefined && namespaces.refusal(namespace, '') !== undefined;
  }

  /** `subscribe` and `read` on the path under which the data is read. */
  permits(tokenKey: string, path: string, eventType?: string): boolean {
    return this.#decides(tokenKey, path, eventType)?.allowed === true;
  }

  /** The same of an event: what is read with `sudo` alone is told with it alone. */
  permitsEvent(tokenKey: string, { path, change, mounted }: Pick<Told, 'path' | 'change' | 'mounted'>): boolean {
    const decision = this.#decides(tokenKey, path, change.type);
    if (decision?.allowed !== true) return false;
    if (decision.sudo || !isBuiltIn(mounted.record)) return true;
    return !needsSudo(mounted.router.match(change.dataPath)?.path.access);
  }

  #decides(tokenKey: string, path: string, eventType: string | undefined): Decision | undefined {
    const acl = this.#acl(tokenKey);
    if (acl === undefined || this.#isInLocked(path) || !this.#isBelowHome(tokenKey, path)) return undefined;
    const read = acl.allows('read', path);
    // What needs an approval cannot be waited for here.
    const granted = isAllowedOutright(acl.allows('subscribe', path, { eventType })) && isAllowedOutright(read);
    return granted ? read : undefined;
  }

  #isInLocked(path: string): boolean {
    const { namespaces } = this.#options;
    if (namespaces.size === 0) return false;
    const placed = namespaces.place('', path);
    return namespaces.refusal(placed.namespace, placed.path) !== undefined;
  }

  /** A path that is named must be allowed; of a prefix something must be in reach, and each event is decided by itself. */
  mayWatch({ dialect, patterns, namespace }: Wants, tokenKey: string): boolean {
    const acl = this.#acl(tokenKey);
    const { namespaces } = this.#options;
    // One that is gone, also if another one has its path now.
    if (acl === undefined || namespaces.byId(namespace.id) === undefined) return false;
    if (namespaces.refusal(namespace, '') !== undefined) return false;
    return acl.root || dialect === 'vault' || patterns.every((pattern) => mayName(acl, pattern, BOTH));
  }

  /** Whether anything is granted below a mount's path, where the token may know of anything at all. */
  reaches(tokenKey: string, path: string): boolean {
    if (this.#isInLocked(path) || !this.#isBelowHome(tokenKey, path)) return false;
    return this.#acl(tokenKey)?.reaches(path) ?? false;
  }

  /** What a read of the path answers; undefined where that cannot be told. */
  dataAt(path: string, version: number | undefined): JsonObject | undefined {
    const { namespaces, mounts } = this.#options;
    const placed = namespaces.place('', path);
    const routed = mounts.route(placed.namespace.id, placed.path);
    if (routed === undefined) return undefined;
    const { plugin, instance } = routed.mounted;
    return plugin.dataAt?.(instance, routed.rest, version);
  }
}

/** Whether these operations are allowed on the path, or anything at all below the prefix. */
export function mayName(acl: Acl, pattern: Pattern, operations: readonly ('read' | 'subscribe')[]): boolean {
  const text = textOf(pattern);
  return (
    (pattern.prefix && acl.reaches(pattern.path)) ||
    operations.every((each) => isAllowedOutright(acl.allows(each, text)))
  );
}
