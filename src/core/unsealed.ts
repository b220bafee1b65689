/** Brings up, from an unsealed store, everything that requests are served with. */
import { fail } from '../errors.ts';
import type { Outcome } from '../framework/request.ts';
import type { Logger } from '../lib/log.ts';
import type { Store } from '../storage/store.ts';
import type { KeyObject } from '../lib/crypto/hash.ts';
import type { OpenAudit } from './audit/auditing.ts';
import type { AuditTrail } from './audit/trail.ts';
import type { HubLink, ReadingLink } from './cluster.ts';
import { ControlGroups } from './control/control-groups.ts';
import { Consumers } from './consumers/consumers.ts';
import { Subscriptions } from './events/subscriptions.ts';
import { Freshness } from './freshness.ts';
import { LeaseExpiry } from './leases/lease-expiry.ts';
import { leaseMeter } from './leases/lease-meter.ts';
import { Lockout } from './lockout/lockout.ts';
import { Leases } from './leases/leases.ts';
import { Identities } from './identity/identities.ts';
import { LoginMfa } from './mfa/login-mfa.ts';
import { MeteredStore } from './metrics/metered-store.ts';
import type { NodeMetrics } from './metrics/node-metrics.ts';
import { MountChanges } from './mounts/mount-changes.ts';
import { MountMoves } from './mounts/mount-moves.ts';
import { MountTable } from './mounts/mount-table.ts';
import type { MountConfig } from './mounts/mount.ts';
import { NamespaceChanges } from './namespaces/namespace-changes.ts';
import { NamespaceTable } from './namespaces/namespace-table.ts';
import type { SealableStore } from './namespaces/sealable-store.ts';
import { NodeConfig } from './node-config.ts';
import { PolicyStore } from './policy/policy-store.ts';
import { LeaseCountQuotas } from './quotas/lease-count.ts';
import { Quotas } from './quotas/quotas.ts';
import type { SharedWindows } from '../lib/threads/shared-windows.ts';
import type { PluginRegistry } from './registry-contract.ts';
import type { Access } from './requests/access.ts';
import type { SnapshotSource } from './requests/from-snapshot.ts';
import type { RequestServices, Services } from './services.ts';
import type { ReadingThreads } from './threads.ts';
import { openNamespaceSeals } from './namespaces/waking.ts';
import { nodeKeys, TOKEN_KEYS } from './seed.ts';
import type { CoreSettings } from './settings.ts';
import { BATCH_TOKENS } from './tokens/batch-tokens.ts';
import { Revocation } from './tokens/revocation.ts';
import { TokenStore } from './tokens/token-store.ts';
import { Wrapping } from './wrapping/wrapping.ts';

export interface UnsealOptions {
  readonly store: Store;
  /** What `store` measures: values of namespaces with a seal of their own are encrypted there. */
  readonly sealable: SealableStore;
  readonly threads: ReadingThreads | undefined;
  readonly registry: PluginRegistry;
  readonly settings: CoreSettings;
  readonly log: Logger;
  readonly now: () => number;
  readonly audit: OpenAudit;
  readonly metrics: NodeMetrics;
  /** Where all threads of this process count what quotas bound. */
  readonly windows: SharedWindows;
  /** At a region: its link to the hub, once it is open. */
  readonly link: () => HubLink | undefined;
  readonly snapshotSource: () => SnapshotSource | undefined;
}

export type Unsealed = Services & AsyncDisposable;

const smallest = (a: number, b: number): number => (a === 0 ? b : Math.min(a, b));

export function ttlOf(settings: CoreSettings) {
  return (config: MountConfig): { readonly default: number; readonly max: number } => {
    const max = config.maxLeaseTtl === 0 ? settings.maxLeaseTtl : config.maxLeaseTtl;
    return { default: smallest(config.defaultLeaseTtl, max) || smallest(settings.defaultLeaseTtl, max), max };
  };
}

function forwardBy(link: Partial<Pick<HubLink, 'forward'>> | undefined, access: Access): Promise<Outcome> {
  if (link?.forward === undefined) throw fail('hubUnreachable');
  return link.forward(access);
}

/** What the parts of a node that serve requests are made of. */
export interface RequestOptions extends Omit<UnsealOptions, 'audit' | 'link' | 'snapshotSource' | 'threads'> {
  readonly trail: AuditTrail;
  /** Keys of this node, one for each purpose. */
  readonly subkey: (purpose: string) => KeyObject;
  readonly link: () => (ReadingLink & Partial<Pick<HubLink, 'forward'>>) | undefined;
}

/** Follows the store's batches; it writes nothing by itself and has no timers. */
export function openRequestServices(options: RequestOptions): RequestServices & Disposable {
  const { store, registry, settings, log, now, link, metrics, trail, subkey } = options;
  const ttl = ttlOf(settings);
  // First, so that a batch reaches it before what looks namespaces up.
  const namespaces = new NamespaceTable(store, options.sealable.domains);
  const tokens = new TokenStore({
    ...{ store, namespaces, now, meter: metrics.tokens },
    hasMount: (uuid) => mounts.byUuid(uuid) !== undefined,
    ...{ key: subkey(TOKEN_KEYS), batchKey: subkey(BATCH_TOKENS) },
  });
  const revocation = new Revocation(store, tokens, now);
  const wrapping = new Wrapping({ store, tokens, revocation, now });
  const identities = new Identities({ store, namespaces, region: settings.region, now, address: settings.apiAddress });
  const policies = new PolicyStore({ store, namespaces, identities: identities.known, now });
  const config = new NodeConfig(store);
  const quotas = new Quotas({ store, windows: options.windows, now, violations: metrics.rateLimitViolations });
  const leaseQuotas = new LeaseCountQuotas({ store, namespaces, metrics: metrics.all });
  const mounts = new MountTable({
    ...{ store, registry, ttl },
    region: settings.region ?? 'hub',
    hub: settings.region === undefined,
    readable: settings.bundlePaths,
    warn: (message, details) => {
      log.warn(message, details);
    },
  });
  const leases = new Leases({
    ...{ store, mounts, tokens, now, ttl, random: Math.random, meter: leaseMeter(metrics.all) },
    ...{ key: subkey('leases'), log: log.named('leases') },
  });
  const freshness = new Freshness({
    store,
    followed: () => link()?.followed() ?? {},
    waitMs: settings.indexWaitMs,
    waitersPerToken: 64,
  });
  return {
    ...{ store, namespaces, mounts, tokens, revocation, wrapping, identities, leases, policies, freshness, quotas },
    ...{ metrics, log, now, ttl, config, leaseQuotas },
    audit: trail,
    forward: settings.region === undefined ? undefined : (access) => forwardBy(link(), access),
    age: () => link()?.age(),
    staleness: settings.staleness,
    standing: () => link()?.standing() ?? {},
    [Symbol.dispose]: () => {
      for (const part of [freshness, mounts, policies, identities, tokens, config, quotas, leaseQuotas, namespaces])
        part[Symbol.dispose]();
    },
  };
}

/** Throws `auditFailed` when there are audit devices and none can record. */
export async function openServices(given: Omit<UnsealOptions, 'store'>): Promise<Unsealed> {
  const options = { ...given, store: new MeteredStore(given.sealable, given.metrics.barrier) };
  const { store, settings, log, now } = options;
  // First, since it can fail: nothing else is to be taken back then.
  const auditing = await options.audit(store, (id) => serving.tokens.find(id));
  const subkey = nodeKeys(store);
  const serving = openRequestServices({ ...options, subkey, trail: auditing.trail });
  const { namespaces, mounts, policies, tokens } = serving;
  const limits = settings.subscriptions;
  const subscriptions = new Subscriptions({
    store,
    namespaces,
    mounts,
    policies,
    tokens,
    log: log.named('events'),
    now,
    limits,
  });
  const { region } = settings;
  const consumers = new Consumers({
    ...{ store, namespaces, now, region, key: subkey('consumers'), log: log.named('consumers') },
    alarm: ({ consumer, address, why }) => {
      const detail = `consumer "${consumer}": ${why}`;
      auditing.trail.event?.({ region: region ?? 'hub', address, what: 'consumerAckRefused', detail });
    },
  });
  const { leases } = serving;
  const lockout = new Lockout({
    ...{ store, mounts, now, settings: settings.lockout },
    ...{ key: subkey('lockout'), log: log.named('lockout') },
  });
  const mountChanges = new MountChanges(store);
  const leaseExpiry = new LeaseExpiry({ store, leases, now, meter: leases.meter, log: log.named('leases') });
  const loginMfa = new LoginMfa(serving);
  const opened: Unsealed = {
    ...{ ...serving, snapshotSource: options.snapshotSource },
    ...{ subscriptions, consumers, subkey, mountChanges, auditDevices: auditing.devices },
    mountMoves: new MountMoves(serving, mountChanges),
    namespaceChanges: new NamespaceChanges(store, tokens, namespaces),
    namespaceSeals: openNamespaceSeals({ ...options, namespaces }, () => opened),
    ...{ leaseExpiry, lockout, controls: new ControlGroups(serving), loginMfa },
    [Symbol.asyncDispose]: async () => {
      // While what engines have done can still be written down.
      await leaseExpiry[Symbol.asyncDispose]();
      await leases[Symbol.asyncDispose]();
      await lockout[Symbol.asyncDispose]();
      for (const part of [loginMfa, opened.namespaceSeals, subscriptions, consumers, serving]) part[Symbol.dispose]();
      await auditing[Symbol.asyncDispose]();
      await options.sealable[Symbol.asyncDispose]();
    },
  };
  return opened;
}
