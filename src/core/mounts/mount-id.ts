/** By which id a mount is found: built-in ones have the same id in each namespace. */
import { ROOT_NAMESPACE } from '../keys.ts';
import { isBuiltIn } from './mount.ts';

export const idIn = (namespace: string, uuid: string): string =>
  namespace !== ROOT_NAMESPACE && isBuiltIn({ uuid }) ? `${namespace}|${uuid}` : uuid;
