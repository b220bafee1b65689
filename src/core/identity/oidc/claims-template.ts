/**
 * Templates of claims: JSON with Vault's selectors in it. A selector is filled in as a value of the parsed JSON and never
 * as text, so that nothing an identity contains can end a string, add a member or be filled in a second time.
 */
import { fail } from '../../../errors.ts';
import { strictObject } from '../../../lib/jwt/strict-json.ts';
import { templateParts, timeOf } from '../../policy/template.ts';
import type { Identity } from '../identity-store.ts';
import type { AliasRecord } from '../records.ts';

export type Claims = Readonly<Record<string, unknown>>;
type Value = (who: Identity) => unknown;

/** Claims that no template sets. */
export const RESERVED_CLAIMS: readonly string[] = [
  ...['iat', 'aud', 'exp', 'iss', 'sub', 'namespace', 'nonce', 'auth_time', 'at_hash', 'c_hash'],
];

const LONGEST = 64 * 1024;
/** Stands for a selector while the JSON around it is parsed. JSON text cannot hold the sign but escaped. */
const HOLE = '\u0000selector ';

const unknown = (): Error =>
  fail('badRequest', 'error parsing template: no value could be found for one of the template directives');

/** Keys of metadata may hold dots. What is missing is empty, as upstream. */
const member = (metadata: Readonly<Record<string, string>> | null, key: string): string =>
  metadata !== null && Object.hasOwn(metadata, key) ? (metadata[key] ?? '') : '';

function ofAlias(accessor: string, field: string): Value {
  const alias = (read: (found: AliasRecord) => unknown, none: unknown): Value => {
    return ({ record }) => {
      const found = record.aliases.find((each) => each.accessor === accessor);
      return found === undefined ? none : read(found);
    };
  };
  if (field === 'id') return alias(({ id }) => id, '');
  if (field === 'name') return alias(({ name }) => name, '');
  if (field === 'metadata') return alias(({ metadata }) => metadata ?? {}, {});
  if (field === 'custom_metadata') return alias(({ customMetadata }) => customMetadata ?? {}, {});
  const [, kind, key = ''] = /^(metadata|custom_metadata)\.(.+)$/s.exec(field) ?? [];
  if (kind === 'metadata') return alias(({ metadata }) => member(metadata, key), '');
  if (kind === 'custom_metadata') return alias(({ customMetadata }) => member(customMetadata, key), '');
  throw unknown();
}

const PLAIN: Readonly<Record<string, Value>> = {
  id: ({ record }) => record.id,
  name: ({ record }) => record.name,
  metadata: ({ record }) => record.metadata ?? {},
  'groups.ids': ({ groups }) => groups.map(({ id }) => id),
  'groups.names': ({ groups }) => groups.map(({ name }) => name),
};

/** Throws `badRequest` for a selector that claims have no value for. */
function valueOf(selector: string): Value {
  const field = selector.startsWith('identity.entity.') ? selector.slice('identity.entity.'.length) : '';
  if (Object.hasOwn(PLAIN, field)) return PLAIN[field] ?? (() => '');
  if (field.startsWith('metadata.')) return ({ record }) => member(record.metadata, field.slice('metadata.'.length));
  const [, accessor, rest] = /^aliases\.([^.]+)\.(.+)$/s.exec(field) ?? [];
  if (accessor === undefined || rest === undefined) throw unknown();
  return ofAlias(accessor, rest);
}

export interface ClaimsTemplate {
  /** Names of the claims at the top. */
  readonly names: readonly string[];
  /**
   * `who` undefined: nobody. undefined: what it names is not there, or it makes no JSON at this time. `now` in milliseconds
   * since the epoch.
   */
  readonly fill: (who: Identity | undefined, now: number) => Claims | undefined;
}

const NOTHING: ClaimsTemplate = { names: [], fill: () => ({}) };

/** Throws `badRequest`. */
export function compileTemplate(text: string): ClaimsTemplate {
  if (text === '') return NOTHING;
  const parts = templateParts(text);
  if (parts === undefined) throw fail('badRequest', 'error parsing template: unbalanced templating characters');
  const holes: Value[] = [];
  const pieces = parts.map(({ text: piece, selector }): string | { readonly time: string } => {
    if (!selector) return piece;
    if (piece.startsWith('time.')) return { time: piece.slice('time.'.length) };
    holes.push(valueOf(piece));
    return JSON.stringify(`${HOLE}${String(holes.length - 1)}`);
  });
  const at = (now: number): Claims | undefined => {
    const whole = pieces.map((piece) => (typeof piece === 'string' ? piece : (timeOf(piece.time, now) ?? '{')));
    return strictObject(whole.join(''), { length: LONGEST });
  };
  const shape = at(0);
  if (shape === undefined || !hasPlainNames(shape)) {
    throw fail('badRequest', 'error parsing template JSON: it is no object whose members all have names of their own');
  }
  const names = Object.keys(shape);
  return {
    names,
    fill: (who, now) => {
      const shaped = at(now);
      if (shaped === undefined || (who === undefined && holes.length > 0)) return undefined;
      return filled(shaped, (hole) => (who === undefined ? '' : holes[hole]?.(who))) as Claims;
    },
  };
}

/** A selector can stand for a value alone: as a name it could take another claim's place. */
function hasPlainNames(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(hasPlainNames);
  return Object.entries(value).every(([name, each]) => !name.startsWith(HOLE) && hasPlainNames(each));
}

function filled(value: unknown, hole: (at: number) => unknown): unknown {
  if (typeof value === 'string') return value.startsWith(HOLE) ? hole(Number(value.slice(HOLE.length))) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => filled(each, hole));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filled(each, hole)]));
}

/** From JSON, or JSON in base64. */
export function templateText(given: string): string {
  const isBase64 = given !== '' && given.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(given);
  return isBase64 ? Buffer.from(given, 'base64').toString('utf8') : given;
}

/** Throws `badRequest` for a template that makes no claims, or one of those that are not its own to make. */
export function checkTemplate(text: string): void {
  const reserved = compileTemplate(text).names.find((name) => RESERVED_CLAIMS.includes(name));
  if (reserved === undefined) return;
  throw fail('badRequest', `top level key "${reserved}" not allowed. Restricted keys: ${RESERVED_CLAIMS.join(', ')}`);
}
