/** Remote devices for tests, each with a spool of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { anything } from '../../../../test/support/audit.ts';
import type { AuditDevice } from '../device.ts';
import type { OpenContext } from '../devices/kind.ts';
import { kindOf } from '../devices/kinds.ts';
import type { SpoolCipher } from './cipher.ts';

export const root = mkdtempSync(join(tmpdir(), 'lockstep-spool-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});
let made = 0;
export const newPath = (): string => join(root, `s${String((made += 1))}`);

interface Spool {
  readonly folder?: string;
  readonly limit?: number;
  readonly shared?: SharedArrayBuffer | undefined;
  readonly warnings?: string[];
  readonly cipher?: SpoolCipher;
}

export type Options = Readonly<Record<string, string>>;

export async function open(type: string, options: Options, spool: Spool = {}): Promise<AuditDevice> {
  const { folder = newPath(), limit = 1024 ** 3, shared, warnings = [], cipher } = spool;
  const meter = { delivered: () => undefined, failed: () => undefined };
  const context: OpenContext = {
    warn: (message, { reason = '' }) => warnings.push(`${message} ${String(reason)}`),
    stdout: process.stdout,
    shared,
    spool: { folder, limit, cipher, meter: () => meter },
  };
  const parse = await kindOf(type);
  return parse(options, anything).open(context);
}

export const tcp = (port: number): Options => ({ address: `127.0.0.1:${String(port)}` });
export const entry = (n: number, more: string = ''): string => `{"n":${String(n)}${more}}\n`;
export const numbersOf = (lines: readonly string[]): readonly number[] =>
  lines.map((line) => (JSON.parse(line) as { readonly n: number }).n);
export const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);
