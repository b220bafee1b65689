/**
 * The mounts of this node: a cache of the mount records, with each plug-in opened and its paths compiled. It follows the
 * change batches, so a mount that arrives from the hub comes up as one made here does.
 */
import { isLockstepError } from '../../errors.ts';
import type { AnyPlugin, MountView } from '../../framework/plugin.ts';
import { compileRouter, type Router } from '../../framework/router.ts';
import { hmacSha256Base64Url, takeKey } from '../../lib/crypto/hash.ts';
import { decodeRecord } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Batch, Snapshot, Store } from '../../storage/store.ts';
import { keys, namespacesReread, ROOT_NAMESPACE, type KeyClass } from '../keys.ts';
import type { NamespaceRecord } from '../namespaces/namespace.ts';
import type { PluginRegistry } from '../registry-contract.ts';
import { stageable } from '../requests/staged.ts';
import { allowedFile } from './allowed-file.ts';
import { compartment, type CompartmentOptions } from './compartment.ts';
import { KeptRecords } from './kept-records.ts';
import { builtInOf } from './mount-changes.ts';
import { idIn } from './mount-id.ts';
import { fullPath, isBuiltIn, requestPath, type MountConfig, type MountRecord } from './mount.ts';

export interface Mounted {
  readonly record: MountRecord;
  /** The id of its namespace. */
  readonly namespace: string;
  /** Below its namespace: `secret/`, `auth/approle/`. */
  readonly path: string;
  /** From the root namespace on: `team/secret/`. */
  readonly fullPath: string;
  readonly plugin: AnyPlugin;
  readonly instance: unknown;
  readonly router: Router<unknown>;
}

export interface Routed {
  readonly mounted: Mounted;
  /** The path below the mount. */
  readonly rest: string;
}

export interface MountTableOptions {
  readonly store: Store;
  readonly registry: PluginRegistry;
  readonly region: string;
  /** Whether shared data may be written on this node. */
  readonly hub: boolean;
  readonly ttl: (config: MountConfig) => { readonly default: number; readonly max: number };
  /** Files and folders that mounts may read; absent: none. */
  readonly readable?: readonly string[];
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

const MOUNT_KEY = /^[sl]\/([^/]+)\/mounts\/([^/]+)$/;

/** The record without which nothing of the mount may be written: its own, or of a built-in one its namespace's. */
function presence(namespace: string, record: MountRecord): Pick<CompartmentOptions, 'mount' | 'moving'> {
  if (!isBuiltIn(record)) {
    return { mount: keys.mount('s', namespace, record.uuid), moving: keys.mountMove(record.uuid) };
  }
  return namespace === ROOT_NAMESPACE ? {} : { mount: keys.namespace(namespace) };
}

export class MountTable implements Disposable {
  readonly #options: MountTableOptions;
  readonly #shared: Store;
  readonly #kept: KeptRecords;
  /** By namespace and request path. */
  readonly #byPath = new Map<string, Mounted>();
  readonly #byUuid = new Map<string, Mounted>();
  /** Those of plug-ins with work that is due by time, as `#byUuid`. */
  readonly #tended = new Map<string, Mounted>();
  /** By type and options, which alone decide over them: each namespace has the same few mounts. */
  readonly #routers = new Map<string, Router<unknown>>();
  readonly #observation: Disposable;

  constructor(options: MountTableOptions) {
    this.#options = options;
    this.#shared = stageable(options.store);
    this.#kept = new KeptRecords(options.store);
    using snapshot = options.store.snapshot();
    this.#load(snapshot, ROOT_NAMESPACE);
    for (const key of everyKey(snapshot, keys.namespaces)) {
      this.#applyNamespace(key, snapshot.get(key));
      this.#load(snapshot, key.slice(keys.namespaces.length));
    }
    this.#observation = options.store.observe((batch) => {
      this.#follow(batch);
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#kept[Symbol.dispose]();
  }

  /** The mount with the longest path that begins `path`; undefined when none does. */
  route(namespace: string, path: string): Routed | undefined {
    let at = path.lastIndexOf('/');
    if (!path.endsWith('/')) {
      // `LIST secret` reaches the mount `secret/`.
      const whole = this.#byPath.get(`${namespace}|${path}/`);
      if (whole !== undefined) return { mounted: whole, rest: '' };
    }
    for (; at >= 0; at = path.lastIndexOf('/', at - 1)) {
      const mounted = this.#byPath.get(`${namespace}|${path.slice(0, at + 1)}`);
      if (mounted !== undefined) return { mounted, rest: path.slice(at + 1) };
      if (at === 0) break;
    }
    return undefined;
  }

  at(namespace: string, path: string): Mounted | undefined {
    return this.#byPath.get(`${namespace}|${path}`);
  }

  byUuid(uuid: string): Mounted | undefined {
    return this.#byUuid.get(uuid);
  }

  /** As `Plugin.tend`, of all mounts. */
  tend(now: number): void {
    for (const { plugin, instance } of this.#tended.values()) plugin.tend?.(instance, now);
  }

  /** In the order of their paths. */
  all(namespace: string): readonly Mounted[] {
    return [...this.#byUuid.values()]
      .filter((mounted) => mounted.namespace === namespace)
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Of all namespaces. */
  *everywhere(): Generator<Mounted> {
    yield* this.#byUuid.values();
  }

  /** Of a namespace that is sealed nothing but what is built in. */
  #load(snapshot: Snapshot, namespace: string): void {
    try {
      for (const cls of ['l', 's'] as const) {
        for (const key of everyKey(snapshot, keys.mounts(cls, namespace))) this.#apply(key, snapshot.get(key));
      }
    } catch (error) {
      if (!isLockstepError(error, 'namespaceSealed')) throw error;
    }
  }

  /** What is open goes with all that it has read. */
  #loadAnew(namespaces: ReadonlySet<string>): void {
    using snapshot = this.#options.store.snapshot();
    for (const namespace of namespaces) {
      for (const mounted of this.#byUuid.values()) if (mounted.namespace === namespace) this.#close(mounted);
      this.#applyNamespace(keys.namespace(namespace), snapshot.get(keys.namespace(namespace)));
      this.#load(snapshot, namespace);
    }
  }

  #follow(batch: Batch): void {
    if (batch.reread !== undefined) this.#loadAnew(namespacesReread(batch));
    for (const write of batch.writes) {
      if (MOUNT_KEY.test(write.key)) this.#apply(write.key, write.value);
      else if (write.key.startsWith(keys.namespaces)) this.#applyNamespace(write.key, write.value);
    }
  }

  /** A namespace comes with its built-in mounts, and takes all of its mounts with it. */
  #applyNamespace(key: string, value: Uint8Array | undefined): void {
    const namespace = key.slice(keys.namespaces.length);
    const there = [...this.#byUuid.values()].filter((mounted) => mounted.namespace === namespace);
    if (value === undefined) {
      for (const mounted of there) this.#close(mounted);
      return;
    }
    for (const record of builtInOf(decodeRecord<NamespaceRecord>(value, key))) {
      if (!there.some((mounted) => mounted.record.uuid === record.uuid)) this.#add(namespace, record);
    }
  }

  #close({ namespace, path, record }: Mounted): void {
    this.#byUuid.delete(idIn(namespace, record.uuid));
    this.#tended.delete(idIn(namespace, record.uuid));
    this.#byPath.delete(`${namespace}|${path}`);
  }

  #apply(key: string, value: Uint8Array | undefined): void {
    const [, namespace = '', uuid = ''] = MOUNT_KEY.exec(key) ?? [];
    const known = this.#byUuid.get(idIn(namespace, uuid));
    if (known !== undefined) this.#close(known);
    const record = value === undefined ? undefined : decodeRecord<MountRecord>(value, key);
    if (record !== undefined && record.moving !== true) this.#add(namespace, record);
  }

  #add(namespace: string, record: MountRecord): void {
    const mounted = this.#open(namespace, record);
    if (mounted === undefined) return;
    this.#byUuid.set(idIn(namespace, record.uuid), mounted);
    if (mounted.plugin.tend !== undefined) this.#tended.set(idIn(namespace, record.uuid), mounted);
    this.#byPath.set(`${namespace}|${mounted.path}`, mounted);
  }

  #open(namespace: string, record: MountRecord): Mounted | undefined {
    const { registry, warn } = this.#options;
    const table = record.table === 'auth' ? registry.auth : registry.engines;
    const plugin = table[record.type];
    const path = requestPath(record);
    if (plugin === undefined) {
      warn('mount has a type that this version does not know: it answers no request', { path, type: record.type });
      return undefined;
    }
    const view = this.#view(namespace, record);
    return {
      ...{ record, namespace, path, plugin, fullPath: fullPath(record) },
      instance: plugin.open(view),
      router: this.#router(record, plugin),
    };
  }

  #router({ table, type, options }: MountRecord, plugin: AnyPlugin): Router<unknown> {
    const key = JSON.stringify([table, type, options]);
    const known = this.#routers.get(key);
    if (known !== undefined) return known;
    const made = compileRouter(plugin.paths({ options: options ?? {} }));
    this.#routers.set(key, made);
    return made;
  }

  #view(namespace: string, record: MountRecord): MountView {
    const { store, hub, region, ttl, readable = [] } = this.#options;
    const kept = this.#kept;
    const key = takeKey(Buffer.from(record.salt, 'base64'));
    const area = (cls: KeyClass): Pick<CompartmentOptions, 'prefix' | 'mount' | 'moving'> => ({
      prefix: keys.data(cls, namespace, record.uuid),
      ...presence(namespace, record),
    });
    return {
      uuid: record.uuid,
      accessor: record.accessor,
      options: record.options ?? {},
      region,
      shared: compartment({ store: this.#shared, kept, ...area('s'), writable: hub }),
      local: compartment({ store, kept, ...area('l'), writable: true }),
      ttl: () => ttl(record.config),
      file: (path, most) => allowedFile(path, { allowed: readable, most }),
      hmac: (text) => hmacSha256Base64Url(key, text),
    };
  }
}
