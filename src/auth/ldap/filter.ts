/**
 * Search filters with places for what is known of who logs in: `({{.UserAttr}}={{.Username}})`. Upstream takes any Go template;
 * here the places are all there is. Values come in after the filter was parsed, and only where a filter has values: none can
 * become part of how the filter is built (RFC 4515).
 */
import type { Filter } from 'ldapts';
import { fail } from '../../errors.ts';

/** Of values: by name, what stands for it until it is filled in. From the private use area, so no text has them. */
const MARKS = { Username: '\u{f0001}', UserDN: '\u{f0002}' } as const;
type Mark = keyof typeof MARKS;

export type FilterField = 'userfilter' | 'groupfilter';

const PLACES: Readonly<Record<FilterField, readonly string[]>> = {
  userfilter: ['UserAttr', 'Username'],
  groupfilter: ['UserDN', 'Username'],
};

const isMark = (name: string): name is Mark => Object.hasOwn(MARKS, name);

type Put = (text: string) => string;

const library = () => import('ldapts');
type Library = Awaited<ReturnType<typeof library>>;

/** The same filter with other values; undefined: of a kind that is not known. */
function withValues(filter: Filter, put: Put, ldap: Library): Filter {
  const each = (filters: readonly Filter[]): Filter[] => filters.map((one) => withValues(one, put, ldap));
  const text = (value: Buffer | string): Buffer | string => (typeof value === 'string' ? put(value) : value);
  if (filter instanceof ldap.AndFilter) return new ldap.AndFilter({ filters: each(filter.filters) });
  if (filter instanceof ldap.OrFilter) return new ldap.OrFilter({ filters: each(filter.filters) });
  if (filter instanceof ldap.NotFilter) return new ldap.NotFilter({ filter: withValues(filter.filter, put, ldap) });
  const { attribute } = filter as { readonly attribute?: string };
  const named = attribute === undefined ? {} : { attribute };
  if (filter instanceof ldap.EqualityFilter) return new ldap.EqualityFilter({ ...named, value: text(filter.value) });
  if (filter instanceof ldap.ApproximateFilter)
    return new ldap.ApproximateFilter({ ...named, value: put(filter.value) });
  if (filter instanceof ldap.GreaterThanEqualsFilter) {
    return new ldap.GreaterThanEqualsFilter({ ...named, value: put(filter.value) });
  }
  if (filter instanceof ldap.LessThanEqualsFilter) {
    return new ldap.LessThanEqualsFilter({ ...named, value: put(filter.value) });
  }
  if (filter instanceof ldap.SubstringFilter) {
    const { initial, any, final } = filter;
    return new ldap.SubstringFilter({ ...named, initial: put(initial), any: any.map(put), final: put(final) });
  }
  if (filter instanceof ldap.ExtensibleFilter) {
    const { matchType, rule, dnAttributes, value } = filter;
    return new ldap.ExtensibleFilter({ matchType, rule, dnAttributes, value: put(value) });
  }
  return filter;
}

const refuse = (field: FilterField, why: string, cause?: unknown): Error =>
  fail('badRequest', `invalid ${field}: ${why}`, { cause });

/** With marks in the places of values. Throws `badRequest`. */
function marked(field: FilterField, template: string, userAttr: string): string {
  const places = PLACES[field];
  const text = template.replaceAll(/\{\{\s*\.(\w+)\s*\}\}/g, (place: string, name: string) => {
    if (!places.includes(name)) return place;
    return isMark(name) ? MARKS[name] : userAttr;
  });
  if (/\{\{|\}\}/.test(text)) {
    const names = places.map((name) => `{{.${name}}}`).join(' and ');
    throw refuse(field, `only ${names} can stand in it; other actions of Go templates are not offered`);
  }
  if (/\\[89a-f][\da-f]/i.test(text)) throw refuse(field, 'write the character itself in place of its escaped bytes');
  return text;
}

export interface Filling {
  readonly field: FilterField;
  readonly template: string;
  readonly userAttr: string;
}

/** From the values to the filter. Throws `badRequest` for a template that is none. */
export async function filterOf({ field, template, userAttr }: Filling): Promise<(values: FilterValues) => Filter> {
  const ldap = await library();
  const text = marked(field, template, userAttr);
  let parsed: Filter;
  try {
    parsed = ldap.FilterParser.parseString(text);
  } catch (error) {
    throw refuse(field, 'it is no filter by RFC 4515, with parentheses around it', error);
  }
  const fill = ({ username, userDn = '' }: FilterValues): Filter =>
    withValues(
      parsed,
      (value) => value.replaceAll(/[\u{f0001}\u{f0002}]/gu, (mark) => (mark === MARKS.Username ? username : userDn)),
      ldap,
    );
  if (/[\u{f0001}\u{f0002}]/u.test(fill({ username: '', userDn: '' }).toString())) {
    throw refuse(field, 'who logs in can stand in the place of a value alone');
  }
  return fill;
}

export interface FilterValues {
  readonly username: string;
  readonly userDn?: string;
}
