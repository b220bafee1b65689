/** The audit of a node, put together: devices, what they record, and what the request path calls. */
import type { Writable } from 'node:stream';
import type { Store } from '../../storage/store.ts';
import { NodeConfig } from '../node-config.ts';
import type { NodeMetrics } from '../metrics/node-metrics.ts';
import type { AuditFollowers } from '../threads.ts';
import { brokerTrail, type FindToken } from './access-trail.ts';
import { AuditTable } from './audit-table.ts';
import type { DeclaredDevice } from './known-device.ts';
import { AuditBroker, type BrokerOptions } from './broker.ts';
import type { DeviceSettings } from './sink.ts';
import type { AuditTrail } from './trail.ts';

/** What the configuration says about the audit. */
export interface AuditSettings extends DeviceSettings {
  readonly declared: readonly DeclaredDevice[];
}

export interface Auditing extends AsyncDisposable {
  readonly trail: AuditTrail;
  readonly devices: AuditTable;
}

/** `find`: a token by itself, once there are any. */
export type OpenAudit = (store: Store, find: FindToken) => Promise<Auditing>;

export interface AuditingOptions extends Pick<BrokerOptions, 'now' | 'warn'> {
  readonly metrics: NodeMetrics;
  readonly settings: AuditSettings;
  readonly stdout: Writable;
  readonly find: FindToken;
  /** The other threads of this node. */
  readonly followers?: AuditFollowers | undefined;
}

/** Without any device yet. */
export function openBroker({ now, warn, metrics }: Pick<AuditingOptions, 'now' | 'warn' | 'metrics'>): AuditBroker {
  return new AuditBroker({
    ...{ now, warn, monotonic: () => performance.now() },
    report: (event) => {
      metrics.audit(event);
    },
    settled: (event) => {
      metrics.audit({ device: '', ...event });
    },
  });
}

/** Throws `auditFailed` when there are devices and none can record. */
export async function openAuditing(store: Store, options: AuditingOptions): Promise<Auditing> {
  const { settings, stdout, warn, find, followers } = options;
  const broker = openBroker(options);
  try {
    const devices = await AuditTable.open({
      ...{ store, broker, ...settings, stdout, warn, followers },
      deliveries: (path, lag) => options.metrics.deliveries(path, lag),
    });
    const config = new NodeConfig(store);
    return {
      trail: brokerTrail(broker, () => config.auditedHeaders, find),
      devices,
      [Symbol.asyncDispose]: async () => {
        config[Symbol.dispose]();
        await broker[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
}
