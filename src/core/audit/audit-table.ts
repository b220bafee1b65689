/**
 * The audit devices of this node: those that its configuration declares, and those made through the API, which are kept
 * with the node's own records. Each has a key of its own, behind the barrier.
 */
import { rm } from 'node:fs/promises';
import { normalize } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fail } from '../../errors.ts';
import { decodeRecord, encodeRecord } from '../../lib/record.ts';
import type { Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { AuditFollowers } from '../threads.ts';
import type { AuditBroker } from './broker.ts';
import type { DeclaredDevice, DeviceSpec, FollowedDevice, KnownDevice } from './known-device.ts';
import { parseBoolean } from './options.ts';
import { openSink, parseDevice, saltOf, spoolOf, type SinkOptions } from './sink.ts';

export interface AuditTableOptions extends SinkOptions {
  readonly broker: AuditBroker;
  readonly declared: readonly DeclaredDevice[];
  /** The other threads of this node. */
  readonly followers?: AuditFollowers | undefined;
}

const MAX_PATH = 256;
/** How long the other side may take until a device of the API is enabled, or ended. */
const REACH_MS = 5_000;

export class AuditTable {
  readonly #options: AuditTableOptions;
  readonly #devices = new Map<string, KnownDevice>();
  /** Those of the table that could not be started; `reopen` tries again. */
  readonly #idle = new Set<string>();
  /** One change at a time. */
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(options: AuditTableOptions) {
    this.#options = options;
  }

  /**
   * Starts every device of the configuration and of the table. One that fails is logged and tried again by `reopen`;
   * throws `auditFailed` when there are devices and none can record, since then nothing could be served.
   */
  static async open(options: AuditTableOptions): Promise<AuditTable> {
    const table = new AuditTable(options);
    const stored = readStored(options.store);
    for (const { path, ...spec } of options.declared) table.#know({ ...spec, path: devicePath(path), declared: true });
    for (const device of stored) {
      if (table.#devices.has(device.path))
        options.warn('audit device hidden by a declared one', { device: device.path });
      else table.#know(device);
    }
    table.#checkCovered(table.list(), 'auditFailed');
    const reasons = await table.#startIdle();
    if (table.#devices.size > 0 && table.#idle.size === table.#devices.size) {
      throw fail('auditFailed', `no audit device can record, so nothing may be served: ${reasons.join('; ')}`);
    }
    return table;
  }

  /** Those that record. */
  get started(): readonly FollowedDevice[] {
    return this.list().flatMap((device) => (this.#idle.has(device.path) ? [] : [this.#followed(device)]));
  }

  #followed(device: KnownDevice): FollowedDevice {
    return { ...device, shared: this.#options.broker.sharedBy(device.path) };
  }

  list(): readonly KnownDevice[] {
    return [...this.#devices.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Throws `badRequest` and `permissionDenied` that name the option and the remedy; then nothing has changed. */
  enable(path: string, spec: DeviceSpec): Promise<void> {
    return this.#alone(async () => {
      const device = { ...spec, path: devicePath(path), declared: false };
      if (this.#devices.has(device.path)) throw fail('badRequest', `path already in use: ${device.path}`);
      await parseDevice(device, this.#options);
      this.#checkCovered([...this.list(), device], 'badRequest');
      const { store, broker, followers } = this.#options;
      const waiting = await this.#dropSpool(device);
      try {
        await this.#start(device, isSet(device, 'skip_test') ? undefined : takes);
      } catch (error) {
        // Nothing is in it but its first entry, unless a device of that path has left something before.
        if (isRemote(device) && waiting === 0) await rm(this.#spoolOf(device), { recursive: true, force: true });
        throw error;
      }
      try {
        await followers?.enable(this.#followed(device));
        await store.transact((tx) => {
          tx.put(keys.audit(device.path), encodeRecord(spec));
        });
      } catch (error) {
        await followers?.disable(device.path);
        await broker.disable(device.path);
        // Requests may have been recorded there alone.
        await this.#dropSpool(device);
        throw error;
      }
      this.#devices.set(device.path, device);
    });
  }

  /** Its key goes with it, so that a new device of that path has other hashes. Absent is no error, as in Vault. */
  disable(path: string): Promise<void> {
    return this.#alone(async () => {
      const device = this.#devices.get(devicePath(path));
      if (device === undefined) return;
      if (device.declared) {
        throw fail('badRequest', `audit device ${device.path} is declared by the configuration: remove it there`);
      }
      this.#checkCovered(this.#without(device), 'badRequest');
      await this.#options.store.transact((tx) => {
        tx.delete(keys.audit(device.path));
        tx.delete(saltOf(device.path));
      });
      await this.#remove(device);
    });
  }

  /**
   * The configuration was read anew: devices that are new in it are started, then those that are gone from it are ended.
   * One that is another now stays as it was, as in OpenBao: there is no moment without it. Where one cannot be started none
   * is ended, since it may have been meant to take its place. Never rejects; the log is told.
   */
  declare(declared: readonly DeclaredDevice[]): Promise<void> {
    return this.#alone(async () => {
      const wanted = new Map(declared.map((device) => [devicePath(device.path), device]));
      let failed = false;
      for (const [path, { path: _, ...spec }] of wanted) {
        await this.#declareOne({ ...spec, path, declared: true }).catch((error: unknown) => {
          failed = true;
          this.#options.warn('audit device not started', { device: path, reason: messageOf(error) });
        });
      }
      for (const device of this.list().filter((each) => each.declared && !wanted.has(each.path))) {
        try {
          if (failed) throw fail('badRequest', 'another one could not be started');
          this.#checkCovered(this.#without(device), 'badRequest');
          await this.#remove(device);
          this.#options.warn('audit device ended: it is gone from the configuration', { device: device.path });
        } catch (error) {
          this.#options.warn('audit device stays', { device: device.path, reason: messageOf(error) });
        }
      }
    });
  }

  async #declareOne(device: KnownDevice): Promise<void> {
    const known = this.#devices.get(device.path);
    if (known === undefined) {
      this.#checkCovered([...this.list(), device], 'badRequest');
      await this.#start(device);
      this.#devices.set(device.path, device);
      await this.#options.followers?.enable(this.#followed(device));
    } else if (!known.declared) {
      throw fail('badRequest', 'a device of that path was made through the API: disable it first');
    } else if (isDeepStrictEqual(what(known), what(device))) {
      this.#devices.set(device.path, device);
    } else {
      throw fail('badRequest', 'a device cannot be changed: declare another path, or restart');
    }
  }

  #without(device: KnownDevice): readonly KnownDevice[] {
    return this.list().filter((each) => each.path !== device.path);
  }

  async #remove(device: KnownDevice): Promise<void> {
    const { broker, followers, warn } = this.#options;
    this.#devices.delete(device.path);
    this.#idle.delete(device.path);
    await followers?.disable(device.path);
    // What the other side does not take now stays in the spool, for a device of the same path.
    if (isRemote(device)) await takes(() => broker.delivered(device.path)).catch(ignore);
    await broker.disable(device.path);
    const left = await this.#dropSpool(device);
    const folder = this.#spoolOf(device);
    if (left > 0) warn('audit entries of an ended device are not delivered', { device: device.path, folder, left });
  }

  #spoolOf({ path }: KnownDevice): string {
    return spoolOf(path, this.#options);
  }

  /** Of a device that does not run: deletes its spool, if nothing waits in it. Gives the bytes that do. */
  async #dropSpool(device: KnownDevice): Promise<number> {
    if (!isRemote(device)) return 0;
    const { dropSpool } = await import('./spool/device.ts');
    return dropSpool(this.#spoolOf(device)).catch(() => 0);
  }

  /** An entry that every filter leaves to others must be taken by one, or its request would be refused. */
  #checkCovered(devices: readonly KnownDevice[], code: 'auditFailed' | 'badRequest'): void {
    if (devices.filter((device) => isSet(device, 'fallback')).length > 1) {
      throw fail(code, 'one audit device alone can be the `fallback`');
    }
    if (devices.length === 0 || devices.some(({ options }) => (options['filter'] ?? '') === '')) return;
    throw fail(
      code,
      'every audit device has a `filter`, so some requests would not be recorded: have one with `fallback = "true"` ' +
        '(of type file with `file_path = "discard"`, if that is what you want)',
    );
  }

  /** `sys/audit-hash`. Throws `badRequest` when there is no such device. */
  hash(path: string, input: string): string {
    return this.#options.broker.hash(devicePath(path), input);
  }

  /** Resolves once a remote device has sent what was recorded before; rejects when its next try fails. */
  delivered(path: string): Promise<void> {
    return this.#options.broker.delivered(devicePath(path));
  }

  /** Lets rotated files go, and starts what could not be started before. Never rejects for a device. */
  reopen(): Promise<void> {
    return this.#alone(async () => {
      const { broker, followers } = this.#options;
      await broker.reopen();
      const idle = this.#idleDevices();
      await this.#startIdle();
      await followers?.reopen();
      for (const device of idle) if (!this.#idle.has(device.path)) await followers?.enable(this.#followed(device));
    });
  }

  #know(device: KnownDevice): void {
    this.#devices.set(device.path, device);
    this.#idle.add(device.path);
  }

  #idleDevices(): readonly KnownDevice[] {
    return this.list().filter(({ path }) => this.#idle.has(path));
  }

  /** Why some are still idle. */
  async #startIdle(): Promise<readonly string[]> {
    const reasons: string[] = [];
    for (const path of [...this.#idle]) {
      const device = this.#devices.get(path);
      if (device === undefined) continue;
      try {
        await this.#start(device);
        this.#idle.delete(path);
      } catch (error) {
        const reason = messageOf(error);
        reasons.push(`${path}: ${reason}`);
        this.#options.warn('audit device not started', { device: path, reason });
      }
    }
    return reasons;
  }

  /** Two devices on one file would tear each other's lines, and their hashes would be of two keys. */
  async #start(device: KnownDevice, proven?: typeof takes): Promise<void> {
    const file = fileOf(device);
    const other = this.list().find((each) => each.path !== device.path && file !== '' && fileOf(each) === file);
    if (other !== undefined && !this.#idle.has(other.path)) {
      throw fail('badRequest', `audit device ${other.path} writes to ${file}: name another file`);
    }
    await this.#options.broker.enable(await openSink(device, this.#options), proven);
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(work);
    this.#changing = done.then(ignore, ignore);
    return done;
  }
}

function readStored(store: Store): readonly KnownDevice[] {
  using snapshot = store.snapshot();
  return [...everyKey(snapshot, keys.audits)].flatMap((key) => {
    const record = snapshot.get(key);
    if (record === undefined) return [];
    return [{ ...decodeRecord<DeviceSpec>(record, key), path: key.slice(keys.audits.length), declared: false }];
  });
}

/** `file/` from `file`, `/file/` and the like. */
function devicePath(given: string): string {
  const path = given.replaceAll(/^\/+|\/+$/g, '');
  if (path === '' || path.length > MAX_PATH) {
    throw fail('badRequest', `an audit device needs a path of 1 to ${String(MAX_PATH)} characters, such as "file"`);
  }
  return `${path}/`;
}

/** What cannot be changed while it runs. */
const what = ({ type, options, local }: KnownDevice): unknown => ({ type, options, local });

/** Empty where it is none that is written alone. */
function fileOf({ type, options }: KnownDevice): string {
  const file = type === 'file' ? (options['file_path'] ?? options['path'] ?? '') : '';
  return file.startsWith('/') && !file.startsWith('/dev/') ? normalize(file) : '';
}

const isRemote = ({ type }: KnownDevice): boolean => type !== 'file';

const isSet = ({ options }: KnownDevice, name: string): boolean => parseBoolean(options, name, false);

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'it cannot record';
}

/** Rejects when the other side does not take what was recorded. */
async function takes(delivered: () => Promise<void>): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(reject, REACH_MS, new Error('it takes nothing')).unref();
  });
  await Promise.race([delivered(), late]);
}

function ignore(): void {}
