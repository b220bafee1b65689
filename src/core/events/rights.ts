/** What a subscriber may know, by today's policies and as long as its token lives. */
import type { JsonObject } from '../../framework/field.ts';
import type { MountTable } from '../mounts/mount-table.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { isAllowedOutright, type Acl } from '../policy/index.ts';
import type { PolicyStore } from '../policy/policy-store.ts';
import { holderOf } from '../tokens/token.ts';
import type { TokenStore } from '../tokens/token-store.ts';
import { textOf, type Pattern } from './patterns.ts';
import type { Wants } from './subscription.ts';

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

  /** Who comes from a namespace that is locked is told nothing: neither would a request of its be served. */
  #isLocked(id: string): boolean {
    const { namespaces } = this.#options;
    const namespace = namespaces.byId(id);
    return namespace !== undefined && namespaces.refusal(namespace, '') !== undefined;
  }

  /** `subscribe` and `read` on the path under which the data is read. */
  permits(tokenKey: string, path: string, eventType?: string): boolean {
    const acl = this.#acl(tokenKey);
    if (acl === undefined || this.#isInLocked(path)) return false;
    // What needs an approval cannot be waited for here.
    return (
      isAllowedOutright(acl.allows('subscribe', path, { eventType })) && isAllowedOutright(acl.allows('read', path))
    );
  }

  #isInLocked(path: string): boolean {
    const { namespaces } = this.#options;
    if (namespaces.size === 0) return false;
    const placed = namespaces.place('', path);
    return namespaces.refusal(placed.namespace, placed.path) !== undefined;
  }

  /** A path that is named must be allowed; of a prefix something must be in reach, and each event is decided by itself. */
  mayWatch({ dialect, patterns }: Wants, tokenKey: string): boolean {
    const acl = this.#acl(tokenKey);
    if (acl === undefined) return false;
    return acl.root || dialect === 'vault' || patterns.every((pattern) => mayName(acl, pattern, BOTH));
  }

  /** Whether anything is granted below a mount's path. */
  reaches(tokenKey: string, path: string): boolean {
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
