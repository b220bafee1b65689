import { close, constants, fdatasync, open, write } from 'node:fs';
import { promisify } from 'node:util';
import { FILE_MODE } from '../data-directory.ts';

export interface DiskFile {
  readonly path: string;
  readonly descriptor: number;
}

/** What makes bytes durable, apart from all that decides when: so that a test can stand in the disk's place. */
export interface Disk {
  /** Writes all of `bytes` at the place `at`, durably on return, into a file of `openDurable`. Rejects with the system's error. */
  write(file: DiskFile, bytes: Uint8Array, at: number): Promise<void>;
  /** Makes all that was written to the file before the call durable, its length too. Rejects with the system's error. */
  flush(file: DiskFile): Promise<void>;
}

const openFile = promisify(open);
const writeFile = promisify(write);
const flushFile = promisify(fdatasync);
const closeDescriptor = promisify(close);

/** Elsewhere a write through such a descriptor can end in the drive's own cache, which `fdatasync` empties. */
const FLUSHES_WRITES = process.platform === 'linux';

/** Opens a file, made when it is not there (mode 0600), whose every write is durable when it returns. */
export async function openDurable(path: string, flags = 0): Promise<DiskFile> {
  const { O_RDWR, O_CREAT, O_DSYNC } = constants;
  return { path, descriptor: await openFile(path, O_RDWR | O_CREAT | O_DSYNC | flags, FILE_MODE) };
}

/** Opens a file that is there, to flush what others wrote to it. */
export async function openToFlush(path: string): Promise<DiskFile> {
  return { path, descriptor: await openFile(path, constants.O_RDWR) };
}

export async function closeFile({ descriptor }: DiskFile): Promise<void> {
  await closeDescriptor(descriptor);
}

export const realDisk: Disk = {
  async write({ descriptor }, bytes, at) {
    // The system may take a part; more than one call is seldom.
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await writeFile(descriptor, bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
    if (!FLUSHES_WRITES) await flushFile(descriptor);
  },
  async flush({ descriptor }) {
    await flushFile(descriptor);
  },
};
