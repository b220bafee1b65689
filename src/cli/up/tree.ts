/** A realistic application tree: fifty secrets, some for each region and some for both. */

export type RegionName = 'eu' | 'us';
export const REGIONS: readonly RegionName[] = ['eu', 'us'];

export interface AppSecret {
  /** Below the mount: `eu/checkout/database`. */
  readonly path: string;
  /** Who may hold it. */
  readonly regions: readonly RegionName[];
}

const APPS = ['checkout', 'catalog', 'billing', 'search', 'accounts'] as const;
const KINDS = ['database', 'cache', 'queue', 'api-key'] as const;
const SHARED = [
  'smtp',
  'tracing',
  'payment-gateway',
  'feature-flags',
  'cdn',
  'geo',
  'captcha',
  'sms',
  'push',
  'vat',
] as const;

const own = (region: RegionName): readonly AppSecret[] =>
  APPS.flatMap((app) => KINDS.map((kind) => ({ path: `${region}/${app}/${kind}`, regions: [region] })));

/** 20 for each region, 10 for both. */
export const TREE: readonly AppSecret[] = [
  ...REGIONS.flatMap(own),
  ...SHARED.map((name) => ({ path: `shared/${name}`, regions: REGIONS })),
];

export const heldBy = (region: RegionName): readonly AppSecret[] =>
  TREE.filter(({ regions }) => regions.includes(region));

/** What a region is given: its own part of the tree, its agent's role and policy, nothing else. */
export const filterOf = (region: RegionName): readonly string[] => [
  `secret/${region}/`,
  'secret/shared/',
  `auth/approle/role/${region}-agent`,
  `sys/policies/acl/${region}-agent`,
];

export function policyOf(region: RegionName): string {
  const paths = [`secret/data/${region}/*`, 'secret/data/shared/*'];
  return paths.map((path) => `path "${path}" { capabilities = ["read", "subscribe"] }`).join('\n');
}
