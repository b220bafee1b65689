/** `?help=1`: what a path is for, its parameters and operations, from the declaration alone. */
import type { JsonObject } from './field.ts';
import { verbs, type Path } from './path.ts';

const capitals = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function fieldLines(path: Path<unknown>): readonly string[] {
  const names = Object.keys(path.fields).sort();
  return names.flatMap((name) => {
    const found = path.fields[name];
    if (found === undefined) return [];
    const values = found.values === undefined ? '' : ` One of: ${found.values.join(', ')}.`;
    return [`    ${name} (${found.kind})`, `        ${found.help}${values}`, ''];
  });
}

function operationLines(path: Path<unknown>): readonly string[] {
  return verbs.flatMap((verb) => {
    const operation = path.operations[verb];
    return operation === undefined ? [] : [`    ${capitals(verb)}: ${operation.summary}`];
  });
}

/** The body of a help reply for a whole mount: its paths. */
export function mountHelp(help: string, paths: readonly Path<unknown>[], mountPath: string): JsonObject {
  const sorted = paths.toSorted((a, b) => (a.pattern < b.pattern ? -1 : 1));
  const lines = sorted.flatMap((path) => [`    ${path.pattern}`, `        ${path.help}`, '']);
  const text = [`Mounted at:     ${mountPath}`, '', help, '', '## PATHS', '', ...lines].join('\n');
  return { help: text, see_also: null, openapi: null };
}

/** The body of a help reply, in Vault's shape. */
export function pathHelp(path: Path<unknown>, mountPath: string): JsonObject {
  const fields = fieldLines(path);
  const help = [
    `Request:        ${path.pattern}`,
    `Mounted at:     ${mountPath}`,
    '',
    path.help,
    '',
    ...(fields.length === 0 ? [] : ['## PARAMETERS', '', ...fields]),
    '## OPERATIONS',
    '',
    ...operationLines(path),
    ...(path.description === undefined ? [] : ['', '## DESCRIPTION', '', path.description]),
    '',
  ].join('\n');
  return { help, see_also: null, openapi: null };
}
