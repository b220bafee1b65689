/** A node in this process, over the memory store, for tests of what lies above the storage. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuditing, type AuditSettings, type OpenAudit } from '../../src/core/audit/auditing.ts';
import type { AuditTrail } from '../../src/core/audit/trail.ts';
import type { Cluster } from '../../src/core/cluster.ts';
import { NodeMetrics } from '../../src/core/metrics/node-metrics.ts';
import { Node } from '../../src/core/node.ts';
import type { Services } from '../../src/core/services.ts';
import type { SnapshotPlace } from '../../src/core/snapshots/snapshots.ts';
import { DEFAULT_SETTINGS, type CoreSettings } from '../../src/core/settings.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { AnyPlugin } from '../../src/framework/plugin.ts';
import type { Verb } from '../../src/framework/path.ts';
import type { Outcome, Request } from '../../src/framework/request.ts';
import { silent, type Logger } from '../../src/lib/log.ts';
import { registry } from '../../src/registry.ts';
import { SealLifecycle } from '../../src/seal/lifecycle.ts';
import { Seals } from '../../src/seal/seals.ts';
import { shamirSeal } from '../../src/seal/shamir/seal.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import type { Store } from '../../src/storage/store.ts';
import { system, systemPaths } from '../../src/sys/system.ts';
import { watchReplies } from './checked-replies.ts';

watchReplies((problem) => {
  throw new Error(`a reply is not as its path declares it: ${problem}`);
});

/** No devices; those that are made through the API may lie anywhere. */
const AUDIT: AuditSettings = {
  declared: [],
  allowed: { paths: 'any', addresses: 'any', variables: undefined, prefixing: true },
  prefixing: true,
  spool: { folder: join(tmpdir(), `lockstep-test-audit-spool-${String(process.pid)}`), limit: 1024 ** 3 },
};
process.once('exit', () => {
  rmSync(AUDIT.spool.folder, { recursive: true, force: true });
});

export interface TestNodeOptions {
  readonly settings?: Partial<CoreSettings>;
  readonly store?: Store;
  readonly now?: () => number;
  readonly audit?: Partial<AuditSettings>;
  /** Instead of the devices. */
  readonly trail?: AuditTrail;
  readonly cluster?: (services: () => Services) => Promise<Cluster>;
  readonly log?: Logger;
  readonly snapshots?: SnapshotPlace;
  /** Beside those that every node has. */
  readonly engines?: Readonly<Record<string, AnyPlugin>> | undefined;
}

function auditOf({ audit = {}, trail, now = Date.now }: TestNodeOptions, metrics: NodeMetrics): OpenAudit {
  return async (store, find) => {
    const auditing = await openAuditing(store, {
      ...{ now, settings: { ...AUDIT, ...audit }, stdout: process.stdout, find },
      metrics,
      warn: () => undefined,
    });
    return trail === undefined ? auditing : { ...auditing, trail };
  };
}

export function testNode(options: TestNodeOptions = {}): Node {
  const { settings = {}, store = openMemoryStore(), now = Date.now, log = silent } = options;
  const metrics = new NodeMetrics();
  const lifecycle = new SealLifecycle({
    raw: store,
    seals: Seals.of(shamirSeal()),
    about: { version: '0.0.0', buildDate: '', storageType: 'inmem' },
    now,
  });
  return new Node({
    lifecycle,
    registry: { ...registry, engines: { ...registry.engines, ...options.engines } },
    system,
    systemPaths,
    settings: { ...DEFAULT_SETTINGS, ...settings },
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    ...(options.snapshots === undefined ? {} : { snapshots: options.snapshots }),
    log,
    now,
    metrics,
    audit: auditOf(options, metrics),
  });
}

const VERBS: Readonly<Record<string, Verb>> = {
  GET: 'read',
  POST: 'update',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  LIST: 'list',
  SCAN: 'scan',
};

export interface Asking {
  readonly token?: string;
  readonly body?: JsonObject;
  readonly query?: Readonly<Record<string, string>>;
  readonly index?: string;
  readonly address?: string;
  /** `X-Vault-Namespace`. */
  readonly namespace?: string;
  readonly contentType?: string;
  readonly help?: boolean;
  /** Seconds. */
  readonly wrapTtl?: number;
}

/** One request, as the server would hand it over: `ask(node, 'GET', 'sys/mounts', { token })`. */
export async function ask(node: Node, method: string, path: string, asking: Asking = {}): Promise<Outcome> {
  return node.handle(requestOf(method, path, asking));
}

export function requestOf(method: string, path: string, asking: Asking = {}): Request {
  return {
    id: randomUUID(),
    verb: VERBS[method] ?? 'read',
    help: asking.help ?? false,
    method,
    path,
    namespace: asking.namespace ?? '',
    token: asking.token,
    body: asking.body,
    contentType: asking.contentType ?? (asking.body === undefined ? '' : 'application/json'),
    query: asking.query ?? {},
    headers: {},
    address: asking.address ?? '127.0.0.1',
    port: 1,
    wrapTtl: asking.wrapTtl ?? 0,
    index: asking.index,
    signal: () => new AbortController().signal,
    listener: { unauthenticatedMetrics: false },
  };
}

export interface RunningNode {
  readonly node: Node;
  readonly root: string;
  /** Its one unseal share, hex. */
  readonly share: string;
}

/** A new node, initialised and unsealed, with its root token. */
export async function runningNode(options: TestNodeOptions = {}): Promise<RunningNode> {
  const node = testNode(options);
  const { unsealShares, rootToken } = await node.initialize({ secretShares: 1, secretThreshold: 1 });
  const share = unsealShares.hex[0] ?? '';
  await node.unseal(Buffer.from(share, 'hex'));
  return { node, root: rootToken, share };
}
