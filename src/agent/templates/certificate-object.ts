/**
 * What `pkiCert` gives to a template: a certificate, its key and its authorities, as consul-template tells them apart; from an answer
 * of the server, or from the file that the template made of an earlier one.
 */
import { readFileSync } from 'node:fs';
import { bundleOf, ownLifetime } from '../../lib/crypto/pem-bundle.ts';
import { toBytes } from '../../lib/go-template/bytes.ts';
import { GoObject, strings, type GoMethod, type Value } from '../../lib/go-template/value.ts';
import type { InPlace } from '../source.ts';

const LARGEST = 1024 * 1024;

const textsOf = (data: Readonly<Record<string, unknown>>): string =>
  Object.values(data)
    .flatMap((value) => (Array.isArray(value) ? (value as readonly unknown[]) : [value]))
    .filter((value) => typeof value === 'string')
    .join('\n');

export class CertificateObject extends GoObject {
  readonly type = 'dependency.PemEncoded';
  readonly kind = 'struct';
  readonly #fields: Readonly<Record<string, Value>>;

  constructor(data: Readonly<Record<string, unknown>>) {
    super();
    const { certificate, key, authorities } = bundleOf(textsOf(data));
    this.#fields = {
      Cert: toBytes(certificate),
      Key: toBytes(key),
      CA: toBytes(authorities[0] ?? ''),
      CAChain: strings(authorities.map(toBytes)),
      Data: this,
    };
  }

  override method(name: string): GoMethod | undefined {
    const value = Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
    return value === undefined ? undefined : { params: [], call: () => value };
  }

  /** As a whole it shows nothing: its key is in it. */
  print(): string {
    return '{certificate}';
  }

  json(): string {
    return '{}';
  }

  equals(other: GoObject): boolean {
    return other === this;
  }
}

/** What the file holds, where that is a certificate with its own key; how much of its time is over the certificate says itself. */
export function certificateIn(file: string, now: number): InPlace | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > LARGEST) return undefined;
    const lifetime = ownLifetime(bundleOf(text), now);
    return lifetime && { data: { file: text }, ...lifetime };
  } catch {
    // Not there, or not of ours: another is ordered.
    return undefined;
  }
}
