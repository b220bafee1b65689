/** The seals that the configuration names; each kind is loaded only when it is configured. */
import { readFileSync } from 'node:fs';
import type { AwsKmsConfig, KeyMaterial, SealConfig, StaticConfig, StaticKey, TransitConfig } from '../config/seals.ts';
import type { StorageConfig } from '../config/server.ts';
import { fail, isLockstepError } from '../errors.ts';
import { errorCode } from '../lib/error-code.ts';
import type { Logger } from '../lib/log.ts';
import { Secret } from '../lib/secret.ts';
import type { Seal } from '../seal/seal.ts';
import { Seals, type ConfiguredSeal } from '../seal/seals.ts';

/** Throws what is wrong with a seal when no enabled one could be set up; with others beside it, it is told and left out. */
export async function openSeals(configs: readonly SealConfig[], storage: StorageConfig, log: Logger): Promise<Seals> {
  const problems: unknown[] = [];
  const configured = await Promise.all(
    configs.map(async (config): Promise<ConfiguredSeal> => {
      const { name, type, priority, disabled } = config;
      try {
        return { name, type, priority, disabled, seal: await openSeal(config, storage, log) };
      } catch (error) {
        if (!isLockstepError(error)) throw error;
        problems.push(error);
        return { name, type, priority, disabled, seal: { problem: error.message } };
      }
    }),
  );
  if (problems.length > 0 && configured.every(({ disabled, seal }) => disabled || 'problem' in seal)) throw problems[0];
  return new Seals(configured, { log });
}

export async function openSeal(config: SealConfig, storage: StorageConfig, log: Logger): Promise<Seal> {
  switch (config.type) {
    case 'shamir': {
      const { shamirSeal } = await import('../seal/shamir/seal.ts');
      return shamirSeal();
    }
    case 'transit':
      return openTransit(config, log);
    case 'awskms':
      return openAwsKms(config, log);
    case 'static':
      return openStatic(config, storage);
  }
}

async function openStatic({ current, previous }: StaticConfig, storage: StorageConfig): Promise<Seal> {
  const { openStaticSeal } = await import('../seal/static/seal.ts');
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

async function openAwsKms(config: AwsKmsConfig, log: Logger): Promise<Seal> {
  const { openAwsKmsSeal } = await import('../seal/awskms/seal.ts');
  const { credentials } = config;
  return openAwsKmsSeal({
    keyId: config.kms_key_id,
    region: config.region,
    endpoint: config.endpoint,
    credentials: credentials && {
      accessKeyId: textIn('access_key', credentials.access_key),
      secretAccessKey: textIn('secret_key', credentials.secret_key),
      sessionToken: credentials.session_token && textIn('session_token', credentials.session_token),
    },
    warn: (message) => {
      log.warn('the seal', { reason: message });
    },
  });
}

const keySource = ({ key }: StaticKey): string => (key.from === 'file' ? `file://${key.path}` : key.value.expose());

async function openTransit(config: TransitConfig, log: Logger): Promise<Seal> {
  const { openTransitSeal } = await import('../seal/transit/seal.ts');
  return openTransitSeal({
    address: config.address,
    token: textIn('token', config.token),
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

function textIn(name: string, material: KeyMaterial): Secret<string> {
  return material.from === 'value' ? material.value : new Secret((textOf(name, material.path) ?? '').trim());
}

function textOf(name: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fail('invalidConfig', `seal: ${name}: the file ${path} cannot be read (${errorCode(error)})`);
  }
}
