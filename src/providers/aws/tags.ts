/** Tags as AWS has them. */
import { MARK } from '../written.ts';

export interface Tag {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

export const isMarked = (tags: readonly Tag[] = []): boolean =>
  tags.some(({ Key, Value }) => Key === MARK.Key && Value === MARK.Value);

export const textsOf = (tags: readonly Tag[] = []): Readonly<Record<string, string>> =>
  Object.fromEntries(tags.flatMap(({ Key, Value = '' }) => (Key === undefined ? [] : [[Key, Value]])));
