/**
 * What `pkiCert` gives to a template: a certificate, its key and its authorities, as consul-template tells them apart; from an answer
 * of the server, or from the file that the template made of an earlier one.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { bundleOf, ownLifetime } from '../../lib/crypto/pem-bundle.ts';
import { toBytes } from '../../lib/go-template/bytes.ts';
import { strings, type Value } from '../../lib/go-template/value.ts';
import { FieldedObject } from './fielded-object.ts';
import { userId } from '../../lib/system-account.ts';
import type { InPlace } from '../source.ts';

const LARGEST = 1024 * 1024;
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** A file that the agent can have written for its owner: who may write to the folder could put another in its place. */
export interface OwnFile {
  readonly path: string;
  /** Absent: as the process. */
  readonly user?: string | number | undefined;
}

/** Undefined for a link to somebody's file, somebody else's file, a pipe (which would be waited for) and what is too large. Throws as `fs`. */
function textOf({ path, user }: OwnFile): string | undefined {
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = fstatSync(file);
    const owner = user === undefined ? process.geteuid?.() : userId(user);
    const isOurs = found.isFile() && found.nlink === 1 && found.uid === (owner ?? found.uid);
    return isOurs && found.size <= LARGEST ? readFileSync(file, 'utf8') : undefined;
  } finally {
    closeSync(file);
  }
}

const textsOf = (data: Readonly<Record<string, unknown>>): string =>
  Object.values(data)
    .flatMap((value) => (Array.isArray(value) ? (value as readonly unknown[]) : [value]))
    .filter((value) => typeof value === 'string')
    .join('\n');

export class CertificateObject extends FieldedObject {
  readonly type = 'dependency.PemEncoded';
  readonly kind = 'struct';
  protected readonly fields: Readonly<Record<string, Value>>;

  constructor(data: Readonly<Record<string, unknown>>) {
    super();
    const { certificate, key, authorities } = bundleOf(textsOf(data));
    this.fields = {
      Cert: toBytes(certificate),
      Key: toBytes(key),
      CA: toBytes(authorities[0] ?? ''),
      CAChain: strings(authorities.map(toBytes)),
      Data: this,
    };
  }

  /** As a whole it shows nothing: its key is in it. */
  print(): string {
    return '{certificate}';
  }
}

/**
 * What the file holds, where that is a certificate with its own key that is valid by now; how much of its time is over it says itself. `now` in
 * milliseconds since the epoch.
 */
export function certificateIn(file: OwnFile, now: number): InPlace | undefined {
  try {
    const text = textOf(file) ?? '';
    // Of several nobody knows which one is asked for.
    if (text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----/g)?.length !== 1) return undefined;
    const lifetime = ownLifetime(bundleOf(text), now);
    // By a clock that is behind it would be young for as long as that is.
    if (lifetime === undefined || lifetime.age < 0) return undefined;
    return { data: { file: text }, ...lifetime };
  } catch {
    // Not there, or not of ours: another is ordered.
    return undefined;
  }
}
