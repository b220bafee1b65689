/** `eval_type`: what a value has to become. OpenBao's rules, by what its server 2.7.2 answers. */

export const EVAL_TYPES = [
  ...(['string', 'int', 'float64', 'bool', '[]string', 'map', 'any'] as const),
  ...(['map[string]any', 'map[string]interface{}', 'interface{}', ''] as const),
] as const;
export type EvalType = (typeof EVAL_TYPES)[number];

export const isEvalType = (name: unknown): name is EvalType => EVAL_TYPES.some((each) => each === name);

/** Of what does not fit, in place of a value. */
const NONE = Symbol('none');

type Convert = (value: unknown) => unknown;

/** A number without an exponent as far as JavaScript writes it so. */
function text(value: unknown): unknown {
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : NONE;
}

const numeric =
  (shape: RegExp, of: (value: number) => number): Convert =>
  (value) => {
    if (value === null || value === undefined || value === '') return 0;
    if (typeof value === 'boolean') return Number(value);
    if (typeof value === 'number') return of(value);
    return typeof value === 'string' && shape.test(value) ? of(Number(value)) : NONE;
  };

/** Go's strconv.ParseBool. */
const BOOLEANS = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((each) => [each, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False', ''].map((each) => [each, false] as const),
]);

function truth(value: unknown): unknown {
  if (value === null || value === undefined) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  return typeof value === 'string' ? (BOOLEANS.get(value) ?? NONE) : NONE;
}

function texts(value: unknown): unknown {
  if (value === null || value === undefined) return [];
  if (isEmptyMap(value)) return [];
  const found = (Array.isArray(value) ? value : [value]).map(text);
  return found.includes(NONE) ? NONE : found;
}

function map(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.length === 0 ? {} : NONE;
  return typeof value === 'object' ? value : NONE;
}

const isEmptyMap = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;

const any: Convert = (value) => value ?? null;

const CONVERSIONS: Readonly<Record<EvalType, Convert>> = {
  string: text,
  int: numeric(/^[+-]?\d{1,15}$/, Math.trunc),
  float64: numeric(/^[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?$/, (value) => value),
  bool: truth,
  '[]string': texts,
  ...{ map, 'map[string]any': map, 'map[string]interface{}': map },
  ...{ any, 'interface{}': any, '': any },
};

/** undefined where the value cannot become that. */
export function converted(value: unknown, type: EvalType): unknown {
  const found = CONVERSIONS[type](value);
  return found === NONE || (typeof found === 'number' && !Number.isFinite(found)) ? undefined : found;
}
