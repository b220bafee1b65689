/** The `file` device: a file, standard output, or nowhere. */
import type { Writable } from 'node:stream';
import { fail } from '../../../../errors.ts';
import type { AuditDevice } from '../../device.ts';
import { MAX_WAITING_BYTES, openLogFile } from './log-file.ts';
import type { FileOptions } from './options.ts';
import { Turn } from './turn.ts';

export interface FileContext {
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
  readonly stdout: Writable;
  /** `AuditDevice.shared` of the same device on another thread. */
  readonly shared?: SharedArrayBuffer | undefined;
}

/** Throws `badRequest` naming the path when it cannot be opened. */
export function openFileDevice(options: FileOptions, context: FileContext): Promise<AuditDevice> {
  if (options.path === 'discard') return Promise.resolve(streamDevice(undefined));
  if (options.path === 'stdout') return Promise.resolve(streamDevice(context.stdout));
  const { path, mode, sync } = options;
  return openLogFile({ path, mode, sync, warn: context.warn, turn: new Turn(context.shared) });
}

/** A stream keeps the order itself; without one, lines are thrown away. The stream is not ours to close. */
function streamDevice(stream: Writable | undefined): AuditDevice {
  let closed = false;
  return {
    type: 'file',
    durable: false,
    record: (...lines) => {
      if (closed) return Promise.reject(fail('auditFailed', 'the audit device is closed'));
      if (stream === undefined) return Promise.resolve();
      if (stream.writableLength > MAX_WAITING_BYTES) {
        return Promise.reject(fail('auditFailed', 'standard output does not take writes fast enough'));
      }
      return new Promise((resolve, reject) => {
        stream.write(lines.join(''), (error) => {
          if (error === null || error === undefined) resolve();
          else reject(fail('auditFailed', 'standard output takes no audit entries', { cause: error }));
        });
      });
    },
    reopen: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}
