/**
 * Versions and constraints as the library beneath sprig (Masterminds/semver) reads them: a missing minor or patch is 0, and a
 * constraint without one is a range. npm's `semver` has another grammar of constraints.
 */
import { fn, type FunctionMap } from '../function.ts';
import { fitsUint } from '../number.ts';
import { FunctionError } from '../template-error.ts';
import { type GoMethod, GoObject, SizedInt, type Value } from '../value.ts';

const SUFFIX = '(?:-([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?(?:\\+([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?';
const VERSION = new RegExp(`^v?(\\d+)(?:\\.(\\d+))?(?:\\.(\\d+))?${SUFFIX}$`);
/** Of both: the patterns below look at some characters more than once. */
const MOST = 250;

class Version extends GoObject {
  readonly type = '*semver.Version';
  readonly kind = 'ptr';
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: string;
  readonly metadata: string;
  readonly original: string;

  constructor(text: string) {
    super();
    const found = text.length > MOST ? null : VERSION.exec(text);
    if (found === null) throw new FunctionError('Invalid Semantic Version');
    const [, major = '0', minor = '0', patch = '0', prerelease = '', metadata = ''] = found;
    const numbers = [major, minor, patch].map(BigInt);
    if (!numbers.every(fitsUint)) throw new FunctionError('Error parsing version segment: value out of range');
    if (prerelease.split('.').some((part) => /^0\d+$/.test(part))) {
      throw new FunctionError('Version segment starts with 0');
    }
    [this.major = 0n, this.minor = 0n, this.patch = 0n] = numbers;
    this.prerelease = prerelease;
    this.metadata = metadata;
    this.original = text;
  }

  print(): string {
    const pre = this.prerelease === '' ? '' : `-${this.prerelease}`;
    const meta = this.metadata === '' ? '' : `+${this.metadata}`;
    return `${this.major}.${this.minor}.${this.patch}${pre}${meta}`;
  }

  json(): string {
    return JSON.stringify(this.print());
  }

  equals(other: GoObject): boolean {
    return other instanceof Version && this.original === other.original;
  }

  override method(name: string): GoMethod | undefined {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return field === undefined ? undefined : { params: [], call: () => field(this) };
  }
}

const unsigned = (value: bigint): SizedInt => new SizedInt('uint64', value);

const fields: Readonly<Record<string, (version: Version) => Value>> = {
  Major: ({ major }) => unsigned(major),
  Minor: ({ minor }) => unsigned(minor),
  Patch: ({ patch }) => unsigned(patch),
  Prerelease: ({ prerelease }) => prerelease,
  Metadata: ({ metadata }) => metadata,
  Original: ({ original }) => original,
  String: (version) => version.print(),
};

const order = <T extends bigint | string>(left: T, right: T): number => (left < right ? -1 : left > right ? 1 : 0);

/** Metadata counts for nothing; a version comes after its prereleases. */
function compare(left: Version, right: Version): number {
  const numbers = order(left.major, right.major) || order(left.minor, right.minor) || order(left.patch, right.patch);
  if (numbers !== 0) return numbers;
  if (left.prerelease === '' || right.prerelease === '')
    return order(right.prerelease === '' ? '' : 'x', left.prerelease === '' ? '' : 'x');
  return comparePrereleases(left.prerelease, right.prerelease);
}

function comparePrereleases(left: string, right: string): number {
  const [these, those] = [left.split('.'), right.split('.')];
  const count = Math.max(these.length, those.length);
  for (let place = 0; place < count; place++) {
    const found = compareParts(these[place] ?? '', those[place] ?? '');
    if (found !== 0) return found;
  }
  return 0;
}

const isNumber = (part: string): boolean => /^\d+$/.test(part) && fitsUint(BigInt(part));

/** Numbers come before words, and nothing before both. */
function compareParts(left: string, right: string): number {
  if (left === '' || right === '') return order(left, right);
  if (isNumber(left) && isNumber(right)) return order(BigInt(left), BigInt(right));
  return isNumber(left) ? -1 : isNumber(right) ? 1 : order(left, right);
}

interface Constraint {
  readonly operator: string;
  readonly version: Version;
  /** What the constraint leaves open: nothing, the patch, the minor with it, or all. */
  readonly open: 'nothing' | 'patch' | 'minor' | 'all';
}

const LIKE =
  'v?([0-9|xX*]+)(\\.[0-9|xX*]+)?(\\.[0-9|xX*]+)?(-[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?';
const UNCAUGHT = LIKE.replaceAll(/\((?!\?)/g, '(?:');
const OPERATORS = '=|!=|>|<|>=|=>|<=|=<|~|~>|\\^|';
const RANGE = new RegExp(`\\s*(${UNCAUGHT})\\s+-\\s+(${UNCAUGHT})\\s*`, 'g');
const ONE = new RegExp(`^\\s*(${OPERATORS})\\s*${LIKE}\\s*$`);
const EACH = new RegExp(`(?:=>|=<|!=|>=|<=|~>|[=><~^]|)\\s*${UNCAUGHT}`, 'g');
const ALL = new RegExp(
  `^\\s*(?:${OPERATORS})\\s*${UNCAUGHT}\\s*(?:(?:\\s+|,\\s*)(?:${OPERATORS})\\s*${UNCAUGHT}\\s*)*$`,
);

/** Any of them is enough, each of all its parts. */
function constraintsOf(text: string): readonly (readonly Constraint[])[] {
  const improper = (): FunctionError => new FunctionError('improper constraint');
  if (text.length > MOST) throw improper();
  // Runs of spaces would be parted in many ways.
  const plain = text
    .replaceAll(/\s+/g, ' ')
    .replace(RANGE, (_all, from: string, to: string) => `>= ${from}, <= ${to} `);
  return plain.split('||').map((part) => {
    if (!ALL.test(part)) throw improper();
    return (part.match(EACH) ?? []).map((each) => {
      const found = ONE.exec(each);
      if (found === null) throw improper();
      return constraintOf(found);
    });
  });
}

const isAny = (part: string | undefined): boolean => part === undefined || /^\.?[xX*]$/.test(part);

function constraintOf([, operator = '', major, minor, patch, prerelease = '']: RegExpExecArray): Constraint {
  const open = isAny(major) ? 'all' : isAny(minor) ? 'minor' : isAny(patch) ? 'patch' : 'nothing';
  const numbers = {
    all: '0.0.0',
    minor: `${major}.0.0`,
    patch: `${major}${minor}.0`,
    nothing: `${major}${minor}${patch}`,
  };
  try {
    return { operator, version: new Version(numbers[open] + prerelease), open };
  } catch (error) {
    if (error instanceof FunctionError) throw new FunctionError('constraint Parser Error');
    throw error;
  }
}

type Check = (version: Version, constraint: Constraint) => boolean;

const above: Check = (version, { version: bound, open }) => {
  if (open === 'nothing' || version.major !== bound.major)
    return open === 'nothing' ? compare(version, bound) > 0 : version.major > bound.major;
  // Of what is left open nothing is above: 11.1 is not above 11.
  if (open === 'all') return compare(version, bound) > 0;
  return open === 'patch' && version.minor > bound.minor;
};

const atMost: Check = (version, { version: bound, open }) => {
  if (open === 'nothing') return compare(version, bound) <= 0;
  if (version.major !== bound.major) return version.major < bound.major;
  return open === 'minor' || version.minor <= bound.minor;
};

const tilde: Check = (version, { version: bound, open }) => {
  if (compare(version, bound) < 0) return false;
  const isZero = bound.major === 0n && bound.minor === 0n && bound.patch === 0n;
  if (isZero && (open === 'nothing' || open === 'all')) return true;
  return version.major === bound.major && (open === 'minor' || version.minor === bound.minor);
};

const caret: Check = (version, { version: bound, open }) => {
  if (compare(version, bound) < 0) return false;
  if (bound.major > 0n || open === 'minor') return version.major === bound.major;
  if (version.major > 0n) return false;
  if (bound.minor > 0n || open === 'patch') return version.minor === bound.minor;
  return version.minor === 0n && version.patch === bound.patch;
};

const notEqual: Check = (version, { version: bound, open }) => {
  if (open === 'nothing') return compare(version, bound) !== 0;
  if (version.major !== bound.major) return true;
  if (open === 'minor') return false;
  if (version.minor !== bound.minor) return true;
  if (open === 'all') return version.patch !== bound.patch || compare(version, bound) !== 0;
  return comparePrereleases(version.prerelease, bound.prerelease) !== 0;
};

const like: Check = (version, constraint) =>
  constraint.open === 'nothing' ? compare(version, constraint.version) === 0 : tilde(version, constraint);
const atLeast: Check = (version, { version: bound }) => compare(version, bound) >= 0;

const checks: Readonly<Record<string, Check>> = {
  ...{
    '': like,
    '=': like,
    '!=': notEqual,
    '>': above,
    '<': (version, { version: bound }) => compare(version, bound) < 0,
  },
  ...{ '>=': atLeast, '=>': atLeast, '<=': atMost, '=<': atMost, '~': tilde, '~>': tilde, '^': caret },
};

/** A prerelease is taken only where the constraint has one; `!=` of a whole version asks not. */
function satisfies(version: Version, constraint: Constraint): boolean {
  const asks = constraint.operator !== '!=' || constraint.open !== 'nothing';
  if (asks && version.prerelease !== '' && constraint.version.prerelease === '') return false;
  return checks[constraint.operator]?.(version, constraint) ?? false;
}

export const semverFunctions: FunctionMap = {
  semver: fn(['string'], ([text]) => new Version(text)),
  semverCompare: fn(['string', 'string'], ([constraint, text], meter) => {
    meter.step(constraint.length);
    const any = constraintsOf(constraint);
    const version = new Version(text);
    return any.some((all) => all.every((each) => satisfies(version, each)));
  }),
};
