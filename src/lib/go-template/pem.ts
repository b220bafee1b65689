/** `filterPEM`, `filterCertChain` and `certSANs` of the External Secrets Operator. They order and pick; they verify nothing. */
import { toBytes } from './bytes.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import type { GeneralName } from '../x509/general-names.ts';
import { CertificateRefused } from '../x509/refusal.ts';
import { fn, type FunctionMap } from './function.ts';
import type { Meter } from './meter.ts';
import { FunctionError } from './template-error.ts';
import { strings } from './value.ts';

export const pemFunctions: FunctionMap = {
  filterPEM: fn(['string', 'string'], ([type, text], meter) => filterPem(type, text, meter)),
  filterCertChain: fn(['string', 'string'], ([type, text], meter) => {
    const chain = chainOf(blocksOf(text, meter).blocks.map(({ der }) => certificate(der, meter)));
    return ofChain(type, chain)
      .map(({ der }) => pem('CERTIFICATE', der))
      .join('');
  }),
  certSANs: fn(['string'], ([text], meter) => {
    const [first] = blocksOf(text, meter).blocks;
    if (first === undefined) throw new FunctionError('failed to decode PEM block');
    const names = certificate(first.der, meter).alternativeNames;
    return strings((['dns', 'address', 'email', 'uri'] as const).flatMap((kind) => namesOf(names, kind)));
  }),
};

interface Block {
  readonly type: string;
  readonly der: Uint8Array;
}

const BLOCK = /-----BEGIN ([^\r\n-]*)-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*)-----END ([^\r\n-]*)-----[ \t]*(?:\r?\n|$)/g;

/** The blocks without headers, and what is left behind the last one. */
export function blocksOf(text: string, meter: Meter): { readonly blocks: readonly Block[]; readonly rest: string } {
  meter.make(2 * text.length);
  const found = [...text.matchAll(BLOCK)].filter(([, begin, , end]) => begin === end);
  const last = found.at(-1);
  const blocks = found.map(([, type = '', base64 = '']) => ({
    type,
    der: new Uint8Array(Buffer.from(base64, 'base64')),
  }));
  return { blocks, rest: last === undefined ? text : text.slice(last.index + last[0].length) };
}

function filterPem(type: string, text: string, meter: Meter): string {
  const { blocks, rest } = blocksOf(text, meter);
  const kept = blocks.filter((block) => block.type.toLowerCase() === type.toLowerCase());
  if (kept.length === 0 && rest !== '') throw new FunctionError('error filtering pem: found junk');
  return kept.map((block) => pem(block.type, block.der)).join('');
}

export function pem(type: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${type}-----`, ...lines, `-----END ${type}-----\n`].join('\n');
}

/** To read a certificate, in steps. */
const READING = 200;

export function certificate(der: Uint8Array, meter: Meter): Certificate {
  meter.step(READING);
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof CertificateRefused) throw new FunctionError(`failed to parse certificate: ${error.message}`);
    throw error;
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const isRoot = ({ authorityKeyId, subjectKeyId }: Certificate): boolean =>
  authorityKeyId.length === 0 || equal(authorityKeyId, subjectKeyId);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Whose key each names: the first other one of that key. */
function parentsIn(certificates: readonly Certificate[]): (child: Certificate) => Certificate | undefined {
  const byKey = Map.groupBy(certificates, ({ subjectKeyId }) => hex(subjectKeyId));
  return (child) => byKey.get(hex(child.authorityKeyId))?.find((other) => other !== child);
}

/** Leaf, intermediates, root, by their key identifiers. */
function chainOf(certificates: readonly Certificate[]): readonly Certificate[] {
  const parentOf = parentsIn(certificates);
  const parents = new Set(certificates.map(parentOf));
  const [leaf, another] = certificates.filter((each) => !parents.has(each));
  if (another !== undefined) throw new FunctionError('found multiple leaf or disjunct certificates');
  if (leaf === undefined) throw new FunctionError('no leaf certificate found');
  const chain: Certificate[] = [];
  for (let next: Certificate | undefined = leaf; next !== undefined; next = parentOf(next)) {
    chain.push(next);
    if (chain.length > certificates.length) throw new FunctionError('constructing chain resulted in cycle');
  }
  return chain;
}

/** In order, where they are one chain. */
export function chained(certificates: readonly Uint8Array[], meter: Meter): readonly Uint8Array[] | undefined {
  try {
    return chainOf(certificates.map((each) => certificate(each, meter))).map(({ der }) => der);
  } catch (error) {
    if (error instanceof FunctionError) return undefined;
    throw error;
  }
}

function ofChain(type: string, chain: readonly Certificate[]): readonly Certificate[] {
  const [leaf] = chain;
  if (type === 'leaf') return leaf === undefined || isRoot(leaf) ? [] : [leaf];
  if (type === 'root') return chain.slice(-1).filter(isRoot);
  if (type !== 'intermediate') return [];
  const root = chain.findIndex((each, place) => place > 0 && isRoot(each));
  return chain.slice(1, root < 0 ? undefined : root);
}

function namesOf(names: readonly GeneralName[], kind: 'dns' | 'address' | 'email' | 'uri'): readonly string[] {
  return names.flatMap((name) => {
    if (name.kind !== kind) return [];
    return name.kind === 'address' ? [addressText(name.bytes)] : [toBytes(name.text)];
  });
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? [];
  // The parser of URLs knows the short form (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
