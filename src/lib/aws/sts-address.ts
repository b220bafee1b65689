/** Where AWS STS is. Source: AWS General Reference, "AWS Security Token Service endpoints". */

/** Regions become part of a host's name. */
export const isRegion = (text: string): boolean => /^[a-z]{2,4}(?:-[a-z]{2,16}){1,3}-\d{1,2}$/.test(text);

/** Of a region; without one, the global address, which serves requests that are signed for us-east-1. */
export const stsAddress = (region?: string): string =>
  region === undefined
    ? 'https://sts.amazonaws.com'
    : `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** Whether a request may be signed for that host: one of the names that STS has. Those of VPC endpoints are not among them. */
export function isStsHost(host: string): boolean {
  if (host === 'sts.amazonaws.com') return true;
  const [, region] = /^sts(?:-fips)?\.([a-z\d-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$/.exec(host) ?? [];
  return region !== undefined && isRegion(region);
}
