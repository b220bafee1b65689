/** `sys/workflows`: requests that are made together, as an administrator has written them down. */
import type { Node } from '../core/node.ts';
import { execute, trace, type Execution } from '../core/workflows/execute.ts';
import { parsed, workflowPath, WorkflowStore, type WorkflowRecord } from '../core/workflows/workflow-store.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { namesOf, pageFields, type Asked } from '../framework/listing.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { documentOf } from './path-policy.ts';

const at = pathsOf<Node>();

const storeOf = ({ services }: Node): WorkflowStore => new WorkflowStore(services.store);

const shown = (path: string, { version, ...record }: WorkflowRecord): JsonObject => ({
  ...{ path, version, description: record.description, workflow: record.workflow },
  ...{ cas_required: record.casRequired, allow_unauthenticated: record.allowUnauthenticated },
});

const shownFields = {
  path: field.string('Its path.'),
  version: field.integer('One more with each write.'),
  description: field.string('What it is for.'),
  workflow: field.string('The document, HCL or JSON.'),
  cas_required: field.boolean('Whether every later write must say which version it replaces.'),
  allow_unauthenticated: field.boolean('Whether it is run without a token.'),
};

const listFields = { keys: field.list('Names.'), key_info: field.object('Each workflow by its name.') };

/** Of folders no more than the name is told. */
async function listed(
  node: Node,
  { namespace }: Call,
  folder: string,
  asked: Asked & { deep: boolean },
): Promise<Reply> {
  const below = folder.replace(/\/$/, '');
  const store = storeOf(node);
  const names = await namesOf(store.list(namespace, below, asked.deep), asked);
  const infos = names.flatMap((name) => {
    const path = below === '' ? name : `${below}/${name}`;
    const record = name.endsWith('/') ? undefined : store.get(namespace, path);
    return record === undefined ? [] : [[name, shown(path, record)] as const];
  });
  return reply.keys(names, { key_info: Object.fromEntries(infos) });
}

const listOperation = (summary: string, deep: boolean) =>
  ({
    summary,
    writes: 'nothing',
    replies: { 200: listFields, 404: 'empty' },
    run: (node: Node, { path = '', ...asked }: Asked & { readonly path?: string }, call: Call) =>
      listed(node, call, path, { ...asked, deep }),
  }) as const;

const all = at('workflows/manage', {
  help: 'All workflows of the namespace.',
  namespaces: true,
  fields: pageFields,
  operations: {
    list: listOperation('List workflows', false),
    scan: listOperation('List workflows of all folders', true),
  },
});

const one = at('workflows/manage/:path...', {
  help: 'One workflow, or a folder of them.',
  description: 'See docs/workflows.md for the document.',
  namespaces: true,
  fields: {
    ...pageFields,
    path: field.name('Path of the workflow, in small letters.'),
    workflow: field.string('The document, HCL or JSON; base64 is taken too.'),
    description: field.string('What it is for.', { default: '' }),
    cas: field.integer('The version that it replaces; -1 where there is to be none.'),
    cas_required: field.boolean('Whether every later write must give `cas`.', { default: false }),
    allow_unauthenticated: field.boolean(
      'Whether it is run without a token, where `allow_unauthenticated_workflows` is set as well.',
      { default: false },
    ),
  },
  operations: {
    list: listOperation('List workflows of a folder', false),
    scan: listOperation('List workflows below a folder', true),
    read: {
      summary: 'Read a workflow',
      writes: 'nothing',
      replies: { 200: shownFields, 404: 'empty' },
      run: (node, { path }, { namespace }) => {
        const record = storeOf(node).get(namespace, workflowPath(path));
        return record === undefined ? reply.missing : reply.ok(shown(path, record));
      },
    },
    update: {
      summary: 'Write a workflow',
      writes: 'shared',
      replies: { 200: shownFields },
      run: async (node, { path, workflow, description, cas, ...values }, { namespace }) => {
        if (workflow === undefined || workflow === '') throw fail('badRequest', 'missing "workflow": the document');
        const record = await storeOf(node).put(namespace, workflowPath(path), {
          ...{ workflow: documentOf(workflow), description, cas },
          ...{ casRequired: values.cas_required, allowUnauthenticated: values.allow_unauthenticated },
        });
        return reply.ok(shown(path, record));
      },
    },
    delete: {
      summary: 'Delete a workflow',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (node, { path }, { namespace }) => {
        await storeOf(node).delete(namespace, workflowPath(path));
        return reply.empty;
      },
    },
  },
});

const wanted = field.name('Path of the workflow.');
const inputs = 'What the body holds is the input that the workflow says it takes.';

function executionOf(node: Node, path: string, call: Call): Execution {
  const record = storeOf(node).get(call.namespace, workflowPath(path));
  if (record === undefined) throw fail('unsupportedPath', 'workflow does not exist');
  return { ...{ path, call, handler: node, unauthenticated: false }, workflow: parsed(record.workflow) };
}

const run = at('workflows/execute/:path...', {
  help: 'Runs a workflow, with the caller’s token.',
  description: inputs,
  namespaces: true,
  fields: { path: wanted },
  body: 'anything',
  operations: {
    update: {
      summary: 'Run a workflow',
      writes: 'local',
      replies: { 200: 'any' },
      run: async (node, { path }, call) => answer((await execute(executionOf(node, path, call))).data),
    },
  },
});

const answer = (data: JsonObject | undefined): Reply => ({ status: 200, ...(data === undefined ? {} : { data }) });

const openly = at('workflows/unauthed-execute/:path...', {
  help: 'Runs a workflow without a token, where configuration and workflow allow it.',
  description: `${inputs} Its requests carry no token but those that it gets for itself.`,
  access: 'workflows',
  namespaces: true,
  fields: { path: wanted },
  body: 'anything',
  operations: {
    update: {
      summary: 'Run a workflow without a token',
      writes: 'local',
      replies: { 200: 'any' },
      run: async (node, { path }, call) => {
        if (call.origin.listener.unauthenticatedWorkflows !== true) throw fail('unsupportedPath');
        const record = storeOf(node).get(call.namespace, path);
        // Whether there is one is not for everybody to know.
        if (record?.allowUnauthenticated !== true) throw fail('permissionDenied');
        const workflow = parsed(record.workflow);
        return answer((await execute({ path, call, workflow, handler: node, unauthenticated: true })).data);
      },
    },
  },
});

const traced = at('workflows/trace/:path...', {
  help: 'Runs a workflow and tells all that was asked and answered: also what is secret in it.',
  description: `${inputs} What it does is done, as by \`execute\`.`,
  access: 'root',
  namespaces: true,
  fields: { path: wanted },
  body: 'anything',
  operations: {
    update: {
      summary: 'Run a workflow and tell what it did',
      writes: 'local',
      replies: {
        200: {
          error: field.any('Why it ended early, as a text; null where it did not.'),
          history: field.object('`requests` and `responses`, by flow and request.'),
          response: field.object('The output, where there is one.'),
        },
      },
      run: async (node, { path }, call) => {
        const { error, history, response } = await trace(executionOf(node, path, call));
        return reply.ok({ error, history, ...(response === undefined ? {} : { response }) });
      },
    },
  },
});

export const workflowPaths = [all, one, run, openly, traced];
