import type { Meter } from './meter.ts';
import type { ParamName, ParamTypes, Value } from './value.ts';

/**
 * A function for templates. Arguments arrive as declared; the last of `params` may be repeated where `variadic`.
 * It throws a FunctionError to fail, and asks the meter before it makes what could be large.
 */
export interface GoFunction {
  readonly params: readonly ParamName[];
  readonly variadic: ParamName | undefined;
  readonly call: (args: readonly Value[], meter: Meter) => Value;
}

type Arguments<P extends readonly ParamName[]> = { -readonly [K in keyof P]: ParamTypes[P[K]] };

export type FunctionMap = Readonly<Record<string, GoFunction>>;

/** A function of so many arguments. */
export function fn<const P extends readonly ParamName[]>(
  params: P,
  call: (args: Arguments<P>, meter: Meter) => Value,
): GoFunction {
  return { params, variadic: undefined, call: (args, meter) => call(args as Arguments<P>, meter) };
}

/** A function whose last parameter takes any number of arguments, which arrive as a list. */
export function variadic<const P extends readonly ParamName[], R extends ParamName>(
  params: P,
  rest: R,
  call: (args: Arguments<P>, rest: readonly ParamTypes[R][], meter: Meter) => Value,
): GoFunction {
  return {
    params,
    variadic: rest,
    call: (args, meter) => {
      const fixed = args.slice(0, params.length) as Arguments<P>;
      return call(fixed, args.slice(params.length) as ParamTypes[R][], meter);
    },
  };
}
