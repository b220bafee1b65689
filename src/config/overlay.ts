/** What wins over configuration files: the environment, and over that the command line. */
import type { Value } from '../lib/hcl/index.ts';
import { Secret } from '../lib/secret.ts';
import type { Overlay } from './reader.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
/** Values of flags by the name of their key. */
export type Flags = Readonly<Record<string, Value | undefined>>;

/** `LOCKSTEP_<name>`, or else `VAULT_<name>`. An empty variable counts as absent, as in Vault. */
export function variable(env: Environment, name: string): string | undefined {
  return found(env, name)?.raw;
}

/** As `variable`, for what must not be printed. */
export function secretVariable(env: Environment, name: string): Secret<string> | undefined {
  const raw = variable(env, name);
  return raw === undefined ? undefined : new Secret(raw);
}

export function overlayOf(env: Environment, flags: Flags): Overlay {
  return (name, key) => {
    const raw = key.flag ? flags[name] : undefined;
    if (raw !== undefined) return { raw, place: `flag ${flagName(name)}` };
    return key.variable === undefined ? undefined : found(env, key.variable);
  };
}

function found(env: Environment, name: string): { readonly raw: string; readonly place: string } | undefined {
  for (const full of [`LOCKSTEP_${name}`, `VAULT_${name}`]) {
    const raw = env[full];
    if (raw !== undefined && raw !== '') return { raw, place: `environment variable ${full}` };
  }
  return undefined;
}

/** `log_level` is given as `-log-level`. */
export function flagName(name: string): string {
  return `-${name.replaceAll('_', '-')}`;
}
