/** Programs of Debian's packages, unpacked into the user's cache and not installed. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../clients/support/cache.ts';
import { has, must } from '../clients/support/run.ts';

export interface Unpacked {
  /** Of the folder in the cache. */
  readonly name: string;
  readonly packages: readonly string[];
  /** Rejects where what was unpacked does not run here. */
  readonly check?: (folder: string) => Promise<unknown>;
}

/** The folder that they are in; undefined where they are neither in the cache nor to be had, or do not run here. */
export async function unpacked({ name, packages, check }: Unpacked): Promise<string | undefined> {
  try {
    return await cached(name, async (into) => {
      const download = ['download', ...packages];
      // A machine that has never asked for the list of packages knows none.
      if (!(await has('sh', ['-c', `cd '${into}' && apt-get ${download.join(' ')}`]))) {
        await must('apt-get', ['update']);
        await must('apt-get', download, { cwd: into });
      }
      for (const file of globSync('*.deb', { cwd: into })) await must('dpkg', ['-x', join(into, file), into]);
      await check?.(into);
    });
  } catch {
    return undefined;
  }
}

/** The environment in which its programs find their libraries. */
export const besideLibraries = (folder: string): NodeJS.ProcessEnv => ({
  ...process.env,
  LD_LIBRARY_PATH: globSync('usr/lib/*-linux-*', { cwd: folder })
    .map((libraries) => join(folder, libraries))
    .join(':'),
});
