/**
 * What a login is recognised by. A keyed hash of the mount and the name, under a secret that every region has which takes
 * logins on that mount: so two regions that are cut off from each other make one and the same entity.
 */
import { hmacSha256, hmacSha256Base64Url, sha256, takeKey, type KeyObject } from '../../lib/crypto/hash.ts';
import { isBuiltIn, originOf, type MountRecord } from '../mounts/mount.ts';
import { folded } from './records.ts';

/** The secret of a built-in mount is each node's own, and the names of its aliases are none: they are typed by operators. */
const secretOf = (mount: MountRecord): Buffer =>
  isBuiltIn(mount) ? sha256('lockstep-identity', mount.uuid) : Buffer.from(mount.salt, 'base64');

interface Made {
  readonly key: KeyObject;
  /** Texts of factors by what they are made of: of who was let in, or asked for by who may look. */
  readonly texts: Map<string, string>;
}

/** A record is never changed, so neither its key nor a text need be made for each login. */
let made = new WeakMap<MountRecord, Made>();
/** Characters of what is kept of all mounts: who may look an alias up says how long a name is, and there are many mounts. */
let kept = 0;

/** Beyond it all start anew. */
const MOST = 4 * 1024 * 1024;

function madeOf(mount: MountRecord): Made {
  const known = made.get(mount);
  if (known !== undefined) return known;
  const fresh = { key: takeKey(secretOf(mount)), texts: new Map<string, string>() };
  made.set(mount, fresh);
  return fresh;
}

function textOf({ key, texts }: Made, place: string): string {
  const known = texts.get(place);
  if (known !== undefined) return known;
  const text = hmacSha256Base64Url(key, separated('factor', place));
  texts.set(place, text);
  kept += place.length + text.length;
  if (kept > MOST) {
    made = new WeakMap();
    kept = 0;
  }
  return text;
}

/** Methods whose names are told apart by case: of SPIFFE IDs that differ in it, each is another workload's. */
const EXACT: ReadonlySet<string> = new Set(['spiffe']);

const separated = (...parts: readonly string[]): string => JSON.stringify(parts);

export interface Factor {
  readonly text: string;
  /** The ids to take, in this order: the first one is free, unless an entity that had it was deleted, merged or let it go. */
  readonly id: (attempt: number) => string;
  readonly aliasId: (attempt: number) => string;
}

export interface FactorOptions {
  readonly namespace: string;
  /** The region whose own the mount is; two regions' local mounts have nothing to do with each other. */
  readonly region: string;
  /** Entities and groups have factors of their own. */
  readonly of: 'entity' | 'group';
}

export function factorOf(mount: MountRecord, name: string, { namespace, region, of }: FactorOptions): Factor {
  const own = madeOf(mount);
  const known = EXACT.has(mount.type) ? name : folded(name);
  const place = separated(of, namespace, originOf(mount), mount.local ? region : '', known);
  const derived = (purpose: string, attempt: number): string =>
    uuidOf(hmacSha256(own.key, separated(purpose, String(attempt), place)));
  return {
    text: textOf(own, place),
    id: (attempt) => derived('id', attempt),
    aliasId: (attempt) => derived('alias', attempt),
  };
}

/** A version 8 UUID (RFC 9562): 122 bits of the hash. */
function uuidOf(hash: Buffer): string {
  const bytes = Buffer.from(hash.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
