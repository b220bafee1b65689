import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../errors.ts';
import { HclError, limits, parseHcl, type Body } from '../lib/hcl/index.ts';

/**
 * Reads configuration files in the order given. A directory stands for its `*.hcl` and `*.json` files, by name, without
 * subdirectories and editors' leftovers. Throws `invalidConfig` naming the file, and for HCL the line and column.
 */
export function readDocuments(paths: readonly string[]): readonly Body[] {
  return paths.flatMap((path) => filesOf(path).map(readDocument));
}

function filesOf(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && isDocumentName(entry.name))
      .map(({ name }) => name);
    if (names.length === 0) throw fail('invalidConfig', `${path} holds no .hcl or .json file`);
    // By code unit, so that the order is the same under every locale.
    return names.toSorted((a, b) => (a < b ? -1 : 1)).map((name) => join(path, name));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function isDocumentName(name: string): boolean {
  return /\.(hcl|json)$/.test(name) && !name.startsWith('.') && !name.startsWith('#');
}

function readDocument(path: string): Body {
  try {
    return parseHcl(readText(path), path);
  } catch (error) {
    if (error instanceof HclError) throw fail('invalidConfig', error.message, { cause: error });
    throw unreadable(path, error);
  }
}

function readText(path: string): string {
  const file = openSync(path, 'r');
  try {
    // The parser checks the size too, but of what has been read already.
    if (fstatSync(file).size > limits.size) throw fail('invalidConfig', `${path} is larger than ${limits.size} bytes`);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } finally {
    closeSync(file);
  }
}

function unreadable(path: string, error: unknown): Error {
  if (!(error instanceof Error)) return fail('invalidConfig', `cannot read ${path}`);
  if (error instanceof TypeError) return fail('invalidConfig', `${path} is not text in UTF-8`);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
  };
  if (code === 'invalidConfig') return error;
  return fail('invalidConfig', `cannot read ${path}: ${(code && reasons[code]) ?? code ?? 'it cannot be opened'}`);
}
