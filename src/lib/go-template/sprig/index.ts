/** sprig's functions, by what they know: https://masterminds.github.io/sprig/. None of them reads a clock or chance. */
import type { FunctionMap } from '../function.ts';
import { defaultFunctions } from './defaults.ts';
import { dictFunctions } from './dicts.ts';
import { encodingFunctions } from './encoding.ts';
import { jsonFunctions } from './json.ts';
import { listFunctions } from './lists.ts';
import { numberFunctions } from './numbers.ts';
import { allPathFunctions } from './paths.ts';
import { regexFunctions } from './regex.ts';
import { stringFunctions } from './strings.ts';

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
};
