/** `sys/policy` (old) and `sys/policies/acl`: what tokens may do. */
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { PolicyChange, PolicyFacts } from '../core/policy/policy-store.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pageFields, type Asked } from '../framework/listing.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { defined } from '../lib/defined.ts';

const at = pathsOf<Node>();

const name = field.name('Name of the policy. Lower case.');
const policy = field.string('The document, HCL or JSON; base64 is taken too.');

/** Vault takes a document as it is, or as base64 of it. */
export function documentOf(given: string | undefined): string {
  if (given === undefined || given === '') throw fail('badRequest', "'policy' parameter not supplied or empty");
  const decoded = Buffer.from(given, 'base64');
  // Node skips what is not base64: only what comes back the same was base64.
  return decoded.length > 0 && decoded.toString('base64') === given.trim() ? decoded.toString('utf8') : given;
}

/** Names are kept in small letters, without blanks around them. */
const lower = (text: string): string => text.trim().toLowerCase().replace(/\/$/, '');

/** Of a document, beside its text. Times are RFC 3339. */
export function factsShown({ version, modified, expiration, casRequired, templates }: PolicyFacts): JsonObject {
  return {
    allow_slashes_in_identity_templates: templates.slashes,
    allow_wildcards_in_identity_templates: templates.wildcards,
    cas_required: casRequired,
    version,
    ...(modified === undefined ? {} : { modified: new Date(modified).toISOString() }),
    ...(expiration === undefined ? {} : { expiration: new Date(expiration).toISOString() }),
  };
}

async function readPolicy(node: Node, call: Call, wanted: string, key: 'rules' | 'policy'): Promise<Reply> {
  const { metrics, services } = node;
  const read = () => services.policies.describe(call.namespace.id, lower(wanted));
  const found = await metrics.timed(metrics.policies.get, read);
  if (found === undefined) return reply.missing;
  // Clients of Vault compare whole replies: more is told of a policy for which it was asked for.
  const { slashes, wildcards } = found.templates;
  const more = found.checked || found.casRequired || found.expiration !== undefined || slashes || wildcards;
  const shown = { name: lower(wanted), [key]: found.text, ...(more ? factsShown(found) : {}) };
  return { ...reply.ok(shown), flat: key === 'rules' };
}

const changeFields = {
  policy,
  cas: field.integer('The version that it replaces; 0 where there is to be none.'),
  cas_required: field.boolean('Whether every later write must say which version it replaces.'),
  expiration: field.time('When it ends.'),
  ttl: field.duration('When it ends, from now on.'),
  allow_slashes_in_identity_templates: field.boolean(
    'Whether values of templates may hold `/`: they then name deeper paths.',
  ),
  allow_wildcards_in_identity_templates: field.boolean(
    'Whether values of templates may hold `*` and `+`: they then mean many paths.',
  ),
};

interface Written {
  readonly cas: number | undefined;
  readonly cas_required: boolean | undefined;
  readonly expiration: string | undefined;
  readonly ttl: number | undefined;
  readonly allow_slashes_in_identity_templates: boolean | undefined;
  readonly allow_wildcards_in_identity_templates: boolean | undefined;
}

/** Milliseconds since the epoch. */
function endOf({ expiration, ttl }: Written, now: number): number | undefined {
  if (expiration !== undefined && ttl !== undefined) {
    throw fail('badRequest', "cannot supply both 'expiration' and 'ttl' for policies");
  }
  if (ttl !== undefined) return ttl === 0 ? undefined : now + ttl * 1_000;
  if (expiration === undefined) return undefined;
  // Vault takes seconds since the epoch as well.
  const end = /^\d{1,12}$/.test(expiration) ? Number(expiration) * 1_000 : Date.parse(expiration);
  if (Number.isNaN(end)) throw fail('badRequest', '"expiration" must be a moment such as 2030-01-31T00:00:00Z');
  if (end <= now) throw fail('badRequest', 'refusing to update policy as expiration time has already elapsed');
  return end;
}

const changeOf = (values: Written, now: number): Omit<PolicyChange, 'text'> => ({
  cas: values.cas,
  casRequired: values.cas_required,
  expiration: endOf(values, now),
  templates: {
    ...defined({
      slashes: values.allow_slashes_in_identity_templates,
      wildcards: values.allow_wildcards_in_identity_templates,
    }),
  },
});

async function writePolicy(
  node: Node,
  call: Call,
  values: Written & { readonly name: string },
  given: string | undefined,
): Promise<Reply> {
  const { services, metrics } = node;
  const change = { text: documentOf(given), ...changeOf(values, services.now()) };
  await metrics.timed(metrics.policies.set, () => services.policies.put(call.namespace.id, lower(values.name), change));
  return reply.empty;
}

async function patchPolicy(
  node: Node,
  call: Call,
  values: Written & { readonly name: string },
  given: string | undefined,
): Promise<Reply> {
  const { services, metrics } = node;
  const change = { text: given === undefined ? undefined : documentOf(given), ...changeOf(values, services.now()) };
  await metrics.timed(metrics.policies.set, () =>
    services.policies.patch(call.namespace.id, lower(values.name), change),
  );
  return { status: 200 };
}

async function deletePolicy(node: Node, call: Call, wanted: string): Promise<Reply> {
  const { services, metrics } = node;
  await metrics.timed(metrics.policies.delete, () => services.policies.delete(call.namespace.id, lower(wanted)));
  return reply.empty;
}

/** Names below a folder, and behind the last one of a page. */
export function namesBelow(
  node: Node,
  { namespace }: Call,
  folder: string,
  { after, limit }: Asked,
): readonly string[] {
  const prefix = folder === '' ? '' : `${lower(folder)}/`;
  const found = node.services.policies.list(namespace.id).filter((each) => each.startsWith(prefix) && each > after);
  return limit > 0 ? found.slice(0, limit) : found;
}

const list = async ({ services, metrics }: Node, _values: unknown, { namespace }: Call): Promise<Reply> => {
  const names = await metrics.timed(metrics.policies.list, () => services.policies.list(namespace.id));
  return { ...reply.ok({ keys: names, policies: names }), flat: true };
};

/** As the whole list at the old address: under both names, and beside `data` too. */
function oldListBelow(found: readonly string[]): Reply {
  return found.length === 0 ? reply.missing : { ...reply.ok({ keys: found, policies: found }), flat: true };
}

const names = {
  keys: field.list('Names of the policies.'),
  policies: field.list('The same names, for old clients.'),
};

const facts = {
  name: field.string('Name.'),
  version: field.integer('Counts its writes; 0 where nobody has written it.'),
  modified: field.time('When it was written.'),
  expiration: field.time('When it ends.'),
  cas_required: field.boolean('Whether a write must say which version it replaces.'),
  allow_slashes_in_identity_templates: field.boolean('Whether values of templates may hold `/`.'),
  allow_wildcards_in_identity_templates: field.boolean('Whether values of templates may hold `*` and `+`.'),
};

const oldList = at('policy', {
  help: 'Names of all policies.',
  namespaces: true,
  fields: {},
  operations: {
    read: { summary: 'List policies', writes: 'nothing', replies: { 200: names }, run: list },
    list: { summary: 'List policies', writes: 'nothing', replies: { 200: names }, run: list },
  },
});

const old = at('policy/:name...', {
  help: 'One policy.',
  namespaces: true,
  fields: { name, ...changeFields, ...pageFields, rules: field.string('Old name of `policy`.') },
  operations: {
    list: {
      summary: 'List policies below a folder',
      writes: 'nothing',
      replies: { 200: names, 404: 'empty' },
      run: (node, values, call) => oldListBelow(namesBelow(node, call, values.name, values)),
    },
    read: {
      summary: 'Read a policy',
      writes: 'nothing',
      replies: { 200: { ...facts, rules: field.string('The document.') }, 404: 'empty' },
      run: (node, values, call) => readPolicy(node, call, values.name, 'rules'),
    },
    update: {
      summary: 'Write a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values, call) => writePolicy(node, call, values, values.policy ?? values.rules),
    },
    delete: {
      summary: 'Delete a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values, call) => deletePolicy(node, call, values.name),
    },
  },
});

const aclList = at('policies/acl', {
  help: 'Names of all ACL policies.',
  namespaces: true,
  fields: pageFields,
  operations: {
    list: {
      summary: 'List policies',
      writes: 'nothing',
      replies: { 200: { keys: names.keys }, 404: 'empty' },
      run: (node, asked, call) => reply.keys(namesBelow(node, call, '', asked)),
    },
    read: { summary: 'List policies', writes: 'nothing', replies: { 200: names }, run: list },
  },
});

const acl = at('policies/acl/:name...', {
  help: 'One ACL policy.',
  namespaces: true,
  fields: { name, ...changeFields, ...pageFields },
  operations: {
    list: {
      summary: 'List policies below a folder',
      writes: 'nothing',
      replies: { 200: { keys: names.keys }, 404: 'empty' },
      run: (node, values, call) => reply.keys(namesBelow(node, call, values.name, values)),
    },
    read: {
      summary: 'Read a policy',
      writes: 'nothing',
      replies: { 200: { ...facts, policy: field.string('The document.') }, 404: 'empty' },
      run: (node, values, call) => readPolicy(node, call, values.name, 'policy'),
    },
    update: {
      summary: 'Write a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values, call) => writePolicy(node, call, values, values.policy),
    },
    patch: {
      summary: 'Change what is given of a policy',
      writes: 'shared',
      replies: { 200: 'empty' },
      run: (node, values, call) => patchPolicy(node, call, values, values.policy),
    },
    delete: {
      summary: 'Delete a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values, call) => deletePolicy(node, call, values.name),
    },
  },
});

export const policyPaths = [oldList, old, aclList, acl];
