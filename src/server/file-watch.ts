import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';

/** Milliseconds in which the writes of one change come together, and after which a missed event is made up for. */
const settle = 100;
const poll = 30_000;

/**
 * Calls `changed` when one of the files may have changed; it must look for itself. The directories are watched, not the
 * files: Kubernetes replaces a symbolic link beside them (`..data`), editors replace the files. What a file system does
 * not tell (NFS, a directory that was itself replaced) is found by looking every 30 seconds. Keeps no process alive.
 */
export function watchFiles(paths: readonly string[], changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      changed();
    }, settle).unref();
  };
  const watchers = [...new Set(paths.map((path) => dirname(path)))].map((directory) => watchDirectory(directory, soon));
  const interval = setInterval(changed, poll).unref();
  return () => {
    clearTimeout(timer);
    clearInterval(interval);
    for (const watcher of watchers) watcher?.close();
  };
}

function watchDirectory(directory: string, soon: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, soon);
    watcher.on('error', () => {
      watcher.close();
    });
    return watcher;
  } catch {
    // No watches left, or none on this file system: looking every 30 seconds remains.
    return undefined;
  }
}
