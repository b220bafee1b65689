import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** This build's version, as in its package.json, which lies at the same distance from src/lib and dist/lib. */
export const version: string = readVersion();

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  return (manifest as { readonly version: string }).version;
}
