/** Where a wrapping key comes from. A key beside its ciphertext protects nothing, so some places are refused. */
import type { KeyObject } from 'node:crypto';
import { constants, open, realpath, type FileHandle } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

import { fail, isLockstepError } from '../../errors.ts';
import { takeKey } from '../../lib/crypto/hash.ts';
import { parseKeyText } from '../key-text.ts';
import { KEY_BYTES } from '../keyring.ts';
import { errorCode } from '../../lib/error-code.ts';

/** What the configuration hands in, since it alone reads the environment. */
export interface Surroundings {
  readonly env: (name: string) => string | undefined;
  /** Where the store lies; absent for a store in memory or elsewhere. */
  readonly dataDirectory?: string | undefined;
}

/** Hex with a line end is 65 or 66 bytes; what is longer by far is not read at all. */
const MAX_FILE_BYTES = 1024;

/** `name` is the parameter, for messages; they never hold the value. Throws `invalidConfig`. */
export async function readKey(name: string, source: string | undefined, around: Surroundings): Promise<KeyObject> {
  if (source === undefined || source === '') throw invalid(`${name} is missing`);
  if (source.startsWith('file://')) return fromFile(name, source.slice('file://'.length), around);
  if (!source.startsWith('env://')) return fromText(name, 'its value', source);
  const variable = source.slice('env://'.length);
  const value = around.env(variable);
  if (value === undefined || value === '') throw invalid(`${name}: the environment variable ${variable} is not set`);
  return fromText(name, `the environment variable ${variable}`, value);
}

function fromText(name: string, where: string, text: string): KeyObject {
  const bytes = parseKeyText(text);
  if (bytes?.length !== KEY_BYTES) {
    bytes?.fill(0);
    throw invalid(`${name}: ${where} must be ${KEY_BYTES} bytes in base64 or hex`);
  }
  return takeKey(bytes);
}

async function fromFile(name: string, path: string, around: Surroundings): Promise<KeyObject> {
  let file: FileHandle;
  try {
    // Without O_NONBLOCK a named pipe would hold the start up until somebody writes into it.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw invalid(`${name}: the file ${path} cannot be opened (${errorCode(error)})`, error);
  }
  try {
    await checkPlace(name, path, file, around.dataDirectory);
    return await keyIn(name, path, file);
  } finally {
    await file.close();
  }
}

async function checkPlace(name: string, path: string, file: FileHandle, directory?: string): Promise<void> {
  const stat = await file.stat();
  if (!stat.isFile()) throw invalid(`${name}: ${path} is not a regular file`);
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
    throw invalid(`${name}: the file ${path} is open to its group or to others (mode ${mode}): chmod 0400 it`);
  }
  if (directory !== undefined && (await isInside(path, directory))) {
    throw invalid(`${name}: the file ${path} lies in the data directory, beside what it protects: keep it elsewhere`);
  }
}

/** By real paths, so that no symbolic link hides where the key lies. */
async function isInside(path: string, directory: string): Promise<boolean> {
  const real = await realpath(directory).catch(() => resolve(directory));
  const way = relative(real, await realpath(path));
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function keyIn(name: string, path: string, file: FileHandle): Promise<KeyObject> {
  const buffer = Buffer.alloc(MAX_FILE_BYTES); // too large for V8 to move
  try {
    const { bytesRead } = await file.read(buffer, 0, MAX_FILE_BYTES, 0);
    const content = buffer.subarray(0, bytesRead);
    return bytesRead === KEY_BYTES ? takeKey(content) : fromText(name, `the file ${path}`, content.toString('latin1'));
  } catch (error) {
    throw isLockstepError(error)
      ? error
      : invalid(`${name}: the file ${path} cannot be read (${errorCode(error)})`, error);
  } finally {
    buffer.fill(0);
  }
}

function invalid(what: string, cause?: unknown): Error {
  return fail('invalidConfig', `seal "static": ${what}`, cause === undefined ? undefined : { cause });
}
