/** The programs of SPIRE, built from their Go module once and kept in the user's cache. */
import { join } from 'node:path';
import { cached } from '../../clients/support/cache.ts';
import { has, must } from '../../clients/support/run.ts';

/** As `../spire/go.mod` has it; a test compares. */
export const spireVersion = '1.15.3';

const programs = ['spire-server', 'spire-agent'] as const;
export type Program = (typeof programs)[number];

/** Why there can be no SPIRE here; false when there can. */
export async function withoutSpire(): Promise<string | false> {
  if (!(await has('go', ['version']))) return 'there is no Go to build SPIRE';
  // Its data store is SQLite in C.
  return (await has('cc', ['--version'])) ? false : 'there is no C compiler to build SPIRE';
}

/** The path of each program. Throws when the build fails, with what it wrote. */
export async function spire(): Promise<Readonly<Record<Program, string>>> {
  const folder = await cached(`spire-${spireVersion}`, async (into) => {
    const commands = programs.map((name) => `github.com/spiffe/spire/cmd/${name}`);
    const flags = ['-trimpath', '-ldflags', '-s -w', '-o', `${into}/`];
    await must('nice', ['-n', '15', 'go', 'build', ...flags, ...commands], {
      cwd: join(import.meta.dirname, '../spire'),
      env: { ...process.env, CGO_ENABLED: '1' },
    });
  });
  return { 'spire-server': join(folder, 'spire-server'), 'spire-agent': join(folder, 'spire-agent') };
}
