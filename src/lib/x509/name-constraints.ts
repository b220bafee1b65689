/** Which names an authority may vouch for (RFC 5280, section 4.2.1.10). */
import { generalNameOf, parseBlock, type Block, type GeneralName } from './general-names.ts';
import { CertificateRefused } from './refusal.ts';

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

const PERMITTED = 0;
const EXCLUDED = 1;

function subtreeOf({ children: [base, ...limits] }: Block): GeneralName {
  const name = base === undefined || limits.length > 0 ? undefined : generalNameOf(base);
  // A constraint that is passed over would be one that binds nobody.
  if (name === undefined || name.kind === 'other') {
    throw new CertificateRefused('name constraint', 'it is of a form that is not understood');
  }
  return name;
}

/** Throws `CertificateRefused` for constraints of other forms of names, and with distances. */
export function parseNameConstraints(der: Uint8Array): NameConstraints {
  const { children } = parseBlock(der);
  const below = (tag: number): readonly GeneralName[] =>
    children.filter((child) => child.tag === tag).flatMap((child) => child.children.map(subtreeOf));
  return { permitted: below(PERMITTED), excluded: below(EXCLUDED) };
}

/**
 * Whether `host` is `domain` or lies below it. A leading dot has it lie below. `exact`: without the dot it is that host alone,
 * as RFC 5280 has it for mail and URIs.
 */
function isOfDomain(host: string, domain: string, exact = false): boolean {
  const [name, limit] = [host.toLowerCase(), domain.toLowerCase()];
  if (limit === '') return true;
  if (limit.startsWith('.')) return name.endsWith(limit) && name.length > limit.length;
  return name === limit || (!exact && name.endsWith(`.${limit}`));
}

const HOST = /^(?:\*\.)?[\w-]+(?:\.[\w-]+)*$/;

function isAddressWithin(address: Uint8Array, range: Uint8Array): boolean {
  const { length } = address;
  if (range.length !== length * 2) return false;
  return address.every((byte, at) => ((byte ^ (range[at] ?? 0)) & (range[length + at] ?? 0)) === 0);
}

/** A wildcard covers a name that is excluded. */
function coversExcluded(name: string, limit: string): boolean {
  const plain = limit.replace(/^\./, '').toLowerCase();
  return name.startsWith('*.') && plain.endsWith(name.slice(1).toLowerCase());
}

function hostOfUri(text: string): string {
  const host = URL.canParse(text) ? new URL(text).hostname : '';
  // RFC 5280: a URI without a host, or with an address, fits no constraint.
  if (!HOST.test(host) || /^[\d.]+$/.test(host)) {
    throw new CertificateRefused('name constraint', 'a URI has no host to compare');
  }
  return host;
}

function mailboxOf(text: string): { readonly local: string; readonly host: string } {
  const at = text.lastIndexOf('@');
  const [local, host] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (local === '' || !HOST.test(host)) throw new CertificateRefused('name constraint', 'a mail address is none');
  return { local, host };
}

function isOfMailbox(text: string, limit: string, exact: boolean): boolean {
  const { local, host } = mailboxOf(text);
  if (!limit.includes('@')) return isOfDomain(host, limit, exact);
  const one = mailboxOf(limit);
  return one.local === local && one.host.toLowerCase() === host.toLowerCase();
}

function hostOfDns(text: string): string {
  if (!HOST.test(text)) throw new CertificateRefused('name constraint', 'a DNS name is none');
  return text;
}

/** Of the same form, and within. What is excluded is read widely, what is permitted narrowly. */
function falls(name: GeneralName, limit: GeneralName, excludes: boolean): boolean {
  if (name.kind === 'other' || limit.kind === 'other' || name.kind !== limit.kind) return false;
  if (name.kind === 'address' || limit.kind === 'address') {
    return name.kind === 'address' && limit.kind === 'address' && isAddressWithin(name.bytes, limit.bytes);
  }
  if (name.kind === 'email') return isOfMailbox(name.text, limit.text, !excludes);
  if (name.kind === 'uri') return isOfDomain(hostOfUri(name.text), limit.text, !excludes);
  const host = hostOfDns(name.text);
  return isOfDomain(host, limit.text) || (excludes && coversExcluded(host, limit.text));
}

/** As Go has it. */
const MOST_COMPARISONS = 250_000;

/** Throws `CertificateRefused` for a name that is excluded, or of a form of which others are permitted. */
export function checkNames(names: readonly GeneralName[], { permitted, excluded }: NameConstraints): void {
  if (names.length * (permitted.length + excluded.length) > MOST_COMPARISONS) {
    throw new CertificateRefused('work', 'there are too many names and constraints');
  }
  for (const name of names) {
    const allowed = permitted.filter(({ kind }) => kind === name.kind);
    const refused =
      excluded.some((limit) => falls(name, limit, true)) ||
      (allowed.length > 0 && !allowed.some((limit) => falls(name, limit, false)));
    if (refused) throw new CertificateRefused('name constraint', 'an authority above it may not vouch for its names');
  }
}
