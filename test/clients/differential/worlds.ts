/** Pairs of servers that the same requests are given to, and OpenBao's binary, which one of each pair is. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openbao, startOpenBao } from '../support/openbao.ts';
import { devServer, newServer, type TestServer } from '../support/server.ts';
import { storedServers, withoutTokens, type Running } from '../support/stored-servers.ts';

export interface World {
  readonly theirs: () => Promise<Running>;
  readonly ours: () => Promise<TestServer>;
}

export const binary = await openbao();

/** OpenBao on its raft storage, with `seal` as its configuration has it; gone with its folder. */
async function storedBao(seal: string = ''): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-world-'));
  const running = await storedServers(binary ?? '').OpenBao(folder, seal);
  return {
    address: running.address,
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A key of its own for each server, in a file of its own. */
function staticSeal(): { readonly current_key_id: string; readonly current_key: string } {
  const file = join(mkdtempSync(join(tmpdir(), 'lockstep-key-')), 'static.key');
  writeFileSync(file, randomBytes(32), { mode: 0o600 });
  return { current_key_id: 'one', current_key: `file://${file}` };
}

export const worlds = {
  /** Unsealed, with the root token `root`. */
  dev: { theirs: () => startOpenBao(binary ?? ''), ours: () => devServer() },
  /** Not initialised yet; its listeners serve rekeying and root tokens without a token too. */
  shares: { theirs: () => storedBao(), ours: () => newServer(withoutTokens) },
  /** The same, unsealed by a key in a file, with recovery keys. */
  recovery: {
    theirs: () => {
      const { current_key_id: id, current_key: key } = staticSeal();
      return storedBao(`seal "static" {\n  current_key_id = "${id}"\n  current_key = "${key}"\n}\n`);
    },
    ours: () => newServer(withoutTokens, { seal: [{ static: staticSeal() }] }),
  },
} satisfies Readonly<Record<string, World>>;
