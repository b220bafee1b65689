/**
 * The key layout: `<class>/<namespace id>/<area>/…`. The class decides where a record may go:
 *
 * - `h` hub-only: never leaves the hub (enrolment CA, registry of regions, join tokens).
 * - `s` shared: written at the hub, replicated to the regions whose filter admits it.
 * - `l` local: this node's own (tokens, leases, cubbyholes, audit).
 *
 * What is not declared here is hub-only. Keys lie on disk in clear: tokens, accessors and secret-ids appear only as keyed
 * HMACs. `seal/…` lies outside the barrier.
 */
import type { Batch } from '../storage/store.ts';

export type KeyClass = 'h' | 's' | 'l';

export const ROOT_NAMESPACE = 'root';

/** `s/`: a class is one letter. */
const BEFORE_NAMESPACE = 2;

/**
 * The namespace whose `area` of the class a key lies in; undefined for any other key. `s/root/policies/app` is of the class
 * `s`, the namespace `root` and the area `policies`. Every observer asks this of every key that is written.
 */
export function namespaceOfKey(key: string, cls: KeyClass, area: string): string | undefined {
  if (!key.startsWith(cls) || key[1] !== '/') return undefined;
  const end = key.indexOf('/', BEFORE_NAMESPACE);
  const below = end + 1 + area.length;
  return end > BEFORE_NAMESPACE && key[below] === '/' && key.startsWith(area, end + 1)
    ? key.slice(BEFORE_NAMESPACE, end)
    : undefined;
}

/** The namespaces of which a batch says that what was read of them holds no more: they were sealed or opened. */
export const namespacesReread = ({ reread = [] }: Pick<Batch, 'reread'>): ReadonlySet<string> =>
  new Set(reread.map((prefix) => prefix.split('/')[1] ?? ''));

export const keys = {
  /** Records of all namespaces but the root one, by id: a table, so that it can be read without knowing any. */
  namespaces: `s/${ROOT_NAMESPACE}/namespaces/`,
  namespace: (id: string) => `s/${ROOT_NAMESPACE}/namespaces/${id}`,
  /** Ids of the namespaces right below one, by name: no name is given twice, and no mount hides one. */
  names: (parent: string) => `s/${parent}/names/`,
  name: (parent: string, name: string) => `s/${parent}/names/${name}`,
  /** Namespaces whose keys are being deleted: an explicit order, as for mounts. */
  namespaceRemovals: `l/${ROOT_NAMESPACE}/namespace-removals/`,
  /** The keys of namespaces that have their own, by the id of the namespace: what is below is under the node's keys alone. */
  namespaceSeal: (id: string) => {
    const at = `h/${ROOT_NAMESPACE}/namespace-seals/${id}/`;
    return { config: `${at}config`, root: `${at}root`, keyring: `${at}keyring`, backup: `${at}backup` };
  },
  /** What came due, or was ended from outside, in a namespace while that was sealed: done when it is unsealed. */
  waitingExpiries: (ns: string) => `l/${ROOT_NAMESPACE}/waiting/${ns}/expiry/`,
  waitingLeases: (ns: string) => `l/${ROOT_NAMESPACE}/waiting/${ns}/lease/`,
  /** After a restore: what its mounts have issued ends, and its key rotates. */
  waitingCredentials: (ns: string) => `l/${ROOT_NAMESPACE}/waiting/${ns}/credentials`,
  waitingRotation: (ns: string) => `l/${ROOT_NAMESPACE}/waiting/${ns}/rotation`,
  waiting: (ns: string) => `l/${ROOT_NAMESPACE}/waiting/${ns}/`,
  /** Everything of a namespace in one class. */
  all: (cls: KeyClass, ns: string) => `${cls}/${ns}/`,
  mounts: (cls: KeyClass, ns: string) => `${cls}/${ns}/mounts/`,
  mount: (cls: KeyClass, ns: string, uuid: string) => `${cls}/${ns}/mounts/${uuid}`,
  /** All data of one mount in one class. */
  data: (cls: KeyClass, ns: string, uuid: string) => `${cls}/${ns}/data/${uuid}/`,
  /** Mounts whose data is being deleted: an explicit order, so that a missing mount never reads as one. */
  removals: (ns: string) => `l/${ns}/removals/`,
  /** Mounts on their way to another namespace: an explicit order, by the id that they leave. */
  mountMoves: `l/${ROOT_NAMESPACE}/mount-moves/`,
  mountMove: (uuid: string) => `l/${ROOT_NAMESPACE}/mount-moves/${uuid}`,
  policies: (ns: string) => `s/${ns}/policies/`,
  policy: (ns: string, name: string) => `s/${ns}/policies/${name}`,
  /** Which logins need a second factor. */
  loginEnforcements: (ns: string) => `s/${ns}/login-enforcements/`,
  passwordPolicies: (ns: string) => `s/${ns}/password-policies/`,
  passwordPolicy: (ns: string, name: string) => `s/${ns}/password-policies/${name}`,
  workflows: (ns: string) => `s/${ns}/workflows/`,
  workflow: (ns: string, path: string) => `s/${ns}/workflows/${path}`,
  /** How often requests may come; counted by each node. */
  rateLimits: `s/${ROOT_NAMESPACE}/quotas/rate-limit/`,
  /** How many leases and tokens may be there; counted by each node. */
  leaseCountQuotas: `s/${ROOT_NAMESPACE}/quotas/lease-count/`,
  quotaConfig: `s/${ROOT_NAMESPACE}/quotas/config`,
  tokens: (ns: string) => `l/${ns}/tokens/`,
  token: (ns: string, key: string) => `l/${ns}/tokens/${key}`,
  accessors: (ns: string) => `l/${ns}/accessors/`,
  accessor: (ns: string, key: string) => `l/${ns}/accessors/${key}`,
  allChildren: (ns: string) => `l/${ns}/children/`,
  children: (ns: string, parent: string) => `l/${ns}/children/${parent}/`,
  /**
   * Due work by time: `<bucket>` is a fixed-width millisecond time, so key order is time order. That of all namespaces lies
   * in the root one, so that one key tells whether there is any.
   */
  expiries: (ns: string) => `l/${ns}/expiry/`,
  expiry: (ns: string, at: number, key: string) => `l/${ns}/expiry/${String(at).padStart(15, '0')}/${key}`,
  revocations: (ns: string) => `l/${ns}/revocations/`,
  leases: (ns: string) => `l/${ns}/leases/`,
  lease: (ns: string, key: string) => `l/${ns}/leases/${key}`,
  /** Leases by the request path that made them, for lists and prefixes. */
  leasePaths: (ns: string) => `l/${ns}/lease-paths/`,
  /** Of one token, until they end. */
  tokenLeases: (ns: string, token: string) => `l/${ns}/token-leases/${token}/`,
  /** Leases that could not be revoked. */
  leaseFailures: (ns: string) => `l/${ns}/lease-failures/`,
  /** How many leases each mount has. */
  leaseCounts: (ns: string) => `l/${ns}/lease-counts/`,
  leaseCount: (ns: string, mount: string) => `l/${ns}/lease-counts/${mount}`,
  /** How many leases, and how many tokens, each path has made: what lease count quotas count. */
  leaseGroups: (ns: string) => `l/${ns}/lease-groups/`,
  tokenGroups: (ns: string) => `l/${ns}/token-groups/`,
  /** Who is locked out, by mount and an HMAC of the name. Of all namespaces: mounts move. */
  lockedUsers: `l/${ROOT_NAMESPACE}/locked-users/`,
  /** What is due, by mount and time: one whose outside world hangs holds up no other. Of all namespaces, as `expiries`. */
  leaseDues: `l/${ROOT_NAMESPACE}/lease-due/`,
  leaseDuesOf: (mount: string) => `l/${ROOT_NAMESPACE}/lease-due/${mount}/`,
  leaseDue: (mount: string, at: number, key: string) =>
    `l/${ROOT_NAMESPACE}/lease-due/${mount}/${String(at).padStart(15, '0')}/${key}`,
  /** Leases that an engine is making right now, or was when the process ended. */
  leaseIntents: `l/${ROOT_NAMESPACE}/lease-intents/`,
  audits: `l/${ROOT_NAMESPACE}/audit/`,
  audit: (path: string) => `l/${ROOT_NAMESPACE}/audit/${path}`,
  /** Which versions this node has run. */
  versions: `l/${ROOT_NAMESPACE}/versions/`,
  version: (name: string) => `l/${ROOT_NAMESPACE}/versions/${name}`,
  /** What `sys/config` says of this node. */
  config: (name: string) => `l/${ROOT_NAMESPACE}/config/${name}`,
  /** What was done with this node's seal. */
  sealChanges: `l/${ROOT_NAMESPACE}/seal-changes/`,
  sealChange: (what: string) => `l/${ROOT_NAMESPACE}/seal-changes/${what}`,
  /** When this node's barrier rotates its key. */
  rotation: `l/${ROOT_NAMESPACE}/key-rotation`,
  /** Secrets of this node: HMAC keys of the token store. */
  salt: (name: string) => `l/${ROOT_NAMESPACE}/salts/${name}`,
  /** There while the node initialises itself: what was cut off there is never served. */
  selfInit: `l/${ROOT_NAMESPACE}/self-init`,
  /** At the hub. */
  regions: `h/${ROOT_NAMESPACE}/regions/`,
  region: (name: string) => `h/${ROOT_NAMESPACE}/regions/${name}`,
  clusterCa: `h/${ROOT_NAMESPACE}/cluster-ca`,
  /** Answers to forwarded writes, by region and idempotency key, and when they were given. */
  forwarded: (region: string, id: string) => `h/${ROOT_NAMESPACE}/forwarded/${region}/${id}`,
  forwardedDues: `h/${ROOT_NAMESPACE}/forwarded-due/`,
  forwardedDue: (at: number, key: string) => `h/${ROOT_NAMESPACE}/forwarded-due/${String(at).padStart(15, '0')}/${key}`,
  /** Named keys of identity tokens of which one is to be rotated or taken back, by time; of all namespaces, as `expiries`. */
  oidcDues: `h/${ROOT_NAMESPACE}/oidc-due/`,
  oidcDue: (at: number, key: string) => `h/${ROOT_NAMESPACE}/oidc-due/${String(at).padStart(15, '0')}/${key}`,
  /** Grants of the OIDC provider whose tokens are none any more, by the time after which there is none anyway. */
  revokedGrants: `l/${ROOT_NAMESPACE}/revoked-grants/`,
  /** At a region: its place in the hub's log, and its identity at the hub. */
  hubCopy: `l/${ROOT_NAMESPACE}/hub/copy`,
  hubStage: `l/${ROOT_NAMESPACE}/hub/stage/`,
  hubAge: `l/${ROOT_NAMESPACE}/hub/age`,
  hubIdentity: `l/${ROOT_NAMESPACE}/hub/identity`,
  consumers: `l/${ROOT_NAMESPACE}/consumers/`,
  consumer: (id: string) => `l/${ROOT_NAMESPACE}/consumers/${id}`,
} as const;
