/** cel-go's `math`, and texts that become numbers by its rules: JavaScript's own take "", " 5 " and "0x10" too. */
import { library } from './library.ts';
import type { CelFunc, CelUint, CelValue } from '@bufbuild/cel';

const BITS = 64;
const INT_MAX = 2n ** 63n - 1n;
const UINT_MAX = 2n ** 64n - 1n;

type Numeric = bigint | number | CelUint;

function comparable(value: CelValue): bigint | number {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  if (library().cel.isCelUint(value)) return value.value;
  throw new Error('not a number');
}

/** Of one number, or of a list of them. */
function extreme(values: CelValue, better: (left: bigint | number, right: bigint | number) => boolean): CelValue {
  const [first, ...rest] = library().cel.isCelList(values) ? values : [values];
  if (first === undefined) throw new Error('an empty list has neither a least nor a greatest element');
  comparable(first);
  return rest.reduce((best, each) => (better(comparable(each), comparable(best)) ? each : best), first);
}

function absolute(value: bigint): bigint {
  if (value < -INT_MAX) throw new Error('integer overflow');
  return value < 0n ? -value : value;
}

function whole(text: string, bounds: { readonly least: bigint; readonly most: bigint }): bigint {
  if (!/^[+-]?\d{1,20}$/.test(text)) throw new Error('the text is no whole number');
  const number = BigInt(text.replace(/^\+/, ''));
  if (number < bounds.least || number > bounds.most) throw new Error('the number is out of range');
  return number;
}

const NAMED: Readonly<Record<string, number>> = { nan: Number.NaN, inf: Infinity, infinity: Infinity };

function double(text: string): number {
  const [, sign = '', digits = ''] = /^([+-]?)(.{1,64})$/.exec(text) ?? [];
  const named = Object.hasOwn(NAMED, digits.toLowerCase()) ? NAMED[digits.toLowerCase()] : undefined;
  if (named === undefined && !/^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(digits))
    throw new Error('the text is no number');
  const value = named ?? Number(digits);
  if (named === undefined && !Number.isFinite(value)) throw new Error('the number is out of range');
  return sign === '-' ? -value : value;
}

/** Half away from zero. */
const rounded = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

/** Go shifts a whole number out of its bits; it shifts to the right without its sign. */
function shifted(value: bigint, by: bigint, direction: 'left' | 'right'): bigint {
  if (by < 0n) throw new Error('a shift is not negative');
  if (by >= BigInt(BITS)) return 0n;
  const bits = BigInt.asUintN(BITS, value);
  return direction === 'left' ? BigInt.asUintN(BITS, bits << by) : bits >> by;
}

const signed = (bits: bigint): bigint => BigInt.asIntN(BITS, bits);

const root = (value: Numeric): number => Math.sqrt(Number(comparable(value)));

function ofIntegers(): CelFunc[] {
  const { cel } = library();
  const { INT, UINT } = cel.CelScalar;
  const bitwise = {
    And: (l: bigint, r: bigint) => l & r,
    Or: (l: bigint, r: bigint) => l | r,
    Xor: (l: bigint, r: bigint) => l ^ r,
  };
  return [
    ...Object.entries(bitwise).flatMap(([name, of]) => [
      cel.celFunc(`math.bit${name}`, [INT, INT], INT, of),
      cel.celFunc(`math.bit${name}`, [UINT, UINT], UINT, (l, r) => cel.celUint(of(l.value, r.value))),
    ]),
    cel.celFunc('math.bitNot', [INT], INT, (value) => ~value),
    cel.celFunc('math.bitNot', [UINT], UINT, ({ value }) => cel.celUint(BigInt.asUintN(BITS, ~value))),
    ...(['left', 'right'] as const).flatMap((direction) => {
      const name = direction === 'left' ? 'math.bitShiftLeft' : 'math.bitShiftRight';
      return [
        cel.celFunc(name, [INT, INT], INT, (value, by) => signed(shifted(value, by, direction))),
        cel.celFunc(name, [UINT, INT], UINT, ({ value }, by) => cel.celUint(shifted(value, by, direction))),
      ];
    }),
    cel.celFunc('math.abs', [INT], INT, absolute),
    cel.celFunc('math.abs', [UINT], UINT, (value) => value),
    cel.celFunc('math.sign', [INT], INT, (value) => (value > 0n ? 1n : value < 0n ? -1n : 0n)),
    cel.celFunc('math.sign', [UINT], UINT, ({ value }) => cel.celUint(value > 0n ? 1n : 0n)),
    cel.celFunc('int', [cel.CelScalar.STRING], INT, (text) => whole(text, { least: -INT_MAX - 1n, most: INT_MAX })),
    cel.celFunc('uint', [cel.CelScalar.STRING], UINT, (text) =>
      cel.celUint(whole(text, { least: 0n, most: UINT_MAX })),
    ),
  ];
}

function ofDoubles(): CelFunc[] {
  const { cel } = library();
  const { DOUBLE, BOOL, INT, UINT, STRING } = cel.CelScalar;
  const rounding = {
    ceil: Math.ceil,
    floor: Math.floor,
    round: rounded,
    trunc: Math.trunc,
    abs: Math.abs,
    // Go has no negative zero here.
    sign: (value: number) => Math.sign(value) + 0,
  };
  const asking = {
    isNaN: Number.isNaN,
    isFinite: Number.isFinite,
    isInf: (value: number) => Math.abs(value) === Infinity,
  };
  return [
    ...Object.entries(rounding).map(([name, of]) => cel.celFunc(`math.${name}`, [DOUBLE], DOUBLE, of)),
    ...Object.entries(asking).map(([name, of]) => cel.celFunc(`math.${name}`, [DOUBLE], BOOL, of)),
    cel.celFunc('math.sqrt', [DOUBLE], DOUBLE, root),
    cel.celFunc('math.sqrt', [INT], DOUBLE, root),
    cel.celFunc('math.sqrt', [UINT], DOUBLE, root),
    cel.celFunc('double', [STRING], DOUBLE, double),
  ];
}

export function numberFunctions(): CelFunc[] {
  const { cel } = library();
  const { DYN } = cel.CelScalar;
  return [
    ...ofIntegers(),
    ...ofDoubles(),
    // With several arguments they are put into one list: see `metered.ts`.
    cel.celFunc('math.greatest', [DYN], DYN, (values) => extreme(values, (left, right) => left > right)),
    cel.celFunc('math.least', [DYN], DYN, (values) => extreme(values, (left, right) => left < right)),
  ];
}
