/** The seal that the configuration names; each kind is loaded only when it is configured. */
import { readFileSync } from 'node:fs';
import type { KeyMaterial, SealConfig, StaticKey, StorageConfig, TransitConfig } from '../config/server.ts';
import { fail } from '../errors.ts';
import type { Logger } from '../lib/log.ts';
import { Secret } from '../lib/secret.ts';
import type { Seal } from '../seal/seal.ts';

export async function openSeal(config: SealConfig, storage: StorageConfig, log: Logger): Promise<Seal> {
  if (config.type === 'shamir') {
    const { shamirSeal } = await import('../seal/shamir/seal.ts');
    return shamirSeal();
  }
  if (config.type === 'transit') return openTransit(config, log);
  const { openStaticSeal } = await import('../seal/static/seal.ts');
  const { current, previous } = config;
  return openStaticSeal(
    {
      current_key_id: current.id,
      current_key: keySource(current),
      ...(previous === undefined ? {} : { previous_key_id: previous.id, previous_key: keySource(previous) }),
    },
    // Variables are read by the configuration already.
    { env: () => undefined, ...(storage.type === 'lmdb' ? { dataDirectory: storage.path } : {}) },
  );
}

const keySource = ({ key }: StaticKey): string => (key.from === 'file' ? `file://${key.path}` : key.value.expose());

async function openTransit(config: TransitConfig, log: Logger): Promise<Seal> {
  const { openTransitSeal } = await import('../seal/transit/seal.ts');
  return openTransitSeal({
    address: config.address,
    token: tokenOf(config.token),
    keyName: config.key_name,
    mountPath: config.mount_path,
    namespace: config.namespace,
    disableRenewal: config.disable_renewal,
    ca: textOf('tls_ca_cert', config.tls_ca_cert),
    cert: textOf('tls_client_cert', config.tls_client_cert),
    key: textOf('tls_client_key', config.tls_client_key),
    serverName: config.tls_server_name,
    skipVerify: config.tls_skip_verify,
    warn: (message) => {
      log.warn('the seal', { reason: message });
    },
  });
}

function tokenOf(token: KeyMaterial): Secret<string> {
  return token.from === 'value' ? token.value : new Secret((textOf('token', token.path) ?? '').trim());
}

function textOf(name: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw fail('invalidConfig', `seal "transit": ${name}: the file ${path} cannot be read (${reason})`);
  }
}
