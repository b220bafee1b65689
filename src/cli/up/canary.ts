/** Looks for a text in everything that was written. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CanarySearch {
  readonly leaks: readonly string[];
  readonly files: number;
  readonly bytes: number;
}

/** In clear, and in base64 at any of its three offsets. */
function shapesOf(canary: string): readonly Buffer[] {
  const encoded = [0, 1, 2].map((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), Buffer.from(canary)]).toString('base64');
    // The first and last characters mix with what stands beside.
    return padded.slice(4, -4);
  });
  return [canary, ...encoded].map((text) => Buffer.from(text));
}

export async function findCanary(folders: readonly string[], canary: string): Promise<CanarySearch> {
  const shapes = shapesOf(canary);
  const leaks: string[] = [];
  let files = 0;
  let bytes = 0;
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const content = await readFile(path);
      files += 1;
      bytes += content.length;
      if (shapes.some((shape) => content.includes(shape))) leaks.push(path);
    }
  }
  return { leaks, files, bytes };
}
