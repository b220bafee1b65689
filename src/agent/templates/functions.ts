/** What templates of the agent may call beside pure functions: secrets, and files and variables that are allowed. */
import { toBytes, toText } from '../../lib/go-template/bytes.ts';
import { fn, type FunctionMap, variadic } from '../../lib/go-template/function.ts';
import { FunctionError } from '../../lib/go-template/template-error.ts';
import { GoList, strings, type Value } from '../../lib/go-template/value.ts';
import { allowedWrite, checkVariable, readAllowed } from './allowed.ts';
import { CertificateObject, certificateIn, type OwnFile } from './certificate-object.ts';
import type { Pass } from './pass.ts';
import { SecretObject } from './secret-object.ts';

export interface Permissions {
  readonly allowed_files: readonly string[];
  readonly allowed_writes: readonly string[];
  /** Names of variables; `*` stands for any text. */
  readonly allowed_environment: readonly string[];
}

export interface Surroundings {
  readonly permissions: Permissions;
  /** `file` reads within it alone. */
  readonly sandbox: string | undefined;
  readonly variable: (name: string) => string | undefined;
  /** The file that the output goes to. */
  readonly destination: OwnFile | undefined;
}

const pathOf = (given: string, doing: string): string => {
  const path = toText(given)
    .trim()
    .replace(/^\/+|\/+$/g, '');
  if (path === '') throw new FunctionError(`vault.${doing}: invalid format: ""`);
  return path;
};

/** `key=value` of each argument; as KV version 2 wants it, where the path is of that. */
function bodyOf(pairs: readonly string[], isVersioned: boolean): Readonly<Record<string, unknown>> {
  const body = Object.fromEntries(
    pairs
      .filter((pair) => pair !== '')
      .map((pair) => {
        const at = pair.indexOf('=');
        if (at < 0) throw new FunctionError('secret: an argument behind the path is no key=value');
        return [toText(pair.slice(0, at)).trim(), toText(pair.slice(at + 1)).trim()];
      }),
  );
  return isVersioned ? { data: body } : body;
}

function secret(pass: Pass, [given, ...more]: readonly string[]): Value {
  if (given === undefined) return null;
  const [path = '', query] = pathOf(given, 'read').split('?', 2);
  const resolved = pass.resolve(path, 'data');
  if (resolved === undefined) return null;
  const full = query === undefined ? resolved : `${resolved}?${query}`;
  const found = pass.ask(
    more.length === 0
      ? { kind: 'read', path: full, optional: false }
      : { kind: 'write', path: resolved, body: bodyOf(more, pass.isVersioned(resolved)), optional: false },
  );
  return found === undefined || found === 'absent' ? null : new SecretObject(found);
}

function certificateOf(pass: Pass, [given, ...more]: readonly string[], file: OwnFile | undefined): Value {
  if (given === undefined) return null;
  const inPlace = file === undefined ? undefined : () => certificateIn(file, Date.now());
  const found = pass.ask({
    ...{ kind: 'write', path: pathOf(given, 'read'), body: bodyOf(more, false), optional: false, file: file?.path },
    ...(inPlace === undefined ? {} : { inPlace }),
  });
  return found === undefined || found === 'absent' ? null : new CertificateObject(found.data);
}

function secrets(pass: Pass, given: string): Value {
  const none = new GoList([], 'string', true);
  if (given === '') return none;
  const path = pass.resolve(pathOf(given, 'list'), 'metadata');
  const found = path === undefined ? undefined : pass.ask({ kind: 'list', path, optional: false });
  const keys = typeof found === 'object' ? found.data['keys'] : undefined;
  return Array.isArray(keys) ? strings(keys.map((key) => toBytes(String(key))).sort()) : none;
}

/** Sets `pass`'s host functions; `pass` is the rendering that is under way. */
export function hostFunctions(pass: () => Pass, around: Surroundings): FunctionMap {
  const { permissions, sandbox } = around;
  const variable = (name: string): string | undefined => {
    checkVariable(toText(name), permissions.allowed_environment);
    const value = around.variable(toText(name));
    return value === undefined ? undefined : toBytes(value);
  };
  return {
    secret: variadic([], 'string', (_, args) => secret(pass(), args)),
    pkiCert: variadic([], 'string', (_, args) => certificateOf(pass(), args, around.destination)),
    secrets: fn(['string'], ([path]) => secrets(pass(), path)),
    file: fn(['string'], ([path], meter) => {
      if (path === '') return '';
      const text = readAllowed(toText(path), { sandbox, roots: permissions.allowed_files });
      meter.make(text.length);
      return text;
    }),
    env: fn(['string'], ([name]) => variable(name) ?? ''),
    mustEnv: fn(['string'], ([name]) => {
      const value = variable(name) ?? '';
      if (value === '') throw new FunctionError(`required environment variable ${name} is empty`);
      return value;
    }),
    envOrDefault: fn(['string', 'string'], ([name, fallback]) => variable(name) ?? fallback),
    writeToFile: variadic(['string', 'string', 'string', 'string'], 'string', ([path, user, group, mode], rest) => {
      const content = rest.at(-1);
      if (content === undefined || rest.length > 2)
        throw new FunctionError('writeToFile takes the content, before it flags');
      const flags = rest.length === 2 ? (rest[0] ?? '') : '';
      if (!/^0?[0-7]{1,4}$/.test(mode)) throw new FunctionError(`writeToFile: '${mode}' is no file mode in octal`);
      const to = allowedWrite(toText(path), permissions.allowed_writes);
      const bytes = content + (flags.includes('newline') ? '\n' : '');
      const owner = (name: string): string | number | undefined =>
        name === '' ? undefined : /^\d+$/.test(name) ? Number(name) : toText(name);
      pass().write(
        { path: to, mode: Number.parseInt(mode, 8) & 0o777, user: owner(user), group: owner(group) },
        { bytes, append: flags.includes('append') },
      );
      return '';
    }),
    scratch: fn([], () => pass().scratch),
  };
}
