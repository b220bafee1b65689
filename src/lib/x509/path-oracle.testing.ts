/** Chains, each judged by us and by `openssl verify -purpose sslclient`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeAuthority, makeClient, type Made, type Wanted } from './authority.testing.ts';
import { certificationPaths } from './certification-path.ts';
import { CertificateRefused, type Check } from './refusal.ts';

export const root = await makeAuthority('CN=root');
export const inter = await makeAuthority('CN=inter', { issuer: root });

export interface Chain {
  readonly leaf: Made;
  readonly intermediates?: readonly Made[];
  readonly anchors?: readonly Made[];
}

export function ours({ leaf, intermediates = [], anchors = [root] }: Chain): 'good' | Check {
  try {
    certificationPaths({
      leaf: leaf.parsed(),
      intermediates: intermediates.map((each) => each.parsed()),
      anchors: anchors.map((each) => each.parsed()),
      now: Date.now(),
    });
    return 'good';
  } catch (error) {
    if (!(error instanceof CertificateRefused)) throw error;
    return error.check;
  }
}

function openssl({ leaf, intermediates = [], anchors = [root] }: Chain): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-path-'));
  const file = (name: string, made: readonly Made[]): string => {
    const path = join(folder, name);
    writeFileSync(path, made.map(({ pem }) => pem).join(''));
    return path;
  };
  const untrusted = intermediates.length === 0 ? [] : ['-untrusted', file('untrusted', intermediates)];
  const trusted = ['-partial_chain', '-no-CAfile', '-no-CApath', '-CAfile', file('anchors', anchors)];
  const args = ['verify', '-purpose', 'sslclient', '-auth_level', '2', ...trusted, ...untrusted, file('leaf', [leaf])];
  const { status, error } = spawnSync('openssl', args, { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  assert.equal(error, undefined);
  return status === 0;
}

/** Below an authority that `root` issued. */
export const through = async (
  authority: Partial<Wanted>,
  client: Partial<Wanted> = {},
  name = 'CN=web',
): Promise<Chain> => {
  const limited = await makeAuthority('CN=limited', { issuer: root, ...authority });
  return { leaf: await makeClient(name, limited, client), intermediates: [limited] };
};

export const named = (type: 'dns' | 'email' | 'url' | 'ip', value: string): Partial<Wanted> => ({
  names: [{ type, value }],
});
export interface Case {
  readonly name: string;
  readonly chain: () => Promise<Chain>;
  readonly verdict: 'good' | Check;
  /** Where OpenSSL decides otherwise, and why it may. */
  readonly openssl?: { readonly good: boolean; readonly why: string };
}

/** A test of each. */
export function judge(cases: readonly Case[]): void {
  for (const { name, chain, verdict, openssl: other } of cases) {
    test(name, async () => {
      const made = await chain();
      assert.equal(ours(made), verdict);
      assert.equal(openssl(made), other?.good ?? verdict === 'good', 'what openssl says');
    });
  }
}
