/** `auth/token/create`, `create-orphan`, `create/:role_name`: tokens made by tokens. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type Values } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import type { Reply } from '../../framework/reply.ts';
import { parseCidrs } from '../../lib/cidr.ts';
import { ROOT } from '../namespaces/namespace.ts';
import { boundTtl, cleanPolicies, identityPoliciesOf } from '../requests/grants.ts';
import type { RequestServices } from '../services.ts';
import { readRole, type TokenRole } from './path-roles.ts';
import { smallest } from './terms.ts';
import { authBlock, entityNamespaceOf, type Token } from './token.ts';
import type { TokenAuth } from './token-auth.ts';
import type { TokenSpec } from './new-tokens.ts';
import { checkBatch, chosenType } from './token-type.ts';

const at = pathsOf<TokenAuth>();

const fields = {
  id: field.secret('The token itself; only root and sudo callers may choose it.'),
  policies: field.list('Policies of the new token. Default: those of the caller.'),
  meta: field.map('Shown in look-ups and audit.'),
  no_parent: field.boolean('Make an orphan; needs root or sudo.', { default: false }),
  no_default_policy: field.boolean('Leave the default policy out.', { default: false }),
  renewable: field.boolean('Whether it can be renewed.', { default: true }),
  lease: field.duration('Old name of ttl.'),
  ttl: field.duration('How long it lives.'),
  type: field.enum('Type of the token.', ['service', 'batch']),
  explicit_max_ttl: field.duration('How long it may live at most, whatever is renewed.', { default: 0 }),
  display_name: field.string('Shown in look-ups and audit, after `token-`.', { default: '' }),
  num_uses: field.integer('How often it can be used; 0 is without limit.', { default: 0 }),
  period: field.duration('A periodic token is renewed by this much, without end; needs root or sudo.', { default: 0 }),
  entity_alias: field.string('Alias of an entity: needs a role that allows it.'),
} as const;

type Asked = Values<typeof fields>;

const displayName = (wanted: string): string =>
  ['token', wanted.replaceAll(/[^a-zA-Z0-9-]/g, '-').replace(/-+$/, '')].filter((part) => part !== '').join('-');

/** Clients in Go send the empty string for what they were not given. */
const given = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

const NO_POLICIES: readonly string[] = Object.freeze([]);

interface Caller {
  readonly token: Token;
  /** Those of the namespace that it asks in: a name means something in its own namespace only. */
  readonly policies: readonly string[];
  /** Root, or `sudo` on the path: may choose ids, periods, orphans and any policy. */
  readonly sudo: boolean;
}

function callerOf(services: RequestServices, call: Call): Caller {
  // A request that has waited for approval is known by its token's key alone.
  const { tokenKey } = call.client;
  const token = call.token === undefined ? services.tokens.byKey(tokenKey) : services.tokens.find(call.token);
  if (token === undefined) throw fail('invalidToken');
  if (token.record.type === 'batch') throw fail('badRequest', 'batch tokens cannot create more tokens');
  // What a child may do would be without the limit, and an orphan would outlive it.
  if (token.record.numUses !== 0) throw fail('badRequest', 'restricted use token cannot generate child tokens');
  const path = `${call.namespace.path}${call.mountPath}${call.path}`;
  const own = token.namespace === call.namespace.id;
  const { sudo } = services.policies.acl(call.client).allows('update', path);
  return { token, sudo, policies: own ? token.record.policies : NO_POLICIES };
}

function refuseWithoutSudo(asked: Asked, { sudo }: Caller, role: TokenRole | undefined): void {
  if (sudo) return;
  if (given(asked.id) !== undefined) throw fail('badRequest', 'root or sudo privileges required to specify token id');
  if (asked.period > 0) {
    throw fail('badRequest', 'root or sudo privileges required to create periodic token');
  }
  if (asked.no_parent && role === undefined) {
    throw fail('badRequest', 'root or sudo privileges required to create orphan token');
  }
}

/** `default` comes by itself only from who could give it: a token that was made without it makes no child with it. */
function addsDefault(asked: Asked, { policies, sudo }: Caller, role: TokenRole | undefined): boolean {
  if (asked.no_default_policy || role?.record.noDefaultPolicy === true) return false;
  return sudo || policies === NO_POLICIES || policies.includes('default');
}

/** The policies of the new token. A caller without sudo gives no more than it has; a role decides by its own lists. */
function policiesFor(asked: Asked, caller: Caller, role: TokenRole | undefined): readonly string[] {
  const own = caller.policies;
  if (role?.decides === true) return role.policiesFor(asked, own);
  const wanted = asked.policies === undefined || asked.policies.length === 0 ? own : asked.policies;
  const named = cleanPolicies(wanted, !addsDefault(asked, caller, role));
  // Told to leave it out, it is left out also where it was named, as in Vault.
  const clean = asked.no_default_policy ? named.filter((name) => name !== 'default') : named;
  if (clean.includes('root') && !own.includes('root')) {
    throw fail('badRequest', 'root tokens may not be created without parent token being root');
  }
  const granted = own === NO_POLICIES ? ['default'] : own;
  const more = clean.filter((name) => !granted.includes(name));
  if (!caller.sudo && more.length > 0) {
    throw fail('badRequest', 'child policies must be subset of parent');
  }
  return clean;
}

function checked(asked: Asked, { namespace }: Call): void {
  if (asked.num_uses < 0) throw fail('badRequest', 'number of uses cannot be negative');
  const id = given(asked.id);
  if (id !== undefined && namespace.id !== ROOT.id) {
    throw fail('badRequest', 'token IDs can only be manually specified in the root namespace');
  }
  if (id !== undefined && (/^[bhs]\.|^hv[bsr]\./.test(id) || id.includes('.') || id.length > 256)) {
    throw fail('badRequest', 'custom token ID cannot have the form of a generated one, nor contain a dot');
  }
}

/** What a role adds: a role that says nothing, where there is none. */
const NO_ROLE = {
  period: 0,
  explicitMaxTtl: 0,
  orphan: false,
  pathSuffix: '',
  numUses: 0,
  renewable: true,
  boundCidrs: [],
  name: '',
  type: 'default-service',
} as const;
type Terms = Pick<TokenRole['record'], keyof typeof NO_ROLE>;

interface Form {
  readonly role?: TokenRole;
  readonly orphan?: boolean;
}

/** With a role the role alone says whether the token is an orphan. */
function isOrphan(asked: Asked, form: Form, terms: Terms): boolean {
  return form.orphan === true || (form.role === undefined ? asked.no_parent : terms.orphan);
}

const isRenewable = ({ renewable }: Asked, terms: Terms): boolean => terms.renewable && renewable;

/** A root token lives for ever unless it is told not to. */
function lifeOf(mount: ReturnType<RequestServices['ttl']>, asked: Asked, terms: Terms, root: boolean) {
  const period = smallest(asked.period, terms.period);
  const explicitMaxTtl = smallest(asked.explicit_max_ttl, terms.explicitMaxTtl);
  const bounds = { ttl: asked.ttl ?? asked.lease ?? 0, maxTtl: 0, period, explicitMaxTtl };
  const unbounded = root && bounds.ttl + period + explicitMaxTtl === 0;
  const { ttl, warnings } = unbounded ? { ttl: 0, warnings: [] } : boundTtl(bounds, mount);
  return { ttl, period, explicitMaxTtl, warnings: [...twice(asked, terms), ...warnings] };
}

/** What both the request and the role limit. */
function twice(asked: Asked, terms: Terms): readonly string[] {
  const pairs = [
    ['Explicit max TTL', asked.explicit_max_ttl, terms.explicitMaxTtl],
    ['Period', asked.period, terms.period],
    ['Number of uses', asked.num_uses, terms.numUses],
  ] as const;
  return pairs
    .filter(([, one, other]) => one > 0 && other > 0)
    .map(
      ([name, one, other]) =>
        `${name} specified both during creation call and in role; using the lesser value of ${String(Math.min(one, other))}`,
    );
}

async function create(auth: TokenAuth, asked: Asked, call: Call, form: Form): Promise<Reply> {
  const { services } = auth;
  const terms: Terms = form.role?.record ?? NO_ROLE;
  checked(asked, call);
  const caller = callerOf(services, call);
  refuseWithoutSudo(asked, caller, form.role);
  const policies = policiesFor(asked, caller, form.role);
  const { ttl, period, explicitMaxTtl, warnings } = lifeOf(
    services.ttl(auth.config(call)),
    asked,
    terms,
    policies.includes('root'),
  );
  if (ttl === 0 && caller.token.record.expiresAt !== 0) {
    throw fail('badRequest', 'expiring root tokens cannot create non-expiring root tokens');
  }
  parseCidrs(terms.boundCidrs);
  const numUses = smallest(asked.num_uses, terms.numUses);
  const type = chosenType(terms.type, asked.type);
  if (type === 'batch') checkBatch(policies, { numUses, period, explicitMaxTtl });
  const orphan = isOrphan(asked, form, terms);
  const entity = await entityFor(auth, call, { alias: given(asked.entity_alias), role: form.role, caller, orphan });
  const chosen = given(asked.id);
  const counted = countedOf(call, policies);
  using _held = services.leaseQuotas.reserve(call.namespace, counted.counted);
  const { id, token } = await services.tokens.create({
    ...(chosen === undefined ? {} : { id: chosen }),
    type,
    ...{ policies, namespace: call.namespace.id },
    path: pathOf(call, terms),
    meta: asked.meta ?? null,
    displayName: displayName(asked.display_name),
    numUses,
    ...{ ttl, maxTtl: 0, explicitMaxTtl, period },
    renewable: isRenewable(asked, terms) && ttl > 0 && type === 'service',
    ...(orphan ? {} : { parent: caller.token }),
    ...entity,
    ...counted,
    boundCidrs: terms.boundCidrs,
    role: terms.name,
    noDefaultPolicy: asked.no_default_policy,
  });
  const absent = policies.filter((name) => services.policies.get(call.namespace.id, name) === undefined);
  const missing = absent.map((name) => `Policy "${name}" does not exist`);
  return {
    status: 200,
    auth: authBlock(token, id, identityPoliciesOf(services, token)),
    warnings: [...warnings, ...missing],
  };
}

/** A root token is not counted, as in Vault: an operator can always make one to get in. */
function countedOf({ mountPath, path }: Call, policies: readonly string[]): Pick<TokenSpec, 'counted'> {
  if (policies.includes('root')) return {};
  return { counted: { path: `${mountPath}${path}`.replace(/\/$/, ''), mount: mountPath, role: '' } };
}

interface EntityFor {
  readonly alias: string | undefined;
  readonly role: TokenRole | undefined;
  readonly caller: Caller;
  readonly orphan: boolean;
}

/** The entity of an alias that the role allows, or else a child's of its parent. An orphan has none. */
async function entityFor({ services }: TokenAuth, call: Call, { alias, role, caller, orphan }: EntityFor) {
  const { namespace } = call;
  if (alias === undefined) {
    if (orphan || caller.token.record.entity === '') return {};
    const entityNamespace = entityNamespaceOf(caller.token);
    return { entity: caller.token.record.entity, ...(entityNamespace === namespace.id ? {} : { entityNamespace }) };
  }
  if (role === undefined) throw fail('badRequest', "'entity_alias' is only allowed in combination with token role");
  const mount = services.mounts.at(namespace.id, 'auth/token/');
  if (mount === undefined || !role.allowsAlias(alias)) throw fail('badRequest', "invalid 'entity_alias' value");
  return { entity: await services.identities.logins.entityOf(namespace.id, mount.record, { name: alias }) };
}

/** The path that a token is made under; a role may add to it. */
function pathOf({ mountPath, path }: Call, { pathSuffix }: Terms): string {
  const made = `${mountPath}${path}`.replace(/\/$/, '');
  return pathSuffix === '' ? made : `${made}/${pathSuffix}`;
}

const plain = at('create', {
  help: 'Makes a token, a child of the calling one.',
  fields,
  operations: {
    update: {
      summary: 'Create a token',
      writes: 'local',
      replies: { 200: 'empty' },
      run: (auth, values, call) => create(auth, values, call, {}),
    },
  },
});

const orphan = at('create-orphan', {
  help: 'Makes a token without a parent: it outlives the caller.',
  access: 'root',
  fields,
  operations: {
    update: {
      summary: 'Create an orphan token',
      writes: 'local',
      replies: { 200: 'empty' },
      run: (auth, values, call) => create(auth, values, call, { orphan: true }),
    },
  },
});

const byRole = at('create/:role_name', {
  help: 'Makes a token as a role says.',
  fields: { ...fields, role_name: field.name('Name of the role.') },
  operations: {
    update: {
      summary: 'Create a token by a role',
      writes: 'local',
      replies: { 200: 'empty' },
      run: (auth, values, call) => {
        const role = readRole(auth, values.role_name);
        if (role === undefined) throw fail('badRequest', `unknown role ${values.role_name}`);
        return create(auth, values, call, { role });
      },
    },
  },
});

export const createPaths = [plain, orphan, byRole];
