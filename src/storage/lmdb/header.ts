import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { fail } from '../../errors.ts';

/** Offsets in LMDB's first page, a meta page: its header takes 24 bytes (`MDB_page_header`, `MDB_meta` of mdb.c). */
const FLAGS = 18;
const MAGIC = 24;
const VERSION = 28;
const PAGE_SIZE = 48;
const HEADER_BYTES = 52;

const META_PAGE = 0x08;
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_VERSION = 2;

function readHeader(file: string): { header: Buffer; size: number } {
  const descriptor = openSync(file, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    readSync(descriptor, header, 0, HEADER_BYTES, 0);
    return { header, size: fstatSync(descriptor).size };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Refuses a file that LMDB would not open (`corrupt`, or `formatVersion` when another LMDB wrote it): lmdb-js 3.5 ends the
 * process by a segmentation fault there. A file that is absent or empty is a new one.
 */
export function checkHeader(file: string): void {
  if (!existsSync(file)) return;
  const { header, size } = readHeader(file);
  if (size === 0) return;
  // LMDB writes in the order of the machine.
  const little = endianness() === 'LE';
  const word = (at: number): number => (little ? header.readUInt32LE(at) : header.readUInt32BE(at));
  const half = (at: number): number => (little ? header.readUInt16LE(at) : header.readUInt16BE(at));
  if ((half(FLAGS) & META_PAGE) === 0 || word(MAGIC) !== LMDB_MAGIC) {
    throw fail('corrupt', `${file} is no LMDB file, or its first page is damaged: restore a snapshot`);
  }
  const version = half(little ? VERSION : VERSION + 2);
  if (version !== LMDB_VERSION) {
    throw fail('formatVersion', `${file} has LMDB's data version ${version}: this program reads ${LMDB_VERSION}`);
  }
  const pageSize = word(PAGE_SIZE);
  const isPageSize = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0;
  if (!isPageSize || size < 2 * pageSize) throw fail('corrupt', `${file} is cut or damaged: restore a snapshot`);
}
