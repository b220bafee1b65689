/** Go's `path`: texts alone, no file is looked at. */
import { fn, type FunctionMap } from '../function.ts';

function clean(path: string): string {
  if (path === '') return '.';
  const rooted = path.startsWith('/');
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') out.push(part);
    else if (out.length > 0 && out.at(-1) !== '..') out.pop();
    else if (!rooted) out.push(part);
  }
  return (rooted ? '/' : '') + out.join('/') || '.';
}

function base(path: string): string {
  if (path === '') return '.';
  const stripped = withoutSlashes(path);
  return stripped === '' ? '/' : stripped.slice(stripped.lastIndexOf('/') + 1);
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

function ext(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot);
}

const pathFunctions: FunctionMap = {
  base: fn(['string'], ([path]) => base(path)),
  dir: fn(['string'], ([path]) => clean(path.slice(0, path.lastIndexOf('/') + 1))),
  clean: fn(['string'], ([path]) => clean(path)),
  ext: fn(['string'], ([path]) => ext(path)),
  isAbs: fn(['string'], ([path]) => path.startsWith('/')),
};

/** The paths of the operating system are those of Linux. */
const osFunctions = Object.entries(pathFunctions).map(([name, func]) => {
  return [`os${name.charAt(0).toUpperCase()}${name.slice(1)}`, func] as const;
});

export const allPathFunctions: FunctionMap = { ...pathFunctions, ...Object.fromEntries(osFunctions) };
