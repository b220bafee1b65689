/** All that a program may call. Each function pays for what it is given and for what it gives. */
import { calendarFunctions } from './calendar.ts';
import { encoderFunctions } from './encoders.ts';
import { formatFunctions } from './format.ts';
import { library } from './library.ts';
import { listFunctions } from './lists.ts';
import { numberFunctions } from './numbers.ts';
import { orderFunctions } from './order.ts';
import { syntaxFunctions } from './syntax.ts';
import { textFunctions } from './text.ts';
import { timeFunctions } from './times.ts';
import type { CelFunc, CelValue } from '@bufbuild/cel';
import type { Meter } from './meter.ts';
import type { Patterns } from './patterns.ts';

type CelResult = ReturnType<CelFunc['call']>;
type Pay = (meter: Meter, values: readonly CelValue[]) => void;

const nothing: Pay = () => undefined;
const flat: Pay = (meter, values) => {
  for (const value of values) meter.spendFlat(value);
};
const deep: Pay = (meter, values) => {
  for (const value of values) meter.spendDeep(value);
};
/** It sorts the keys of maps. */
const twice: Pay = (meter, values) => {
  deep(meter, values);
  deep(meter, values);
};

/** Characters of the text times those of what is sought in it, for a step: at worst each is compared with each. */
const COMPARED = 2_048;
const searched: Pay = (meter, values) => {
  const [text, sought] = values;
  if (typeof text === 'string' && typeof sought === 'string') meter.spend((text.length * sought.length) / COMPARED);
  deep(meter, values);
};

/** For each clause of `format`. */
const CLAUSE = 50;
const formatted: Pay = (meter, values) => {
  const [text] = values;
  if (typeof text === 'string') meter.spend((text.split('%').length - 1) * CLAUSE);
  twice(meter, values);
};

/** A call that fails makes an error, which the program may pass over. */
const FAILURE = 30;

/** A time zone is looked up by its name. */
const ZONE = 300;
const zone: Pay = (meter, values) => {
  meter.spend(values.length > 1 ? ZONE : 1);
};

/** Of texts by their length, of a list or map at once. */
const sized: Pay = (meter, [value = null]) => {
  if (typeof value === 'string') meter.spendFlat(value);
  else meter.spend(1);
};

/** All others read everything that they are given. */
const PAYMENTS: Readonly<Record<string, Pay>> = {
  // These pay by themselves.
  '@range': nothing,
  '@step': nothing,
  '@append': nothing,
  '@field': nothing,
  '@index': nothing,
  '@has': nothing,
  '_+_': flat,
  dyn: nothing,
  type: flat,
  size: sized,
  format: formatted,
  contains: searched,
  indexOf: searched,
  lastIndexOf: searched,
  replace: searched,
  split: searched,
  'json.encode': twice,
  getFullYear: zone,
  getMonth: zone,
  getDate: zone,
  getDayOfMonth: zone,
  getDayOfWeek: zone,
  getDayOfYear: zone,
  getHours: zone,
  getMinutes: zone,
  getSeconds: zone,
  getMilliseconds: zone,
};

/** Their results are values that were there before. */
const GIVES_WHAT_IT_TOOK = new Set(['@range', '@step', '@append', '@field', '@index', 'dyn']);

/** A map is looked into, a list is read. */
function payIn(meter: Meter, [value = null, container = null]: readonly CelValue[]): void {
  meter.spendDeep(value);
  if (library().cel.isCelMap(container)) meter.spend(1);
  else meter.spendDeep(container);
}

function payingFunction(func: CelFunc, meter: Meter): CelFunc {
  const { celFunc, celMethod, isCelError } = library().cel;
  const answered = (work: () => CelResult): CelValue => {
    try {
      const value = work();
      if (value === undefined) throw new Error('no such overload');
      // An error is thrown for the package to wrap, with the place of this call.
      if (isCelError(value)) throw value;
      return value;
    } catch (error) {
      meter.spend(FAILURE);
      throw error;
    }
  };
  const { name, target, result } = func;
  const pay = name === '@in' ? payIn : Object.hasOwn(PAYMENTS, name) ? (PAYMENTS[name] ?? deep) : deep;
  const run = (self: CelValue | undefined, values: CelValue[]): CelValue => {
    pay(meter, self === undefined ? values : [self, ...values]);
    const value = answered(() => func.call(0, self, values));
    if (!GIVES_WHAT_IT_TOOK.has(name)) meter.spendFlat(value);
    return value;
  };
  return target === undefined
    ? celFunc(name, [...func.arguments], result, (...values: CelValue[]) => run(undefined, values))
    : celMethod(name, target, [...func.arguments], result, function (...values: CelValue[]) {
        return run(this, values);
      });
}

/** Those of the package and ours, which take the place of the package's of the same name and types. */
export function functionsOf(meter: Meter, patterns: Patterns): CelFunc[] {
  const { cel, strings } = library();
  const standard = [...cel.celEnv({ funcs: [...strings] }).funcs];
  const equality = standard.find(({ name }) => name === '_==_');
  const equal = (left: CelValue, right: CelValue): boolean => equality?.call(0, undefined, [left, right]) === true;
  const own = [
    ...syntaxFunctions(meter),
    ...textFunctions(meter),
    ...numberFunctions(),
    ...timeFunctions(),
    ...calendarFunctions(),
    ...orderFunctions(),
    ...formatFunctions(standard.find(({ name }) => name === 'format')),
    ...listFunctions(meter, equal),
    ...encoderFunctions(),
    ...patterns.functions(meter),
  ];
  const replaced = new Set(own.map(({ id }) => id));
  return [...standard.filter(({ id }) => !replaced.has(id)), ...own].map((func) => payingFunction(func, meter));
}
