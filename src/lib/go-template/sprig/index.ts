/** sprig's functions, by what they know: https://masterminds.github.io/sprig/. */
import type { FunctionMap } from '../function.ts';
import { chanceFunctions } from './chance.ts';
import { type Clock, dateFunctions } from './dates.ts';
import { defaultFunctions } from './defaults.ts';
import { dictFunctions } from './dicts.ts';
import { encodingFunctions } from './encoding.ts';
import { jsonFunctions } from './json.ts';
import { listFunctions } from './lists.ts';
import { numberFunctions } from './numbers.ts';
import { allPathFunctions } from './paths.ts';
import { regexFunctions } from './regex.ts';
import { semverFunctions } from './semver.ts';
import { stringFunctions } from './strings.ts';
import { urlFunctions } from './url.ts';

/** Those that read neither clock nor chance. */
export const sprig: FunctionMap = {
  ...stringFunctions,
  ...numberFunctions,
  ...defaultFunctions,
  ...listFunctions,
  ...dictFunctions,
  ...encodingFunctions,
  ...jsonFunctions,
  ...regexFunctions,
  ...allPathFunctions,
  ...semverFunctions,
  ...urlFunctions,
};

/** With the clock and the chance of whoever calls: what a template says may then differ from one rendering to the next. */
export const sprigWith = (clock: Clock): FunctionMap => ({ ...sprig, ...dateFunctions(clock), ...chanceFunctions });
