/**
 * `{{…}}` and `${…}` in the paths of rules: Vault's selectors and those of `workload.ts`, filled with what is known of who asks. A value is put in as it is or
 * not at all: one that could make the path mean more than the one place it names is refused (design rule 30), and the
 * rule counts as one whose value is missing.
 */
import { isLockstepError } from '../../errors.ts';
import { durationSeconds } from '../../lib/duration.ts';
import { MAX_RULE_PATH, problemOf } from './rule-path.ts';
import { workloadParts, workloadValue, type Workload } from './workload.ts';

type Metadata = Readonly<Record<string, string>> | null;

interface Named {
  readonly id: string;
  readonly name: string;
  readonly metadata: Metadata;
}

/** Who asks, as far as selectors name it. */
export interface Subject {
  readonly entity: Named & {
    readonly aliases: readonly (Named & { readonly accessor: string; readonly customMetadata: Metadata })[];
  };
  /** The entity's groups in the namespace of the policy, and all that these lie in. */
  readonly groups: readonly Named[];
  /** Absent: it is none, or it is not told which. */
  readonly workload?: Workload | undefined;
}

/** What a policy allows in values beyond the letters of one segment. */
export interface TemplateOptions {
  /** `*` and `+`. */
  readonly wildcards: boolean;
  /** `/`. */
  readonly slashes: boolean;
}

export const STRICT: TemplateOptions = Object.freeze({ wildcards: false, slashes: false });

export interface Filling {
  readonly subject: Subject | undefined;
  readonly options: TemplateOptions;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

interface Part {
  readonly text: string;
  /** Of a selector. */
  readonly selector: boolean;
}

/** In turn; undefined when the braces do not pair up. */
export function templateParts(path: string): readonly Part[] | undefined {
  const [head = '', ...rest] = path.split('{{');
  if (head.includes('}}')) return undefined;
  const parts: Part[] = [{ text: head, selector: false }];
  for (const piece of rest) {
    const [selector = '', text, ...more] = piece.split('}}');
    if (text === undefined || more.length > 0) return undefined;
    parts.push({ text: selector.trim(), selector: true }, { text, selector: false });
  }
  return parts;
}

interface PathPart {
  /** Of a selector what stands between its braces. */
  readonly text: string;
  readonly kind: 'text' | 'selector' | 'workload';
}

/** What stands for a path that cannot be read. */
const UNREADABLE: readonly PathPart[] = [{ text: '', kind: 'selector' }];

/** As `templateParts`, with `${…}` too, which has a meaning in paths alone. */
function pathParts(path: string): readonly PathPart[] {
  const parts = templateParts(path)?.map(({ text, selector }) =>
    selector ? [{ text, kind: 'selector' as const }] : plainParts(text),
  );
  return parts?.every((each) => each !== undefined) === true ? parts.flat() : UNREADABLE;
}

const plainParts = (between: string): readonly PathPart[] | undefined =>
  workloadParts(between)?.map((text, at) => ({ text, kind: at % 2 === 0 ? 'text' : 'workload' }));

/** Whether the path changes with the time alone. */
export const namesTime = (path: string): boolean => /\{\{\s*time\./.test(path);

/** The path for this subject; undefined when a value is missing or is not one that may stand there. */
export function fillTemplate(path: string, filling: Filling): string | undefined {
  let filled = '';
  for (const part of pathParts(path)) {
    const value = filledPart(part, filling);
    if (value === undefined) return undefined;
    filled += value;
  }
  return filled.length <= MAX_RULE_PATH && problemOf(filled) === undefined ? filled : undefined;
}

function filledPart({ text, kind }: PathPart, filling: Filling): string | undefined {
  if (kind === 'text') return text;
  const value = kind === 'workload' ? workloadValue(text, filling.subject?.workload) : valueOf(text, filling);
  // What a policy allows in values is meant for those that it can choose.
  const options = kind === 'workload' ? STRICT : filling.options;
  return value !== undefined && isPlain(value, options) ? value : undefined;
}

/** Beside what cannot be printed, what has a meaning in paths of rules. */
function isPlain(value: string, { wildcards, slashes }: TemplateOptions): boolean {
  if (value === '' || !value.isWellFormed() || /[\p{C}\p{Zl}\p{Zp}]/u.test(value)) return false;
  if (value === '.' || value === '..') return false;
  return (wildcards || !/[*+]/.test(value)) && (slashes || !value.includes('/'));
}

/**
 * A path that covers whatever the template could be filled with: for a rule that denies, and cannot be filled, since its
 * absence would allow. What stands in a segment with a selector is any segment.
 */
export function coverOf(path: string, { wildcards, slashes }: TemplateOptions): string {
  const shape = pathParts(path)
    .map(({ text, kind }) => (kind === 'text' ? text : HOLE))
    .join('');
  const segments = shape.split('/');
  const first = segments.findIndex((segment) => segment.includes(HOLE));
  // Values with `/` or `*` reach beyond their segment, and so does the closing `*` of one.
  const open = wildcards || slashes || (shape.endsWith('*') && segments.at(-1)?.includes(HOLE) === true);
  if (open)
    return `${segments
      .slice(0, first)
      .map((each) => `${each}/`)
      .join('')}*`;
  return segments.map((segment) => (segment.includes(HOLE) ? '+' : segment)).join('/');
}

/** Stands in no path. */
const HOLE = '\u0000';

function valueOf(selector: string, { subject, now }: Filling): string | undefined {
  if (selector.startsWith('time.')) return timeOf(selector.slice('time.'.length), now);
  if (subject === undefined) return undefined;
  const [root, kind, ...rest] = selector.split('.');
  if (root !== 'identity') return undefined;
  if (kind === 'entity') return entityValue(subject.entity, rest);
  return kind === 'groups' ? groupValue(subject.groups, rest) : undefined;
}

function entityValue(entity: Subject['entity'], [first = '', ...rest]: readonly string[]): string | undefined {
  if (first !== 'aliases') return namedValue(entity, first, rest);
  const [accessor, field = '', ...key] = rest;
  const alias = entity.aliases.find((each) => each.accessor === accessor);
  if (alias === undefined) return undefined;
  return field === 'custom_metadata' ? member(alias.customMetadata, key) : namedValue(alias, field, key);
}

/** Names of groups may hold dots: the longest one goes first. */
function groupValue(groups: readonly Named[], [by, ...rest]: readonly string[]): string | undefined {
  if (by !== 'ids' && by !== 'names') return undefined;
  const wanted = rest.join('.');
  const found = groups
    .filter(({ id, name }) => wanted.startsWith(`${by === 'ids' ? id : name}.`))
    .sort((a, b) => b.name.length - a.name.length)[0];
  if (found === undefined) return undefined;
  const [field = '', ...key] = wanted.slice((by === 'ids' ? found.id : found.name).length + 1).split('.');
  return namedValue(found, field, key);
}

function namedValue({ id, name, metadata }: Named, field: string, key: readonly string[]): string | undefined {
  if (field === 'metadata') return member(metadata, key);
  if (key.length > 0) return undefined;
  return field === 'id' ? id : field === 'name' ? name : undefined;
}

/** Keys of metadata may hold dots. */
function member(metadata: Metadata, key: readonly string[]): string | undefined {
  const name = key.join('.');
  return metadata !== null && Object.hasOwn(metadata, name) ? metadata[name] : undefined;
}

/** Seconds since the epoch: `now`, `now.plus.1h`, `now.minus.1h`. */
export function timeOf(selector: string, now: number): string | undefined {
  const [base, operator, ...rest] = selector.split('.');
  const seconds = Math.floor(now / 1000);
  if (base !== 'now') return undefined;
  if (operator === undefined) return String(seconds);
  if (operator !== 'plus' && operator !== 'minus') return undefined;
  const shift = shiftOf(rest.join('.'));
  return shift === undefined ? undefined : String(operator === 'plus' ? seconds + shift : seconds - shift);
}

function shiftOf(text: string): number | undefined {
  try {
    return durationSeconds(text, 'time');
  } catch (error) {
    if (isLockstepError(error)) return undefined;
    throw error;
  }
}
