/** What is less than what. Texts by their characters, as in Go, not by UTF-16 units: those differ beyond U+FFFF. */
import { byBytes } from '../go-text.ts';
import { library } from './library.ts';
import type { CelFunc, CelValue } from '@bufbuild/cel';

const SURROGATE = /[\ud800-\udfff]/;

/** Below 0 where the left one comes first, above where the right one does. */
export const compareTexts = (left: string, right: string): number =>
  SURROGATE.test(left) || SURROGATE.test(right) ? byBytes(left, right) : left < right ? -1 : left > right ? 1 : 0;

type Compare = (left: CelValue, right: CelValue) => number;

const primitive: Compare = (left, right) => {
  const [one, other] = [left as bigint, right as bigint];
  return one < other ? -1 : one > other ? 1 : 0;
};

/** As `compareTexts`, of values of one type that has an order; undefined where they have none. */
export function comparing(values: readonly CelValue[]): Compare | undefined {
  const { cel, reflection } = library();
  const every = (is: (value: CelValue) => boolean): boolean => values.every(is);
  if (every((value) => typeof value === 'string')) return (l, r) => compareTexts(l as string, r as string);
  for (const type of ['bigint', 'number', 'boolean']) if (every((value) => typeof value === type)) return primitive;
  if (every((value) => cel.isCelUint(value))) {
    return (l, r) => primitive((l as { value: bigint }).value, (r as { value: bigint }).value);
  }
  if (every((value) => value instanceof Uint8Array)) return (l, r) => Buffer.compare(l as Uint8Array, r as Uint8Array);
  for (const type of ['google.protobuf.Timestamp', 'google.protobuf.Duration']) {
    if (every((value) => reflection.isReflectMessage(value) && value.desc.typeName === type)) return compareMoments;
  }
  return undefined;
}

/** Seconds and nanoseconds are of one sign. */
const compareMoments: Compare = (left, right) => {
  const [one, other] = [left, right].map((each) => (each as unknown as { message: Moment }).message);
  if (one === undefined || other === undefined) return 0;
  return one.seconds === other.seconds ? one.nanos - other.nanos : one.seconds < other.seconds ? -1 : 1;
};

interface Moment {
  readonly seconds: bigint;
  readonly nanos: number;
}

export function orderFunctions(): CelFunc[] {
  const { celFunc, CelScalar } = library().cel;
  const { STRING, BOOL } = CelScalar;
  const asked: readonly (readonly [string, (order: number) => boolean])[] = [
    ['_<_', (order) => order < 0],
    ['_<=_', (order) => order <= 0],
    ['_>_', (order) => order > 0],
    ['_>=_', (order) => order >= 0],
  ];
  return asked.map(([name, answer]) =>
    celFunc(name, [STRING, STRING], BOOL, (left, right) => answer(compareTexts(left, right))),
  );
}
