/** A store as years of use leave it, drawn from a seed: odd names, many versions, some deleted, destroyed and dropped. */
import { Draw } from '../differential/draw.ts';
import type { Api } from './api.ts';

const NAMES = [
  'app',
  'a b',
  'ü',
  '日本',
  'x%y',
  'q?r#s',
  'a+b',
  '.hidden',
  'g.h',
  '..y',
  ' lead',
  'trail ',
  'o\'b"c',
  'k=v&w',
  'UPPER',
  '[0]',
  '{}',
  '~',
  '\u{1F511}',
] as const;
const POLICY = 'path "secret/data/+/*" { capabilities = ["read", "list"] }';

export interface Corpus {
  readonly namespaces: readonly string[];
  readonly secrets: number;
}

export async function fill(api: Api, seed: number, secrets: number): Promise<Corpus> {
  const draw = new Draw(seed);
  const namespaces = ['', 'prod', 'prod/eu-central', 'prod/eu-central/deep', 'dev'];
  for (const namespace of namespaces) {
    const cut = namespace.lastIndexOf('/');
    if (namespace !== '') {
      const body = { custom_metadata: { owner: `team ${String(draw.number(9))}` } };
      await api('POST', `sys/namespaces/${namespace.slice(cut + 1)}`, {
        namespace: namespace.slice(0, Math.max(0, cut)),
        body,
      });
    }
    await furnish(api, namespace);
    for (let at = 0; at < secrets; at += 1) await secret(api, draw, { namespace, at });
  }
  await extremes(api, draw);
  return { namespaces, secrets: secrets * namespaces.length };
}

async function furnish(api: Api, namespace: string): Promise<void> {
  const put = (path: string, body: object): Promise<unknown> => api('POST', path, { namespace, body });
  await put('sys/mounts/kv-2', {
    type: 'kv',
    description: 'versions ✓',
    options: { version: '2' },
    config: { default_lease_ttl: '90m', listing_visibility: 'unauth', audit_non_hmac_request_keys: ['a', 'b'] },
  });
  await put('sys/mounts/old/kv', { type: 'kv', options: { version: '1' } });
  await put('kv-2/config', { max_versions: 12, delete_version_after: '720h' });
  await put('sys/policies/acl/app', { policy: POLICY });
  await put('sys/policies/acl/team/one%20two', { policy: POLICY, expiration: '2090-01-01T00:00:00Z' });
  await put('sys/policies/password/strong', {
    policy: 'length = 20\nrule "charset" { charset = "abcdefghij0123456789" }',
  });
  await put('auth/token/roles/ci', {
    allowed_policies: ['app'],
    token_period: '1h',
    renewable: false,
    token_num_uses: 4,
  });
  await put('sys/auth/approle', { type: 'approle', description: 'machines', config: { max_lease_ttl: '5h' } });
  await put('auth/approle/role/web', {
    token_policies: ['app'],
    token_ttl: '20m',
    secret_id_num_uses: 9,
    token_bound_cidrs: ['10.0.0.0/8'],
  });
  await put('auth/approle/role/batch', {
    bind_secret_id: false,
    secret_id_bound_cidrs: ['127.0.0.0/8'],
    role_id: `chosen ${namespace}`,
  });
  await put('auth/approle/role/web/secret-id', {});
}

function nameOf(draw: Draw, at: number): string {
  const folders = Array.from({ length: draw.number(3) }, () => draw.of(...NAMES));
  return [...folders, `${draw.of(...NAMES)}-${String(at)}`].map(encodeURIComponent).join('/');
}

/** Numbers as a double holds them: OpenBao keeps no more. */
const valueOf = (draw: Draw): object => ({
  password: `p ${String(draw.number(1e9))} "\\\u0007 é`,
  number: draw.number(1e6) / 8,
  nested: { list: [1, null, true, ''], empty: {} },
});

async function secret(api: Api, draw: Draw, { namespace, at }: { namespace: string; at: number }): Promise<void> {
  const name = nameOf(draw, at);
  if (draw.chance(4)) {
    await api('POST', `old/kv/${name}`, { namespace, body: valueOf(draw) });
    return;
  }
  await history(api, draw, { namespace, name, versions: 1 + draw.number(9) });
}

interface History {
  readonly namespace: string;
  readonly name: string;
  readonly versions: number;
}

async function history(api: Api, draw: Draw, { namespace, name, versions }: History): Promise<void> {
  const put = (area: string, body: object): Promise<unknown> =>
    api('POST', `kv-2/${area}/${name}`, { namespace, body });
  if (draw.chance(3)) {
    const settings = draw.some({
      max_versions: 3,
      cas_required: false,
      delete_version_after: '48h',
      custom_metadata: { owner: 'é', 'k v': '1' },
    });
    await put('metadata', settings);
  }
  for (let version = 1; version <= versions; version += 1) await put('data', { data: valueOf(draw) });
  const some = Array.from({ length: versions }, (_, at) => at + 1).filter(() => draw.chance(5));
  if (some.length > 0) await put(draw.of('delete', 'destroy'), { versions: some });
  if (draw.chance(6)) await put('metadata', { cas_required: true, max_versions: 2 + draw.number(20) });
}

async function extremes(api: Api, draw: Draw): Promise<void> {
  const put = (path: string, body: object): Promise<unknown> => api('POST', `kv-2/${path}`, { namespace: '', body });
  await put('data/big', { data: { blob: 'x'.repeat(600_000) } });
  await put('metadata/thirty', { max_versions: 40 });
  for (let version = 1; version <= 30; version += 1) await put('data/thirty', { data: valueOf(draw) });
  await put('destroy/thirty', { versions: [1, 15, 29] });
  await put('delete/thirty', { versions: [2, 16, 30] });
  // Kept fewer once, more later: the oldest that is left is neither the first nor what the limit of today says.
  await put('metadata/shrunk', { max_versions: 2 });
  for (let version = 1; version <= 6; version += 1) await put('data/shrunk', { data: valueOf(draw) });
  await put('metadata/shrunk', { max_versions: 30 });
  await put('metadata/bare', { custom_metadata: { only: 'metadata' } });
  await put('data/empty', { data: {} });
}
