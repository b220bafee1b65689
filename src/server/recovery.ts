/** `lockstep server -recovery`: the storage and its seal alone, to mend records by hand (`core/recovery`). */
import { join } from 'node:path';
import type { ServerConfig } from '../config/server.ts';
import { openBroker } from '../core/audit/auditing.ts';
import type { AuditBroker } from '../core/audit/broker.ts';
import type { KnownDevice } from '../core/audit/known-device.ts';
import { openSink, type SinkOptions } from '../core/audit/sink.ts';
import { NodeMetrics } from '../core/metrics/node-metrics.ts';
import { RecoveryNode } from '../core/recovery/recovery-node.ts';
import { fail, isLockstepError } from '../errors.ts';
import type { Logger } from '../lib/log.ts';
import { writePidFile } from '../lib/program/pid-file.ts';
import type { Store } from '../storage/store.ts';
import { recoveryTokenPaths } from '../sys/path-generate-root.ts';
import { rawPaths } from '../sys/path-raw.ts';
import { prepareAcme } from './acme/listeners.ts';
import { auditSettings, lifecycleOf, openStore, type Logging } from './compose.ts';
import { listenerSettings } from './from-config.ts';
import { serve } from './http.ts';
import type { ListenerSettings } from './listener.ts';
import { openSeals } from './open-seal.ts';

/** Beside the data: there whatever the configuration says, and on the same disk as what is changed. */
const AUDIT_FILE = 'recovery-audit.log';

/** The first that serves the whole API, as the peers do: what is about the node is not for one namespace. */
function listenerOf(config: ServerConfig): ListenerSettings {
  const found = config.listener
    .map(listenerSettings)
    .find(({ chroot, metrics }) => chroot === undefined && metrics !== 'only');
  if (found === undefined) throw fail('invalidConfig', 'recovery mode needs a listener that serves the whole API');
  return found;
}

/** The configuration's own files too, so that a log that is collected tells of it; what of them fails is said. */
async function openAudit(config: ServerConfig, path: string, store: Store, log: Logger): Promise<AuditBroker> {
  const { warn } = log;
  const using: SinkOptions = { ...auditSettings(config), store, stdout: process.stdout, warn };
  const broker = openBroker({ now: Date.now, warn, metrics: new NodeMetrics() });
  const enable = async (device: KnownDevice): Promise<void> => broker.enable(await openSink(device, using));
  const about = { type: 'file', description: '', local: true, declared: true };
  try {
    await enable({ ...about, path: 'recovery-mode/', options: { file_path: path, sync: 'true' } });
    for (const device of config.audit.filter(({ type }) => type === 'file')) {
      await enable({ ...device, path: `${device.path.replace(/\/$/, '')}/`, declared: true }).catch(
        (error: unknown) => {
          const reason = isLockstepError(error) ? error.message : 'unknown';
          warn('audit device not opened in recovery mode', { device: device.path, reason });
        },
      );
    }
    return broker;
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
}

/** Serves until `ended`. Throws `invalidConfig` where nothing is kept, `storeInUse` beside a node that runs, `notInitialized`. */
export async function serveRecovery(config: ServerConfig, { log }: Logging, ended: Promise<void>): Promise<void> {
  const { storage } = config;
  if (storage.type !== 'lmdb') throw fail('invalidConfig', 'recovery mode is for storage "lmdb": nothing else is kept');
  const listener = listenerOf(config);
  using seals = await openSeals(config.seal, storage, log.named('seal'));
  await using store = await openStore(storage);
  using lifecycle = lifecycleOf(config, store, seals);
  if (!lifecycle.initialized) throw fail('notInitialized', `there is nothing to recover in ${storage.path}`);
  await prepareAcme(config.listener);
  await using node = new RecoveryNode({
    ...{ lifecycle, log, now: Date.now, region: config.region !== undefined },
    paths: [...recoveryTokenPaths, ...rawPaths],
    openAudit: (opened) => openAudit(config, join(storage.path, AUDIT_FILE), opened, log.named('audit')),
  });
  await using serving = closing(await serve({ handler: node, listeners: [listener], log }));
  using _pid = writePidFile(config.pid_file);
  const reload = (): void => {
    void Promise.all([serving.reload(), node.reload()]);
  };
  process.on('SIGHUP', reload);
  log.warn('recovery mode: nothing is served but records, to the holders of the shares', { path: storage.path });
  process.stdout.write('==> Lockstep server started in recovery mode! Log data will stream in below:\n\n');
  await ended;
  process.off('SIGHUP', reload);
}

function closing<T extends { close: () => Promise<void> }>(serving: T): T & AsyncDisposable {
  return { ...serving, [Symbol.asyncDispose]: serving.close };
}
