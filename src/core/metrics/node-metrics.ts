/** What a node counts and measures on the way of its requests, under Vault's names where Vault has the thing. */
import { Metrics, type Counter } from '../../lib/metrics/metrics.ts';
import type { Timing } from '../../lib/metrics/timing.ts';
import type { AuditEvent } from '../audit/broker.ts';
import type { Lag } from '../audit/sink.ts';
import type { DeliveryMeter } from '../audit/spool/courier.ts';
import type { Mounted } from '../mounts/mount-table.ts';

export interface BarrierMeter {
  readonly get: Timing;
  readonly list: Timing;
  readonly put: Timing;
  readonly delete: Timing;
  readonly commit: Timing;
}

export interface TokenMeter {
  readonly lookup: Timing;
  readonly create: Timing;
  readonly revoke: Timing;
}

export interface PolicyMeter {
  readonly get: Timing;
  readonly set: Timing;
  readonly delete: Timing;
  readonly list: Timing;
}

interface AuditMeter {
  readonly done: Timing;
  readonly failed: Counter;
}

export class NodeMetrics {
  readonly all = new Metrics();
  readonly barrier: BarrierMeter;
  readonly tokens: TokenMeter;
  readonly policies: PolicyMeter;
  /** By request. */
  readonly seal: { readonly unseal: Timing; readonly seal: Timing };
  readonly rateLimitViolations: Counter;
  readonly #requests: Timing;
  readonly #logins: Timing;
  readonly #routes = new WeakMap<Mounted, Map<string, Timing>>();
  /** By entry and device. */
  readonly #audit: Readonly<Record<AuditEvent['entry'], Map<string, AuditMeter>>> = {
    request: new Map(),
    response: new Map(),
    alarm: new Map(),
  };
  #inFlight = 0;
  #reads = 0;

  constructor() {
    const { all } = this;
    const timed = (name: string, help: string): Timing => all.timing(`vault.${name}`, `${help}, milliseconds.`);
    this.#requests = timed('core.handle_request', 'Requests');
    this.#logins = timed('core.handle_login_request', 'Requests on paths that need no token, such as logins');
    this.tokens = {
      lookup: timed('token.lookup', 'Finding a token'),
      create: timed('token.create', 'Making a token'),
      revoke: timed('token.revoke', 'Revoking a token with its children'),
    };
    this.barrier = {
      get: timed('barrier.get', 'Reading and decrypting a record'),
      list: timed('barrier.list', 'Listing keys'),
      put: timed('barrier.put', 'Encrypting a record into a transaction'),
      delete: timed('barrier.delete', 'Deleting a record in a transaction'),
      commit: all.timing('lockstep.store.commit', 'Transactions, until they are on disk and shown, milliseconds.'),
    };
    this.policies = {
      get: timed('policy.get_policy', 'Reading a policy through the API'),
      set: timed('policy.set_policy', 'Writing a policy'),
      delete: timed('policy.delete_policy', 'Deleting a policy'),
      list: timed('policy.list_policies', 'Listing policies'),
    };
    this.seal = {
      unseal: timed('core.unseal', 'Taking a share; with the last one, all that is opened'),
      seal: timed('core.seal-with-request', 'Sealing by request'),
    };
    this.rateLimitViolations = all.counter(
      'vault.quota.rate_limit.violation',
      'Requests refused by a rate limit quota.',
    );
    all.gauge('vault.core.in_flight_requests', 'Requests that are being served.', () => this.#inFlight);
  }

  /** Requests that this thread serves just now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Requests that this thread has served. */
  get requests(): number {
    return this.#requests.count + this.#logins.count;
  }

  /** Those of them that changed nothing. */
  get reads(): number {
    return this.#reads;
  }

  onlyReads(): void {
    this.#reads += 1;
  }

  begin(): number {
    this.#inFlight += 1;
    return performance.now();
  }

  /** `start`: what `begin` gave. */
  end(start: number, login: boolean): void {
    this.#inFlight -= 1;
    (login ? this.#logins : this.#requests).record(start, performance.now());
  }

  /** Also of what fails. */
  async timed<T>(timing: Timing, work: () => T | Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      timing.record(start, performance.now());
    }
  }

  /** The time of handlers, by operation and mount. */
  route(mounted: Mounted, operation: string): Timing {
    let known = this.#routes.get(mounted);
    if (known === undefined) this.#routes.set(mounted, (known = new Map<string, Timing>()));
    let timing = known.get(operation);
    if (timing === undefined) {
      const name = `vault.route.${operation}.${mounted.path.replaceAll('/', '-')}`;
      timing = this.all.timing(name, 'Handlers of one mount, milliseconds.');
      known.set(operation, timing);
    }
    return timing;
  }

  audit({ device, entry, failed, milliseconds }: AuditEvent): void {
    const meter = this.#auditMeter(device, entry);
    if (failed) meter.failed.add();
    const end = performance.now();
    meter.done.record(end - milliseconds, end);
  }

  /** Of a remote audit device: what is delivered, and what waits for it. */
  deliveries(device: string, { bytes, milliseconds }: Lag): DeliveryMeter {
    const of = `lockstep.audit.${device.replace(/\/$/, '')}`;
    this.all.gauge(`${of}.waiting_bytes`, 'Bytes of the audit spool that are not delivered.', bytes);
    this.all.gauge(`${of}.lag_seconds`, 'Seconds for which something has waited.', () => milliseconds() / 1_000);
    const delivered = this.all.counter(`${of}.delivered`, 'Entries that the remote side took.');
    const failed = this.all.counter(`${of}.delivery_failure`, 'Tries that failed; nothing is lost by one.');
    return {
      delivered: (entries) => {
        delivered.add(entries);
      },
      failed: () => {
        failed.add();
      },
    };
  }

  #auditMeter(device: string, entry: AuditEvent['entry']): AuditMeter {
    const known = this.#audit[entry].get(device);
    if (known !== undefined) return known;
    const of = device === '' ? 'audit' : `audit.${device.replace(/\/$/, '')}`;
    const whose = device === '' ? 'All devices together' : 'One device';
    const meter = {
      done: this.all.timing(`vault.${of}.log_${entry}`, `${whose}: entries, milliseconds.`),
      failed: this.all.counter(`vault.${of}.log_${entry}_failure`, `${whose}: entries that could not be recorded.`),
    };
    this.#audit[entry].set(device, meter);
    return meter;
  }
}
