/** `sys/policy` (old) and `sys/policies/acl`: what tokens may do. */
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const name = field.name('Name of the policy. Lower case.');
const policy = field.string('The document, HCL or JSON; base64 is taken too.');

/** Vault takes a document as it is, or as base64 of it. */
function documentOf(given: string | undefined): string {
  if (given === undefined || given === '') throw fail('badRequest', "'policy' parameter not supplied or empty");
  const decoded = Buffer.from(given, 'base64');
  // Node skips what is not base64: only what comes back the same was base64.
  return decoded.length > 0 && decoded.toString('base64') === given.trim() ? decoded.toString('utf8') : given;
}

const lower = (text: string): string => text.toLowerCase();

function readPolicy(node: Node, wanted: string, key: 'rules' | 'policy'): Reply {
  const found = node.services.policies.get(lower(wanted));
  if (found === undefined) return reply.missing;
  return { ...reply.ok({ name: lower(wanted), [key]: found }), flat: key === 'rules' };
}

async function writePolicy(node: Node, wanted: string, given: string | undefined): Promise<Reply> {
  await node.services.policies.put(lower(wanted), documentOf(given));
  return reply.empty;
}

async function deletePolicy(node: Node, wanted: string): Promise<Reply> {
  await node.services.policies.delete(lower(wanted));
  return reply.empty;
}

const list = (node: Node): Reply => {
  const names = node.services.policies.list();
  return { ...reply.ok({ keys: names, policies: names }), flat: true };
};

const names = {
  keys: field.list('Names of the policies.'),
  policies: field.list('The same names, for old clients.'),
};

const oldList = at('policy', {
  help: 'Names of all policies.',
  fields: {},
  operations: {
    read: { summary: 'List policies', writes: 'nothing', replies: { 200: names }, run: list },
    list: { summary: 'List policies', writes: 'nothing', replies: { 200: names }, run: list },
  },
});

const old = at('policy/:name', {
  help: 'One policy.',
  fields: { name, policy, rules: field.string('Old name of `policy`.') },
  operations: {
    read: {
      summary: 'Read a policy',
      writes: 'nothing',
      replies: { 200: { name: field.string('Name.'), rules: field.string('The document.') }, 404: 'empty' },
      run: (node, values) => readPolicy(node, values.name, 'rules'),
    },
    update: {
      summary: 'Write a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values) => writePolicy(node, values.name, values.policy ?? values.rules),
    },
    delete: {
      summary: 'Delete a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values) => deletePolicy(node, values.name),
    },
  },
});

const aclList = at('policies/acl', {
  help: 'Names of all ACL policies.',
  fields: {},
  operations: {
    list: {
      summary: 'List policies',
      writes: 'nothing',
      replies: { 200: { keys: names.keys } },
      run: (node) => reply.ok({ keys: node.services.policies.list() }),
    },
    read: { summary: 'List policies', writes: 'nothing', replies: { 200: names }, run: list },
  },
});

const acl = at('policies/acl/:name', {
  help: 'One ACL policy.',
  fields: { name, policy },
  operations: {
    read: {
      summary: 'Read a policy',
      writes: 'nothing',
      replies: { 200: { name: field.string('Name.'), policy: field.string('The document.') }, 404: 'empty' },
      run: (node, values) => readPolicy(node, values.name, 'policy'),
    },
    update: {
      summary: 'Write a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values) => writePolicy(node, values.name, values.policy),
    },
    delete: {
      summary: 'Delete a policy',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: (node, values) => deletePolicy(node, values.name),
    },
  },
});

export const policyPaths = [oldList, old, aclList, acl];
