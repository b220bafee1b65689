/** Ids of users and groups by name, from the system's own files. */
import { readFileSync } from 'node:fs';
import { fail } from '../errors.ts';

function lookUp(file: string, name: string, kind: string): number {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const id = Number(line?.split(':')[2] ?? Number.NaN);
  if (!Number.isSafeInteger(id)) throw fail('invalidConfig', `there is no ${kind} "${name}" on this machine`);
  return id;
}

/** A number stands for itself. Throws `invalidConfig` when there is no such account. */
export const userId = (user: string | number): number =>
  typeof user === 'number' ? user : lookUp('/etc/passwd', user, 'user');
export const groupId = (group: string | number): number =>
  typeof group === 'number' ? group : lookUp('/etc/group', group, 'group');
