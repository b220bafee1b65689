/** What a kind of audit device is: its options, and how it is opened with them. */
import type { Writable } from 'node:stream';
import type { AuditDevice } from '../device.ts';
import type { DevicePermissions, FormatOptions, RawOptions } from '../options.ts';
import type { SpoolContext } from '../spool/device.ts';

export interface OpenContext {
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
  readonly stdout: Writable;
  /** `AuditDevice.shared` of the same device on another thread. */
  readonly shared?: SharedArrayBuffer | undefined;
  /** Of a remote device. */
  readonly spool: Pick<SpoolContext, 'folder' | 'limit' | 'meter' | 'cipher'>;
}

export interface ParsedDevice {
  readonly format: FormatOptions;
  /** Throws `badRequest` when it cannot be opened. */
  readonly open: (context: OpenContext) => Promise<AuditDevice>;
}

/** Throws `badRequest` that names the option, `permissionDenied` for what only the configuration may ask for. */
export type ParseDevice = (options: RawOptions, permissions: DevicePermissions) => ParsedDevice;
