import type { Import } from './imports.ts';

/** Import cycles, each as the list of its modules with the first repeated at the end; one for each knot of modules. */
export function cycles(imports: readonly Import[]): readonly (readonly string[])[] {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const finished = new Set<string>();
  const found: (readonly string[])[] = [];
  const walk = (module: string, path: readonly string[]): void => {
    if (finished.has(module)) return;
    const start = path.indexOf(module);
    if (start >= 0) {
      found.push([...path.slice(start), module]);
      return;
    }
    for (const { to } of targets.get(module) ?? []) walk(to, [...path, module]);
    finished.add(module);
  };
  for (const module of targets.keys()) walk(module, []);
  return found;
}
