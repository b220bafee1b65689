/**
 * The packages that parse and evaluate. They take 0.2 s and 16 MB to load, so only a process that has met a program pays
 * for them; and they are loaded at once, not by and by, because what evaluates is not asynchronous.
 */
import { createRequire } from 'node:module';
import type * as Cel from '@bufbuild/cel';
import type * as Extensions from '@bufbuild/cel/ext';
import type * as Protobuf from '@bufbuild/protobuf';
import type * as Reflection from '@bufbuild/protobuf/reflect';
import type * as WellKnown from '@bufbuild/protobuf/wkt';
import type * as Re2 from 're2js';

export interface Library {
  readonly cel: typeof Cel;
  readonly strings: readonly Cel.CelFunc[];
  readonly protobuf: typeof Protobuf;
  readonly reflection: typeof Reflection;
  readonly wellKnown: typeof WellKnown;
  readonly RE2JS: typeof Re2.RE2JS;
}

function load(): Library {
  const require = createRequire(import.meta.url);
  return {
    cel: require('@bufbuild/cel') as typeof Cel,
    strings: (require('@bufbuild/cel/ext') as typeof Extensions).strings,
    protobuf: require('@bufbuild/protobuf') as typeof Protobuf,
    reflection: require('@bufbuild/protobuf/reflect') as typeof Reflection,
    wellKnown: require('@bufbuild/protobuf/wkt') as typeof WellKnown,
    RE2JS: (require('re2js') as typeof Re2).RE2JS,
  };
}

let loaded: Library | undefined;

export const library = (): Library => (loaded ??= load());
