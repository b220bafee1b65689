/** `sys/policy` (old) and `sys/policies/acl`: what tokens may do. */
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const name = field.name('Name of the policy. Lower case.');
const policy = field.string('The document, HCL or JSON; base64 is taken too.');

/** Vault takes a document as it is, or as base64 of it. */
function documentOf(given: string | undefined): string {
  if (given === undefined || given === '') throw fail('badRequest', "'policy' parameter not supplied or empty");
  const plain = /^[A-Za-z0-9+/\s]+={0,2}$/.test(given) && !/[{}]/.test(given);
  return plain ? Buffer.from(given, 'base64').toString('utf8') : given;
}

const lower = (text: string): string => text.toLowerCase();

function readPolicy({ services }: Node, call: Call, wanted: string, key: 'rules' | 'policy'): Reply {
  const found = services.policies.get(call.namespace.id, lower(wanted));
  if (found === undefined) return reply.missing;
  return { ...reply.ok({ name: lower(wanted), [key]: found }), flat: key === 'rules' };
}

async function writePolicy(node: Node, call: Call, wanted: string, given: string | undefined): Promise<Reply> {
  await node.services.policies.put(call.namespace.id, lower(wanted), documentOf(given));
  return reply.empty;
}

async function deletePolicy(node: Node, call: Call, wanted: string): Promise<Reply> {
  await node.services.policies.delete(call.namespace.id, lower(wanted));
  return reply.empty;
}

const list = (node: Node, _values: unknown, { namespace }: Call): Reply => {
  const names = node.services.policies.list(namespace.id);
  return { ...reply.ok({ keys: names, policies: names }), flat: true };
};

const names = {
  keys: field.list('Names of the policies.'),
  policies: field.list('The same names, for old clients.'),
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

const old = at('policy/:name', {
  help: 'One policy.',
  namespaces: true,
  fields: { name, policy, rules: field.string('Old name of `policy`.') },
  operations: {
    read: {
      summary: 'Read a policy',
      writes: 'nothing',
      replies: { 200: { name: field.string('Name.'), rules: field.string('The document.') }, 404: 'empty' },
      run: (node, values, call) => readPolicy(node, call, values.name, 'rules'),
    },
    update: {
      summary: 'Write a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values, call) => writePolicy(node, call, values.name, values.policy ?? values.rules),
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
  fields: {},
  operations: {
    list: {
      summary: 'List policies',
      writes: 'nothing',
      replies: { 200: { keys: names.keys } },
      run: (node, _values, { namespace }) => reply.ok({ keys: node.services.policies.list(namespace.id) }),
    },
    read: { summary: 'List policies', writes: 'nothing', replies: { 200: names }, run: list },
  },
});

const acl = at('policies/acl/:name', {
  help: 'One ACL policy.',
  namespaces: true,
  fields: { name, policy },
  operations: {
    read: {
      summary: 'Read a policy',
      writes: 'nothing',
      replies: { 200: { name: field.string('Name.'), policy: field.string('The document.') }, 404: 'empty' },
      run: (node, values, call) => readPolicy(node, call, values.name, 'policy'),
    },
    update: {
      summary: 'Write a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values, call) => writePolicy(node, call, values.name, values.policy),
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
