/** `auth/token/roles`: what tokens may be made by whom, without sudo. */
import { fail } from '../../errors.ts';
import { field, type Values } from '../../framework/field.ts';
import { children, listed, pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { parseCidrs, withoutFullWidth } from '../../lib/cidr.ts';
import { defined } from '../../lib/defined.ts';
import { isPlainName } from '../../lib/plain-name.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import { folded } from '../identity/records.ts';
import { cleanPolicies } from '../requests/grants.ts';
import type { TokenAuth } from './token-auth.ts';

const at = pathsOf<TokenAuth>();

export interface TokenRoleRecord {
  readonly name: string;
  readonly allowedPolicies: readonly string[];
  readonly disallowedPolicies: readonly string[];
  readonly allowedPoliciesGlob: readonly string[];
  readonly disallowedPoliciesGlob: readonly string[];
  readonly allowedEntityAliases: readonly string[];
  readonly orphan: boolean;
  readonly renewable: boolean;
  readonly pathSuffix: string;
  readonly period: number;
  readonly explicitMaxTtl: number;
  readonly numUses: number;
  readonly boundCidrs: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly type: string;
}

/** What a request for a token says of its policies. */
export interface AskedPolicies {
  readonly policies: readonly string[] | undefined;
  readonly no_default_policy: boolean;
}

export interface TokenRole {
  readonly record: TokenRoleRecord;
  /** Whether its lists decide over policies; otherwise what the caller has does. */
  readonly decides: boolean;
  /** Throws `badRequest` for a policy that the role does not allow. */
  readonly policiesFor: (asked: AskedPolicies, caller: readonly string[]) => readonly string[];
  /** Whether a token of the role may be that of an entity with the alias; without case, as Vault compares. */
  readonly allowsAlias: (name: string) => boolean;
}

const PREFIX = 'roles/';
/** Characters, as upstream. */
const SHORTEST_SUFFIX = 3;

/** `*` at either end or in between; no other pattern. Linear in the text for each star. */
function globMatches(glob: string, text: string): boolean {
  const [head = '', ...parts] = glob.split('*');
  if (parts.length === 0) return glob === text;
  if (!text.startsWith(head)) return false;
  const tail = parts.pop() ?? '';
  let at = head.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - at >= tail.length && text.endsWith(tail);
}

const isListed = (name: string, exact: readonly string[], globs: readonly string[]): boolean =>
  exact.includes(name) || globs.some((glob) => globMatches(glob, name));

/** The default policy is allowed where it would be added anyway: not beside `root`. */
function checkAllowed(asked: readonly string[], role: TokenRoleRecord, leavesDefault: boolean): void {
  const allowed = (name: string): boolean =>
    (name === 'default' && !leavesDefault && !role.allowedPolicies.includes('root')) ||
    isListed(name, role.allowedPolicies, role.allowedPoliciesGlob);
  if (asked.every(allowed)) return;
  throw fail('badRequest', `token policies (${asked.join(', ')}) must be subset of the role's allowed policies`);
}

function policiesFor(
  role: TokenRoleRecord,
  { policies: asked, no_default_policy: without }: AskedPolicies,
  caller: readonly string[],
): readonly string[] {
  const { allowedPolicies, allowedPoliciesGlob, disallowedPolicies, disallowedPoliciesGlob } = role;
  const restricted = allowedPolicies.length + allowedPoliciesGlob.length > 0;
  const wanted = asked === undefined || asked.length === 0 ? (restricted ? allowedPolicies : caller) : asked;
  const refusesDefault = isListed('default', disallowedPolicies, disallowedPoliciesGlob);
  const leavesDefault = without || role.noDefaultPolicy || refusesDefault;
  const clean = cleanPolicies(wanted, leavesDefault);
  for (const name of clean) {
    if (name === 'root' && !caller.includes('root')) {
      throw fail('badRequest', 'root tokens may not be created without parent token being root');
    }
    if (isListed(name, disallowedPolicies, disallowedPoliciesGlob)) {
      throw fail('badRequest', `token policy "${name}" is disallowed by this role`);
    }
  }
  // A role that only disallows lets any other policy through, as in Vault.
  if (restricted) checkAllowed(clean, role, leavesDefault);
  return clean;
}

export function readRole(auth: TokenAuth, name: string): TokenRole | undefined {
  const record = recordAt<TokenRoleRecord>(auth.view.shared, PREFIX + name);
  if (record === undefined) return undefined;
  const lists = [
    record.allowedPolicies,
    record.allowedPoliciesGlob,
    record.disallowedPolicies,
    record.disallowedPoliciesGlob,
  ];
  const decides = lists.some((list) => list.length > 0);
  return {
    ...{ record, decides, policiesFor: (asked, caller) => policiesFor(record, asked, caller) },
    allowsAlias: (alias) => record.allowedEntityAliases.some((glob) => globMatches(folded(glob), folded(alias))),
  };
}

const duration = (help: string) => field.duration(help);
const fields = {
  role_name: field.name('Name of the role.'),
  allowed_policies: field.list('Policies that tokens of this role may have.'),
  disallowed_policies: field.list('Policies that they may not have.'),
  allowed_policies_glob: field.list('The same with `*`.'),
  disallowed_policies_glob: field.list('The same with `*`.'),
  allowed_entity_aliases: field.list('Entity aliases that may be named.'),
  orphan: field.boolean('Tokens have no parent.'),
  renewable: field.boolean('Tokens can be renewed.'),
  path_suffix: field.string('Put behind the path that tokens are made under.'),
  token_period: duration('Tokens are periodic.'),
  period: duration('Old name of token_period.'),
  token_explicit_max_ttl: duration('Longest life of tokens.'),
  explicit_max_ttl: duration('Old name of token_explicit_max_ttl.'),
  token_num_uses: field.integer('How often tokens can be used.'),
  token_bound_cidrs: field.list('Where tokens can be used from.'),
  bound_cidrs: field.list('Old name of token_bound_cidrs.'),
  token_no_default_policy: field.boolean('Leave the default policy out.'),
  token_type: field.enum('Type of the tokens.', ['service', 'batch', 'default-service', 'default-batch']),
} as const;

function shown(record: TokenRoleRecord) {
  return {
    allowed_entity_aliases: record.allowedEntityAliases.length === 0 ? null : record.allowedEntityAliases,
    allowed_policies: record.allowedPolicies,
    allowed_policies_glob: record.allowedPoliciesGlob,
    disallowed_policies: record.disallowedPolicies,
    disallowed_policies_glob: record.disallowedPoliciesGlob,
    explicit_max_ttl: record.explicitMaxTtl,
    name: record.name,
    orphan: record.orphan,
    path_suffix: record.pathSuffix,
    period: record.period,
    renewable: record.renewable,
    ...(record.boundCidrs.length === 0 ? {} : { token_bound_cidrs: record.boundCidrs }),
    token_explicit_max_ttl: record.explicitMaxTtl,
    token_no_default_policy: record.noDefaultPolicy,
    ...(record.numUses === 0 ? {} : { token_num_uses: record.numUses }),
    token_period: record.period,
    token_type: record.type,
  };
}

const NEW_ROLE: Omit<TokenRoleRecord, 'name'> = {
  allowedPolicies: [],
  disallowedPolicies: [],
  allowedPoliciesGlob: [],
  disallowedPoliciesGlob: [],
  allowedEntityAliases: [],
  orphan: false,
  renewable: true,
  pathSuffix: '',
  period: 0,
  explicitMaxTtl: 0,
  numUses: 0,
  boundCidrs: [],
  noDefaultPolicy: false,
  type: 'default-service',
};

/** In order, each once. Names of policies are lower case: a list in capitals would disallow nothing. */
const lower = (names: readonly string[] | undefined) =>
  names === undefined ? undefined : [...new Set(names.map((name) => name.toLowerCase()))].sort();

function withFields(before: TokenRoleRecord, values: Values<typeof fields>): TokenRoleRecord {
  const after: TokenRoleRecord = {
    ...before,
    ...defined({
      allowedPolicies: lower(values.allowed_policies),
      disallowedPolicies: lower(values.disallowed_policies),
      allowedPoliciesGlob: lower(values.allowed_policies_glob),
      disallowedPoliciesGlob: lower(values.disallowed_policies_glob),
      allowedEntityAliases: values.allowed_entity_aliases,
      orphan: values.orphan,
      renewable: values.renewable,
      pathSuffix: values.path_suffix,
      period: values.token_period ?? values.period,
      explicitMaxTtl: values.token_explicit_max_ttl ?? values.explicit_max_ttl,
      numUses: values.token_num_uses,
      boundCidrs: values.token_bound_cidrs ?? values.bound_cidrs,
      noDefaultPolicy: values.token_no_default_policy,
      type: values.token_type,
    }),
  };
  parseCidrs(after.boundCidrs);
  if (after.type === 'batch') checkBatchRole(after);
  checkRole(after);
  return { ...after, boundCidrs: withoutFullWidth(after.boundCidrs) };
}

function checkRole({ name, pathSuffix, numUses }: TokenRoleRecord): void {
  if (!isPlainName(name)) {
    throw fail('badRequest', 'the name of a role has letters, digits, "_", and between them "-" and "."');
  }
  if (numUses < 0) throw fail('badRequest', "error parsing role fields: 'token_num_uses' cannot be negative");
  const isSuffix = isPlainName(pathSuffix) && !pathSuffix.includes('..') && pathSuffix.length >= SHORTEST_SUFFIX;
  if (pathSuffix === '' || isSuffix) return;
  throw fail('badRequest', 'path_suffix has letters, digits, "_", and between them "-" and ".": three at least');
}

function checkBatchRole({ orphan, renewable, period, numUses, explicitMaxTtl }: TokenRoleRecord): void {
  const refused = [
    ...(orphan ? [] : ['non-orphan tokens']),
    ...(renewable ? ['renewable tokens'] : []),
    ...(period > 0 ? ['periodic tokens'] : []),
    ...(numUses > 0 ? ['tokens with limited use count'] : []),
    ...(explicitMaxTtl > 0 ? ['tokens with an explicit max TTL'] : []),
  ];
  const [first] = refused;
  if (first !== undefined)
    throw fail('badRequest', `'token_type' cannot be 'batch' when role is set to generate ${first}`);
}

const role = at('roles/:role_name', {
  help: 'One token role.',
  fields,
  operations: {
    read: {
      summary: 'Read a role',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: (auth, values) => {
        const found = readRole(auth, values.role_name);
        return found === undefined ? reply.missing : reply.ok(shown(found.record));
      },
    },
    update: {
      summary: 'Write a role',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (auth, values) => {
        const before = readRole(auth, values.role_name)?.record ?? { ...NEW_ROLE, name: values.role_name };
        const record = withFields(before, values);
        await auth.view.shared.transact((tx) => {
          tx.put(PREFIX + record.name, encodeRecord(record));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a role',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (auth, values) => {
        await auth.view.shared.transact((tx) => {
          tx.delete(PREFIX + values.role_name);
        });
        return reply.empty;
      },
    },
  },
});

const roles = at('roles', {
  help: 'Names of all token roles.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List roles',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: (auth, asked) => listed(children(auth.view.shared, PREFIX), asked),
    },
  },
});

export const rolePaths = [role, roles];
