/** Whose SVIDs a mount takes, and where their trust bundle comes from. */
import { fail } from '../../errors.ts';
import { isTrustDomain, parseSpiffeId } from '../../lib/spiffe/spiffe-id.ts';

export const profiles = ['static', 'file', 'https_web_bundle', 'https_web_pem', 'https_spiffe_bundle'] as const;
export type Profile = (typeof profiles)[number];

/** As it was written; what is empty was not given. */
export interface SpiffeConfig {
  /** Counts the writes: what was fetched for one is nothing for the next. */
  readonly version: number;
  readonly trustDomain: string;
  readonly profile: Profile;
  readonly audience: readonly string[];
  /** The bundle itself, or of `https_spiffe_bundle` the one that the endpoint is first known by. */
  readonly bundle: string;
  readonly bundleFile: string;
  readonly endpointUrl: string;
  readonly endpointSpiffeId: string;
  /** PEM. */
  readonly endpointCa: string;
}

const refuse = (message: string): Error => fail('badRequest', message);

export const isFetched = ({ profile }: Pick<SpiffeConfig, 'profile'>): boolean => profile.startsWith('https_');

type Source = 'bundle' | 'bundleFile' | 'endpointUrl' | 'endpointSpiffeId' | 'endpointCa';

const NAMES: Readonly<Record<Source, string>> = {
  bundle: 'bundle',
  bundleFile: 'bundle_file',
  endpointUrl: 'endpoint_url',
  endpointSpiffeId: 'endpoint_spiffe_id',
  endpointCa: 'endpoint_root_ca_truststore_pem',
};

/** What a profile needs, and what it may have besides. */
const SOURCES: Readonly<Record<Profile, { readonly needs: readonly Source[]; readonly may: readonly Source[] }>> = {
  static: { needs: ['bundle'], may: [] },
  file: { needs: ['bundleFile'], may: [] },
  https_web_bundle: { needs: ['endpointUrl'], may: ['endpointCa'] },
  https_web_pem: { needs: ['endpointUrl'], may: ['endpointCa'] },
  https_spiffe_bundle: { needs: ['endpointUrl', 'endpointSpiffeId', 'bundle'], may: [] },
};

function checkSources(config: SpiffeConfig): void {
  const { needs, may } = SOURCES[config.profile];
  for (const source of Object.keys(NAMES) as Source[]) {
    const given = config[source] !== '';
    if (needs.includes(source) && !given) throw refuse(`profile ${config.profile} needs ${NAMES[source]}`);
    // What has no effect may have been meant to have one.
    if (given && !needs.includes(source) && !may.includes(source)) {
      throw refuse(`${NAMES[source]} has no meaning with profile ${config.profile}: leave it out`);
    }
  }
}

function checkEndpoint({ profile, trustDomain, endpointUrl, endpointSpiffeId, endpointCa }: SpiffeConfig): void {
  const url = URL.canParse(endpointUrl) ? new URL(endpointUrl) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw refuse(
      'endpoint_url must be an https:// address without a user: whoever is on the way could log in as anybody',
    );
  }
  if (endpointCa !== '' && !endpointCa.includes('-----BEGIN CERTIFICATE-----')) {
    throw refuse('endpoint_root_ca_truststore_pem is no PEM of a certificate');
  }
  if (profile !== 'https_spiffe_bundle') return;
  const id = parseSpiffeId(endpointSpiffeId);
  if (id === undefined || id.path === '') throw refuse('endpoint_spiffe_id is no SPIFFE ID of a workload');
  // The bundle that is fetched is what the endpoint is known by at the next time.
  if (id.trustDomain !== trustDomain) throw refuse(`endpoint_spiffe_id must be of the trust domain "${trustDomain}"`);
}

/** Throws `badRequest`. */
export function checkConfig(config: SpiffeConfig): void {
  if (config.trustDomain === '') throw refuse('trust_domain must be set');
  if (!isTrustDomain(config.trustDomain)) {
    throw refuse('trust_domain is none: it has small letters, digits, ".", "-" and "_", without port and path');
  }
  if (config.audience.some((audience) => audience === '')) throw refuse('an audience cannot be empty');
  checkSources(config);
  if (isFetched(config)) checkEndpoint(config);
}
