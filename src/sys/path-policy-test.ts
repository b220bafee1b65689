/** `sys/policies/test`: may somebody do something, and by which line of which policy; without a login, and without doing it. */
import { factorOf } from '../core/identity/factors.ts';
import type { Node } from '../core/node.ts';
import { explain, type Acl } from '../core/policy/index.ts';
import type { Details } from '../core/policy/constraints.ts';
import type { Explanation, Wanted } from '../core/policy/explain.ts';
import { supposedLogin, type RefusedLogin, type SupposedRights } from '../core/requests/supposed-login.ts';
import { tokenIn } from '../core/tokens/path-lookup.ts';
import { holderOf, type Token } from '../core/tokens/token.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { needsSudo, pathsOf, verbs } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { defined } from '../lib/defined.ts';
import { askedPath, wantedField } from './wanted.ts';

const at = pathsOf<Node>();

interface Whom {
  readonly token: string | undefined;
  readonly accessor: string | undefined;
  readonly entity_id: string | undefined;
  readonly entity_name: string | undefined;
  readonly policies: readonly string[] | undefined;
  readonly auth: string | undefined;
  readonly role: string | undefined;
  readonly claims: JsonObject | undefined;
  readonly address: string | undefined;
}

const given = (text: string | undefined): text is string => text !== undefined && text !== '';

/** Throws `badRequest` for more than one. */
function checkOne({ token, accessor, policies, auth, role, claims, address, ...entity }: Whom): void {
  const named = given(entity.entity_id) || given(entity.entity_name) || policies !== undefined;
  if ([given(token), given(accessor), named, given(auth)].filter(Boolean).length > 1) {
    const kinds = 'token, accessor, auth with claims, or an entity and policies';
    throw fail('badRequest', `give one of ${kinds}: they are different callers`);
  }
  if (given(address) && !given(auth)) throw fail('badRequest', 'address is that of a login: give auth and claims');
  if (given(auth) ? claims === undefined : claims !== undefined || given(role)) {
    throw fail('badRequest', 'claims are those of a login: give auth and claims, with the role');
  }
}

/** Whose rights are asked about. Throws `badRequest` for nobody that there is. */
function aclOf(node: Node, whom: Whom, call: Call): Acl {
  const { token, accessor, policies } = whom;
  const named = given(whom.entity_id) || given(whom.entity_name);
  if (named || policies !== undefined) return aclOfEntity(node, whom, call);
  const found = given(accessor)
    ? node.services.tokens.byAccessor(call.namespace.id, accessor)
    : tokenIn(node, call, given(token) ? token : (call.token ?? ''));
  return node.services.policies.acl(holderOf(existing(found)));
}

function existing(token: Token | undefined): Token {
  if (token === undefined) throw fail('badRequest', 'there is no such token in this namespace');
  return token;
}

/** Entities that logins made have names of their own: who asks may know the name of the login alone. */
function namesakes({ services }: Node, name: string, call: Call): string {
  const namespace = call.namespace.id;
  const { known, logins } = services.identities;
  const naming = { namespace, region: logins.region ?? 'hub', of: 'entity' } as const;
  const found = services.mounts.all(namespace).flatMap(({ record, path }) => {
    if (record.table !== 'auth') return [];
    const entity = known.entityByFactor(namespace, factorOf(record, name, naming).text);
    return entity === undefined ? [] : [`"${entity.name}" (${path})`];
  });
  if (found.length === 0) return 'list identity/entity/name tells their names';
  return `who logs in as that is ${found.slice(0, MOST_NAMESAKES).join(', ')}`;
}

const MOST_NAMESAKES = 5;

/** What an entity has by itself and its groups, with the policies that a login would add. */
function aclOfEntity(node: Node, { entity_id: id, entity_name: name, policies = [] }: Whom, call: Call): Acl {
  const namespace = call.namespace.id;
  const known = node.services.identities.known;
  const entity = given(id)
    ? known.identity(namespace, id)?.record
    : given(name)
      ? known.entityByName(namespace, name)
      : undefined;
  if (entity === undefined && (given(id) || given(name))) {
    const called = given(id) ? id : (name ?? '');
    throw fail('badRequest', `there is no entity "${called}" in this namespace: ${namesakes(node, called, call)}`);
  }
  return node.services.policies.acl({
    namespace,
    policies: policies.map((each) => each.toLowerCase()),
    ...(entity === undefined ? {} : { entity: entity.id, entityNamespace: namespace }),
  });
}

/** Whether what is served at the path wants `sudo` beside the operation. */
function sudoNeeded({ services }: Node, namespace: string, path: string, operation: Wanted): boolean {
  const placed = services.namespaces.place(namespace, path);
  const routed = services.mounts.route(placed.namespace.id, placed.path);
  const match = routed?.mounted.router.match(routed.rest);
  if (match === undefined) return false;
  const verb = verbs.find(
    (each) => each === (operation === 'create' || operation === 'recover' ? 'update' : operation),
  );
  return needsSudo(match.path.access) || (verb !== undefined && match.path.operations[verb]?.sudo === true);
}

interface Question extends Whom {
  readonly path: string;
  readonly operation: Wanted | undefined;
  readonly parameters: JsonObject | undefined;
  readonly wrap_ttl: number | undefined;
  readonly event_type: string | undefined;
}

/** What is recovered is granted by `create` with `sudo` too. */
function explained(acl: Acl, operation: Wanted, path: string, details: Details): Explanation {
  const found = explain(acl, operation, path, details);
  if (operation !== 'recover' || found.allowed) return found;
  const { allowed, sudo } = acl.allows('create', path, details);
  return allowed && sudo ? explain(acl, 'create', path, details) : found;
}

/** What a login would give, for those who are to understand the answer. */
const shownLogin = ({ foreseen, alias, groups, policies, assumed, ...login }: SupposedRights): JsonObject => ({
  alias,
  entity_id: foreseen?.identity.record.id ?? '',
  entity_name: foreseen?.identity.record.name ?? '',
  first_login: foreseen?.isNew ?? false,
  groups,
  token_policies: policies,
  identity_policies: foreseen?.identity.policies ?? [],
  assumed_claims: assumed,
  bound_cidrs: login.boundCidrs,
  second_factors: login.factors.map((each) => ({ ...each })),
  quotas: defined({ rate_limit: login.quotas.rateLimit, lease_count: login.quotas.leaseCount }),
  not_judged: login.unjudged,
});

/** Undefined where it is not claims that are asked about. */
function loginOf({ services }: Node, { auth, role = '', claims = {}, address }: Question, { namespace }: Call) {
  const from = given(address) ? address : undefined;
  return given(auth) ? supposedLogin(services, { namespace, auth, role, claims, address: from }) : undefined;
}

function refusedLogin({ refused }: RefusedLogin, operation: Wanted, path: string): Reply {
  const reason = `the login is refused: ${refused}`;
  return reply.ok({ allowed: false, operation, path, reason, controlled: false, rules: [], sudo_needed: false });
}

/** A name without a document allows nothing: most likely it is misspelt. */
function missingPolicies({ services }: Node, policies: readonly string[], { namespace }: Call): readonly string[] {
  const missing = policies.filter((name) => services.policies.describe(namespace.id, name.toLowerCase()) === undefined);
  return missing.map((name) => `there is no policy "${name}" in this namespace: it allows nothing`);
}

/** Of the login where claims are asked about, else those that were given. */
const namedPolicies = (login: SupposedRights | undefined, { policies = [] }: Question): readonly string[] =>
  login === undefined ? policies : login.policies;

function answer(node: Node, question: Question, call: Call): Reply {
  const { operation = 'read' } = question;
  const below = askedPath(question.path, operation);
  const path = call.namespace.path + below;
  checkOne(question);
  const login = loginOf(node, question, call);
  if (login !== undefined && 'refused' in login) return refusedLogin(login, operation, below);
  const rights = login === undefined ? aclOf(node, question, call) : login.acl;
  const details = { body: question.parameters, wrapTtl: question.wrap_ttl, eventType: question.event_type };
  const needs = operation !== 'sudo' && sudoNeeded(node, call.namespace.path.slice(0, -1), below, operation);
  const found = explained(rights, operation, path, { ...details, sudo: needs });
  const lacks = needs && found.allowed && !explain(rights, 'sudo', path).allowed;
  const answered = reply.ok({
    allowed: found.allowed && !lacks,
    operation,
    path: below,
    reason: lacks ? `${found.reason}, but this path needs sudo too` : found.reason,
    controlled: found.controlled,
    rules: found.rules.map((rule) => ({ ...rule })),
    sudo_needed: needs,
    ...(login === undefined ? {} : { login: shownLogin(login) }),
  });
  return { ...answered, warnings: missingPolicies(node, namedPolicies(login, question), call) };
}

const test = at('policies/test', {
  help: 'Whether a token, an entity or a set of policies may do something, and by which line of which policy.',
  namespaces: true,
  fields: {
    path: field.required(field.string('The path, as a request would have it.')),
    operation: wantedField,
    token: field.secret('A token of this namespace. Without any of these the calling token is meant.'),
    accessor: field.string('The accessor of a token.'),
    entity_id: field.string('An entity, with its groups.'),
    entity_name: field.string('An entity by its name.'),
    policies: field.list('Names of policies; beside an entity, those that a login would add.'),
    auth: field.string('The path of an auth method: what a login there with the claims would give. Nobody logs in.'),
    role: field.string('The role of that login; the default one without.'),
    claims: field.object(
      'The claims of its token. What of issuer, audience and times is left out is taken to be right.',
    ),
    address: field.string('The address that it comes from. Without one it is not judged from where it may come.'),
    parameters: field.object('What the request would send.'),
    wrap_ttl: field.duration('How long the reply would be wrapped.'),
    event_type: field.string('For subscribe, such as kv-v2/data-write.'),
  },
  operations: {
    update: {
      summary: 'Ask whether somebody may do something',
      writes: 'nothing',
      replies: {
        200: {
          allowed: field.boolean('Whether it is allowed.'),
          operation: field.string('As it was asked.'),
          path: field.string('As it was asked.'),
          reason: field.string('Why, for people.'),
          controlled: field.boolean('Whether others have to approve it first.'),
          rules: field.objects('The rules that decide: policy, namespace, path, line, capabilities, effect.'),
          sudo_needed: field.boolean('Whether the path needs sudo beside the operation.'),
          login: field.object(
            'Of claims: alias, entity_id, entity_name, first_login, groups, token_policies, identity_policies, assumed_claims, ' +
              'bound_cidrs, second_factors, quotas, not_judged.',
          ),
        },
      },
      run: answer,
    },
  },
});

export const policyTestPaths = [test];
