/** The seal status, as `status` and `operator unseal` show it. */
import type { Data } from './pairs.ts';
import type { Context } from './context.ts';
import type { Struct } from './go-format.ts';
import { toText } from './go-format.ts';
import type { Row } from './secret-view.ts';

/** Fields in the order of Vault's JSON, with what stands where the server sent none; undefined leaves it out. */
const sealFields: readonly (readonly [string, unknown])[] = [
  ['type', ''],
  ['initialized', false],
  ['sealed', false],
  ['t', 0],
  ['n', 0],
  ['progress', 0],
  ['nonce', ''],
  ['version', ''],
  ['commit_date', undefined],
  ['migration', false],
  ['cluster_name', undefined],
  ['cluster_id', undefined],
  ['recovery_seal', false],
  ['recovery_seal_type', undefined],
  ['storage_type', undefined],
  ['build_date', ''],
];
const leaderFields = ['is_self', 'active_time', 'leader_address', 'leader_cluster_address', 'performance_standby'];

export interface SealView {
  readonly rows: readonly Row[];
  readonly json: Struct;
}

/** `leader` is the answer of `sys/leader`; a sealed node gives none. */
export function sealView(seal: Data, leader: Data = {}): SealView {
  const json = new Map<string, unknown>();
  for (const [name, absent] of sealFields) {
    const value = seal[name] ?? absent;
    if (value !== undefined) json.set(name, value);
  }
  json.set('ha_enabled', leader['ha_enabled'] === true);
  for (const name of leaderFields) if (isTold(leader[name])) json.set(name, leader[name]);
  return { rows: [...sealRows(seal), ...haRows(seal, leader)], json };
}

/** Go leaves out what is empty; the year 1 is its empty time. */
function isTold(value: unknown): boolean {
  if (typeof value === 'string' && value.startsWith('0001-01-01T')) return false;
  return value !== undefined && value !== false && value !== '' && value !== 0 && value !== null;
}

function sealRows(seal: Data): Row[] {
  const text = (name: string): string => toText(seal[name] ?? '');
  const rows = shareRows(seal);
  if (seal['migration'] === true) rows.push(['Seal Migration in Progress', 'true']);
  rows.push(['Version', text('version')]);
  if (isTold(seal['commit_date'])) rows.push(['Commit Date', text('commit_date')]);
  if (isTold(seal['build_date'])) rows.push(['Build Date', text('build_date')]);
  rows.push(['Storage Type', text('storage_type')]);
  if (isTold(seal['cluster_name'])) {
    rows.push(['Cluster Name', text('cluster_name')], ['Cluster ID', text('cluster_id')]);
  }
  return rows;
}

/** What is asked of people, and how far they are. */
function shareRows(seal: Data): Row[] {
  const text = (name: string): string => toText(seal[name] ?? '');
  const recovery = seal['recovery_seal'] === true;
  const rows: Row[] = [['Seal Type', text('type')]];
  if (recovery) rows.push(['Recovery Seal Type', text('recovery_seal_type') || 'shamir']);
  rows.push(['Initialized', text('initialized')], ['Sealed', text('sealed')]);
  rows.push([recovery ? 'Total Recovery Shares' : 'Total Shares', text('n')], ['Threshold', text('t')]);
  if (seal['sealed'] === true) {
    rows.push(['Unseal Progress', `${text('progress')}/${text('t')}`], ['Unseal Nonce', text('nonce')]);
  }
  return rows;
}

const namespaceFields = ['type', 'initialized', 'sealed', 't', 'n', 'progress', 'nonce'];

/** Of a namespace that has its own. */
export async function showNamespaceSeal(context: Context, seal: Data): Promise<void> {
  const json = new Map(namespaceFields.map((name) => [name, seal[name] ?? '']));
  if (context.out.field === undefined) await context.out.rows(shareRows(seal), json);
  else await context.out.oneField(json.get(context.out.field), 'seal status');
}

function haRows(seal: Data, leader: Data): Row[] {
  const rows: Row[] = [['HA Enabled', String(leader['ha_enabled'] === true)]];
  if (leader['ha_enabled'] !== true || seal['sealed'] === true) return rows;
  rows.push(['HA Cluster', toText(leader['leader_cluster_address'] ?? '')]);
  rows.push(['HA Mode', leader['is_self'] === true ? 'active' : 'standby']);
  if (leader['is_self'] === true) rows.push(['Active Since', toText(leader['active_time'] ?? '')]);
  else rows.push(['Active Node Address', toText(leader['leader_address'] ?? '') || '<none>']);
  return rows;
}

/** Asks for the rest of a status and shows it. Resolves with whether the node is sealed. */
export async function showSealStatus(context: Context, seal: Data): Promise<boolean> {
  const sealed = seal['sealed'] === true;
  const leader = sealed ? undefined : await context.inquirer.read('sys/leader', { wrapTtl: '' });
  const { rows, json } = sealView(seal, leader?.data ?? {});
  if (context.out.field === undefined) await context.out.rows(rows, json);
  else await context.out.oneField(json.get(context.out.field), 'seal status');
  return sealed;
}
