import { fn, type FunctionMap, variadic } from '../function.ts';
import { kindOf, typeOf } from '../value.ts';
import { isEmpty } from './cast.ts';
import { deepEqual } from './equality.ts';

export const defaultFunctions: FunctionMap = {
  default: variadic(['any'], 'any', ([otherwise], [given = null]) => (isEmpty(given) ? otherwise : given)),
  empty: fn(['any'], ([value]) => isEmpty(value)),
  coalesce: variadic([], 'any', (_, values) => values.find((value) => !isEmpty(value)) ?? null),
  all: variadic([], 'any', (_, values) => values.every((value) => !isEmpty(value))),
  any: variadic([], 'any', (_, values) => values.some((value) => !isEmpty(value))),
  ternary: fn(['any', 'any', 'bool'], ([yes, no, test]) => (test ? yes : no)),
  typeOf: fn(['any'], ([value]) => typeOf(value)),
  typeIs: fn(['string', 'any'], ([type, value]) => type === typeOf(value)),
  typeIsLike: fn(['string', 'any'], ([type, value]) => [type, `*${type}`].includes(typeOf(value))),
  kindOf: fn(['any'], ([value]) => kindOf(value)),
  kindIs: fn(['string', 'any'], ([kind, value]) => kind === kindOf(value)),
  deepEqual: fn(['any', 'any'], ([left, right], meter) => deepEqual(left, right, meter)),
};
