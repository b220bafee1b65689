/** `metadata` of a PushSecret for Azure Key Vault, and what is known of an object there, as External Secrets Operator has them. */
import { isObject, parseJson } from '../../client/json.ts';
import { goJson } from '../../lib/go-text.ts';
import { ProviderProblem, type Reference } from '../contract.ts';
import { bytesOf, lacks, propertyOf } from '../property.ts';
import { readMetadata } from '../push-metadata.ts';
import { MARK } from '../written.ts';

const FIELDS = { expirationDate: 'text', contentType: 'text', tags: 'texts' } as const;

export const azurekvFields = Object.keys(FIELDS);

type Json = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

export interface Wanted {
  /** Seconds since 1970. */
  readonly expires: number | undefined;
  readonly contentType: string | undefined;
  readonly tags: Texts;
}

/** RFC 3339, in seconds. */
function secondsOf(moment: string): number {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(moment)
    ? Date.parse(moment)
    : Number.NaN;
  if (Number.isFinite(at)) return Math.floor(at / 1_000);
  throw new ProviderProblem('invalid', 'metadata.spec.expirationDate is no moment as 2027-12-31T20:00:00Z');
}

/** Throws `ProviderProblem`. */
export function wantedOf(metadata: unknown): Wanted {
  const { expirationDate = '', contentType = '', tags = {} } = readMetadata(metadata, FIELDS);
  if (Object.hasOwn(tags, MARK.Key)) {
    throw new ProviderProblem(
      'invalid',
      `metadata.spec.tags: ${MARK.Key} is the mark of External Secrets, and not to be set`,
    );
  }
  return {
    expires: expirationDate === '' ? undefined : secondsOf(expirationDate),
    contentType: contentType === '' ? undefined : contentType,
    tags,
  };
}

export const textsIn = (value: unknown): Texts =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).flatMap(([name, each]) =>
      typeof each === 'string' ? [[name, each]] : [],
    ),
  );

const MOMENTS = { expires: 'exp', created: 'created', updated: 'updated', notBefore: 'nbf' } as const;

/** `attribute.created` and the like, as moments. */
function momentsOf(attributes: unknown): Texts {
  const given = isObject(attributes) ? attributes : {};
  return Object.fromEntries(
    Object.entries(MOMENTS).flatMap(([name, at]) => {
      const seconds = given[at];
      if (typeof seconds !== 'number' || seconds > 1e11) return [];
      return [[`attribute.${name}`, new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z')]];
    }),
  );
}

/** Tags, and moments among them. */
const knownOf = ({ tags, attributes }: Json): Texts => ({ ...textsIn(tags), ...momentsOf(attributes) });

function objectText(text: string): Json | undefined {
  try {
    const parsed = parseJson(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** A tag by its name, or `tag.part` of one that is JSON; all as JSON. Throws `ProviderProblem`. */
export function metadataAt(held: Json, reference: Reference): Uint8Array {
  const { property = '' } = reference;
  const known = knownOf(held);
  if (property === '') return Buffer.from(goJson(known), 'utf8');
  if (Object.hasOwn(known, property)) return bytesOf(known[property]);
  const [, tag = '', part = ''] = /^([^.]+)\.(.+)$/s.exec(property) ?? [];
  const inner = Object.hasOwn(known, tag) ? objectText(known[tag] ?? '') : undefined;
  const found = inner === undefined ? undefined : propertyOf(inner, part);
  if (found?.found === true) return found.value;
  throw lacks(reference);
}

/** For `extract`: `<name>_<tag>`, of a tag that is JSON of texts `<name>_<tag>_<member>`. */
export function metadataMembers(
  held: Json,
  name: string,
  { key, property = '' }: Reference,
): ReadonlyMap<string, Uint8Array> {
  const { tags, attributes } = held;
  const entries = Object.entries(textsIn(tags)).flatMap(([tag, value]): readonly (readonly [string, string])[] => {
    const inner = objectText(value);
    const ofTexts = inner !== undefined && Object.values(inner).every((each) => typeof each === 'string');
    if (!ofTexts) return [[`${name}_${tag}`, value]];
    return Object.entries(textsIn(inner)).map(([member, text]) => [`${name}_${tag}_${member}`, text]);
  });
  const moments = Object.entries(momentsOf(attributes)).map(([at, text]) => [`${name}_${at}`, text] as const);
  const all = new Map([...entries, ...moments].map(([at, text]) => [at, Buffer.from(text, 'utf8')]));
  if (property === '') return all;
  const one = all.get(`${name}_${property}`);
  if (one === undefined) throw lacks({ key, property });
  return new Map([[`${name}_${property}`, one]]);
}
