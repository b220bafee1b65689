/** Policies, password policies, token roles and AppRole roles. */
import type { Client } from '../../client/client.ts';
import type { Data } from '../pairs.ts';
import { settle, withResets, type Definition } from './definition.ts';
import { usableNames } from './names.ts';
import type { Kind } from './report.ts';
import { again, guarded, namesAt, readData, type Run, type Scope } from './run.ts';

interface Family {
  readonly kind: Kind;
  /** Of the list, and before a name. */
  readonly folder: string;
  readonly skips?: ReadonlySet<string>;
  /** What is copied of what the source shows. */
  readonly pick: (found: Data) => Data;
  readonly more?: (client: Client, path: string) => Promise<Data>;
}

const only =
  (...names: readonly string[]) =>
  (found: Data): Data =>
    Object.fromEntries(names.flatMap((name) => (name in found ? [[name, found[name]]] : [])));

const without =
  (...names: readonly string[]) =>
  (found: Data): Data =>
    Object.fromEntries(Object.entries(found).filter(([name]) => !names.includes(name)));

const policies: Family = {
  kind: 'policy',
  folder: 'sys/policies/acl',
  // The one is fixed, the other is each server's own.
  skips: new Set(['root', 'default']),
  pick: (found) => ({ ...only('policy')(found), ...ends(found['expiration']) }),
};

/** Servers write one moment in several ways. */
function ends(expiration: unknown): Data {
  const at = typeof expiration === 'string' ? Date.parse(expiration) : Number.NaN;
  return Number.isNaN(at) ? {} : { expiration: new Date(at).toISOString() };
}

const passwordPolicies: Family = {
  kind: 'password policy',
  folder: 'sys/policies/password',
  pick: only('policy'),
};

/** Shown twice, under an older name too. */
const OLD_NAMES = ['period', 'explicit_max_ttl', 'bound_cidrs', 'bound_cidr_list', 'policies'];

const tokenRoles: Family = {
  kind: 'token role',
  folder: 'auth/token/roles',
  pick: without('name', ...OLD_NAMES),
};

const appRoles = (mount: string): Family => ({
  kind: 'AppRole role',
  folder: `auth/${mount}role`,
  pick: without(...OLD_NAMES),
  more: async (client, path) => only('role_id')((await readData(client, `${path}/role-id`)) ?? {}),
});

/** Each of them, in the order of their names. */
async function settleFamily(run: Run, scope: Scope, family: Family): Promise<readonly string[]> {
  const { kind, folder } = family;
  if (!run.filter.reaches(`${scope.path}${folder}/`)) return [];
  const settled: string[] = [];
  await guarded(run, { kind, path: `${scope.path}${folder}/` }, async () => {
    const names = await namesAt(scope.source, folder);
    for (const name of usableNames(run, { kind, folder: `${scope.path}${folder}/` }, names)) {
      if (family.skips?.has(name) === true || !run.filter.takes(`${scope.path}${folder}/${name}`)) continue;
      await settle(run, scope, definitionOf(family, name, scope.source));
      settled.push(name);
    }
  });
  return settled;
}

function definitionOf(family: Family, name: string, source: Client): Definition {
  const path = `${family.folder}/${name}`;
  const read = async (client: Client): Promise<Data | undefined> => {
    const found = await readData(client, path);
    return found && { ...family.pick(found), ...(await family.more?.(client, path)) };
  };
  return {
    kind: family.kind,
    path,
    source: () => read(source),
    target: read,
    write: async (client, wanted, before) => {
      const { local_secret_ids: local, ...rest } = withResets(wanted, before);
      // Chosen when a role is made, and never again.
      const body = before === undefined && local !== undefined ? { ...rest, local_secret_ids: local } : rest;
      await client.write(path, body, again);
    },
  };
}

export async function settlePolicies(run: Run, scope: Scope): Promise<void> {
  await settleFamily(run, scope, passwordPolicies);
  await settleFamily(run, scope, policies);
}

export async function settleTokenRoles(run: Run, scope: Scope): Promise<void> {
  await settleFamily(run, scope, tokenRoles);
}

/** Secret-ids cannot be read: whoever holds one gets a new one. */
export async function settleAppRoles(run: Run, scope: Scope, mount: string): Promise<void> {
  for (const name of await settleFamily(run, scope, appRoles(mount))) {
    const path = `auth/${mount}role/${name}/secret-id`;
    await guarded(run, { kind: 'other', path: scope.path + path }, async () => {
      const ids = await namesAt(scope.source, path);
      if (ids.length === 0) return;
      const reason = `${String(ids.length)} secret-ids cannot be read: issue new ones at the target`;
      run.report.add({ kind: 'other', path: scope.path + path, outcome: 'uncopied', reason });
    });
  }
}
