/** `lockstep server -dev`: in memory, initialised, unsealed, with `secret/` as KV version 2. */
import { ask } from './local-request.ts';
import type { DevConfig } from '../config/server.ts';
import type { Node } from '../core/node.ts';

export interface Development {
  readonly unsealKey: string;
  readonly rootToken: string;
}

export async function initializeDevelopment(node: Node, config: DevConfig): Promise<Development> {
  const made = await node.initialize({ secretShares: 1, secretThreshold: 1 });
  const unsealKey = made.unsealShares.base64[0] ?? '';
  await node.unseal(Buffer.from(unsealKey, 'base64'));
  let rootToken = made.rootToken;
  const wanted = config.root_token_id?.expose();
  if (wanted !== undefined && wanted !== '') {
    await node.developmentToken(wanted);
    await ask(node, { verb: 'update', path: 'auth/token/revoke-orphan', token: wanted, body: { token: rootToken } });
    rootToken = wanted;
  }
  const mount = { type: 'kv', options: { version: '2' }, description: 'key/value secret storage' };
  await ask(node, { verb: 'update', path: 'sys/mounts/secret', token: rootToken, body: mount });
  return { unsealKey, rootToken };
}

interface Reached {
  readonly address: string;
  /** The file of who issued its certificate; undefined without TLS. */
  readonly authority: string | undefined;
}

/** The lines that scripts look for, as Vault's development server prints them. */
export function developmentBanner({ unsealKey, rootToken }: Development, { address, authority }: Reached): string {
  return `WARNING! dev mode is enabled! Everything is kept in memory and lost at the end; one key
unseals this node, and it is unsealed already.

You may need to set the following environment variables:

    $ export VAULT_ADDR='${address}'
    $ export VAULT_TOKEN='${rootToken}'${authority === undefined ? '' : `\n    $ export VAULT_CACERT='${authority}'`}

The unseal key and root token are displayed below in case you want to
seal/unseal the node or re-authenticate.

Unseal Key: ${unsealKey}
Root Token: ${rootToken}

Development mode should NOT be used in production installations!

`;
}
