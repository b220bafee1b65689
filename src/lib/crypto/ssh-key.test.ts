import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { newSshKeyPair, type SshKeyKind } from './ssh-key.ts';

const kinds: readonly (readonly [SshKeyKind, string, number])[] = [
  [{ type: 'rsa', bits: 2048 }, 'ssh-rsa', 2048],
  [{ type: 'ecdsa', bits: 256 }, 'ecdsa-sha2-nistp256', 256],
  [{ type: 'ecdsa', bits: 384 }, 'ecdsa-sha2-nistp384', 384],
  [{ type: 'ecdsa', bits: 521 }, 'ecdsa-sha2-nistp521', 521],
  [{ type: 'ed25519' }, 'ssh-ed25519', 256],
];

function withoutOpenSsh(): string | undefined {
  try {
    execFileSync('ssh-keygen', ['-?'], { stdio: 'ignore' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'there is no ssh-keygen on this machine';
  }
  return undefined;
}

for (const [kind, name, bits] of kinds) {
  test(`OpenSSH takes a key of ${name}, and finds the same public half in it`, { skip: withoutOpenSsh() }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-ssh-'));
    try {
      const file = join(folder, 'key');
      // Several, so that each length of the padding and each sign of a number comes up.
      for (const comment of ['', 'a', 'ab', 'abc', 'deploy@shop', 'abcdef', 'abcdefg', 'abcdefgh']) {
        const { privateKey, publicKey } = await newSshKeyPair(kind, comment);
        writeFileSync(file, privateKey, { mode: 0o600 });
        const found = execFileSync('ssh-keygen', ['-y', '-P', '', '-f', file], { encoding: 'utf8' });
        assert.equal(found, publicKey);
        assert.equal(publicKey, `${name} ${publicKey.split(' ')[1]?.trim()}${comment === '' ? '' : ` ${comment}`}\n`);
        writeFileSync(file, publicKey);
        assert.match(
          execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' }),
          new RegExp(`^${String(bits)} `),
        );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
