/** `-include` and `-exclude`: which paths an import touches. */

/** `*` is any text, slashes too. Without one, a pattern means the path itself and all below it. */
export interface Filter {
  /** Whether this very path is copied. */
  readonly takes: (path: string) => boolean;
  /** Whether something below this folder (closing slash) could be: otherwise it is not even listed. */
  readonly reaches: (folder: string) => boolean;
}

export function filterOf(include: readonly string[], exclude: readonly string[]): Filter {
  const [wanted, unwanted] = [include.map(patternOf), exclude.map(patternOf)];
  return {
    takes: (path) =>
      (wanted.length === 0 || wanted.some(({ matches }) => matches(path))) &&
      !unwanted.some(({ matches }) => matches(path)),
    reaches: (folder) =>
      (wanted.length === 0 || wanted.some(({ meets }) => meets(folder))) &&
      !unwanted.some(({ covers }) => covers(folder)),
  };
}

interface Pattern {
  readonly matches: (path: string) => boolean;
  /** Could match something below the folder. */
  readonly meets: (folder: string) => boolean;
  /** Matches everything below the folder. */
  readonly covers: (folder: string) => boolean;
}

function patternOf(given: string): Pattern {
  const text = given.replace(/^\/+/, '');
  const [start = '', ...rest] = text.split('*');
  if (rest.length === 0) {
    const folder = text.endsWith('/') ? text : `${text}/`;
    const within = (path: string): boolean => path === text || path.startsWith(folder);
    return { matches: within, meets: (path) => folder.startsWith(path) || path.startsWith(folder), covers: within };
  }
  return {
    matches: (path) => matchesParts(path, start, rest),
    meets: (folder) => folder.startsWith(start) || start.startsWith(folder),
    covers: (folder) => rest.length === 1 && rest[0] === '' && folder.startsWith(start),
  };
}

/** Linear in the path for each part: patterns come from people, who must not be able to stall it. */
function matchesParts(path: string, start: string, rest: readonly string[]): boolean {
  const end = rest.at(-1) ?? '';
  if (!path.startsWith(start) || path.length < start.length + end.length || !path.endsWith(end)) return false;
  let at = start.length;
  for (const part of rest.slice(0, -1)) {
    const found = path.indexOf(part, at);
    if (found < 0 || found + part.length > path.length - end.length) return false;
    at = found + part.length;
  }
  return true;
}
