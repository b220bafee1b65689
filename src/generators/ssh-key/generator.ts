import { newSshKeyPair, type SshKeyKind } from '../../lib/crypto/ssh-key.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Generator } from '../contract.ts';

export interface SshKeyConfig {
  readonly keyType?: 'rsa' | 'ecdsa' | 'ed25519';
  /** Bits: of rsa 2048 to 8192, default 2048; of ecdsa 256, 384 or 521, default 256; of ed25519 none. */
  readonly keySize?: number;
  readonly comment?: string;
}

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

function kindOf({ keyType = 'rsa', keySize }: SshKeyConfig): SshKeyKind {
  if (keyType === 'ed25519') return { type: keyType };
  if (keyType === 'ecdsa') {
    const bits = ([256, 384, 521] as const).find((each) => each === (keySize ?? 256));
    if (bits === undefined) throw invalid('keySize of ecdsa is 256, 384 or 521');
    return { type: keyType, bits };
  }
  const bits = keySize ?? 2048;
  // NIST SP 800-57 below; above, one key takes a core for many seconds.
  if (bits < 2048 || bits > 8192) throw invalid('keySize of rsa is from 2048 to 8192');
  return { type: keyType, bits };
}

/** The comment ends a line of authorized_keys: with a line end of its own it would be two. */
function commentOf({ comment = '' }: SshKeyConfig): string {
  if (/\p{Cc}/u.test(comment) || comment.length > 256)
    throw invalid('comment is one line, without control characters, of at most 256 characters');
  return comment;
}

/** `privateKey` and `publicKey`, as OpenSSH has them. */
export const sshKey: Generator<SshKeyConfig> = {
  kind: 'SSHKey',
  generate: async (config) => {
    const { privateKey, publicKey } = await newSshKeyPair(kindOf(config), commentOf(config));
    return {
      values: new Map([
        ['privateKey', Buffer.from(privateKey, 'ascii')],
        ['publicKey', Buffer.from(publicKey, 'utf8')],
      ]),
    };
  },
};
