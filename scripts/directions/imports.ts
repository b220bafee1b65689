/** Which module imports which: read from the sources with a parser, not by pattern. */
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync, type StaticExportEntry } from 'oxc-parser';

export interface Import {
  /** Path from the root of the repository, as `src/core/mounts/table.ts`. */
  readonly from: string;
  readonly line: number;
  /** A path like `from` where the import is relative; else the package or built-in as written. */
  readonly to: string;
  /** Erased before it runs. `import { type A }` is not: it leaves `import {}`. */
  readonly typeOnly: boolean;
}

export function importsOf(root: string, pattern: string): readonly Import[] {
  return globSync(pattern, { cwd: root })
    .sort()
    .flatMap((file) => importsIn(file.replaceAll('\\', '/'), readFileSync(join(root, file), 'utf8')));
}

/** Throws where the source does not parse or an import's target is computed: such a file cannot be judged. */
export function importsIn(file: string, source: string): readonly Import[] {
  const { module, errors } = parseSync(file, source);
  if (errors[0] !== undefined) throw new Error(`${file}: ${errors[0].message}`);
  const found = (start: number, target: string, typeOnly: boolean): Import => ({
    from: file,
    line: source.slice(0, start).split('\n').length,
    to: /^\.\.?\//.test(target) ? posix.join(posix.dirname(file), target) : target,
    typeOnly,
  });
  const isTypeStatement = (start: number): boolean => /^(import|export)\s+type\b/.test(source.slice(start, start + 40));
  return [
    ...module.staticImports.map(({ start, moduleRequest }) =>
      found(start, moduleRequest.value, isTypeStatement(start)),
    ),
    ...module.staticExports.flatMap(({ start, entries }) =>
      reExported(entries).map((target) => found(start, target, isTypeStatement(start))),
    ),
    ...module.dynamicImports.map(({ start, moduleRequest }) =>
      found(start, literal(file, source.slice(moduleRequest.start, moduleRequest.end)), false),
    ),
  ];
}

function reExported(entries: readonly StaticExportEntry[]): readonly string[] {
  return [...new Set(entries.flatMap(({ moduleRequest }) => (moduleRequest === null ? [] : [moduleRequest.value])))];
}

function literal(file: string, expression: string): string {
  const match = /^(['"`])([^'"`$]+)\1$/.exec(expression);
  if (match?.[2] === undefined) throw new Error(`${file}: import(${expression}) hides what it imports: write the path`);
  return match[2];
}
