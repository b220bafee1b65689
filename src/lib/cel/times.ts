/** What makes times of numbers. The package takes a whole number for milliseconds; by the specification, it is seconds. */
import { library } from './library.ts';
import type { CelFunc } from '@bufbuild/cel';

/** As the specification bounds them: the years 1 to 9999. */
const FIRST = -62_135_596_800n;
const LAST = 253_402_300_799n;

export function timeFunctions(): CelFunc[] {
  const { cel, protobuf, wellKnown } = library();
  const TIMESTAMP = cel.objectType(wellKnown.TimestampSchema);
  return [
    cel.celFunc('timestamp', [cel.CelScalar.INT], TIMESTAMP, (seconds) => {
      if (seconds < FIRST || seconds > LAST) throw new Error('the time is out of range');
      return protobuf.create(wellKnown.TimestampSchema, { seconds });
    }),
  ];
}
