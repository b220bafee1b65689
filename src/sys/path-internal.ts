/** `sys/internal/ui/…` and `sys/internal/specs/openapi`: what clients ask to find their way. */
import type { Mounted } from '../core/mounts/mount-table.ts';
import type { MountRecord } from '../core/mounts/mount.ts';
import { ROOT, type Namespace } from '../core/namespaces/namespace.ts';
import type { Node } from '../core/node.ts';
import { resultantAcl, type Acl } from '../core/policy/index.ts';
import { presented } from '../core/requests/sent-token.ts';
import { holderOf } from '../core/tokens/token.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { openApi } from '../framework/openapi.ts';
import { pathsOf, type Path } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { describeMount, describeToAll } from './mount-description.ts';

const at = pathsOf<Node>();

/** The rights of who calls an open path; undefined for nobody. */
function aclOf({ services }: Node, { token, origin }: Call): Acl | undefined {
  const known = presented(services, { ...origin, token });
  return known === undefined ? undefined : services.policies.acl(holderOf(known));
}

/** Mounts on which the caller may do anything at all; without a token those that are listed to all. */
function visible(node: Node, { id }: Namespace, acl: Acl | undefined): readonly Mounted[] {
  const all = node.services.mounts.all(id);
  return all.filter(
    ({ fullPath, record }) => record.config.listingVisibility === 'unauth' || acl?.reaches(fullPath) === true,
  );
}

/** Of `sys/` most is about the node, and served in the root namespace alone. */
function servedIn(
  { namespace }: Call,
  { uuid }: MountRecord,
  paths: readonly Path<unknown>[],
): readonly Path<unknown>[] {
  return namespace.id === ROOT.id || uuid !== 'sys' ? paths : paths.filter((path) => path.namespaces === true);
}

/** The mount of a path, which can lead into namespaces below. Throws where the one it lies in is locked. */
function placed({ services }: Node, call: Call, path: string) {
  const whole = path.endsWith('/') ? path : `${path}/`;
  const { namespace, path: below } = services.namespaces.place(call.namespace.path.slice(0, -1), whole);
  const refusal = services.namespaces.refusal(namespace, below);
  if (refusal !== undefined) throw refusal;
  const routed = services.mounts.route(namespace.id, below);
  return routed === undefined ? undefined : { mounted: routed.mounted, namespace };
}

const section = (mounts: readonly Mounted[], table: 'secret' | 'auth', describe: typeof describeMount): JsonObject =>
  Object.fromEntries(
    mounts.filter(({ record }) => record.table === table).map((mounted) => [mounted.record.path, describe(mounted)]),
  );

const mountList = at('internal/ui/mounts', {
  help: 'Mounts that the caller can see.',
  namespaces: true,
  access: 'open',
  fields: {},
  operations: {
    read: {
      summary: 'Visible mounts',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node, _values, call) => {
        const acl = aclOf(node, call);
        const mounts = visible(node, call.namespace, acl);
        const describe = acl === undefined ? describeToAll : describeMount;
        return reply.ok({ auth: section(mounts, 'auth', describe), secret: section(mounts, 'secret', describe) });
      },
    },
  },
});

const oneMount = at('internal/ui/mounts/:path...', {
  help: 'The mount that a path belongs to, for callers who may do something there.',
  namespaces: true,
  fields: { path: field.name('A path of the mount, or below it.') },
  access: 'open',
  operations: {
    read: {
      summary: 'Mount of a path',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node, { path }, call) => {
        const acl = aclOf(node, call);
        if (acl === undefined) throw fail('permissionDenied');
        const found = placed(node, call, path);
        // Also of one that is listed without a token: who lists it learns neither its accessor nor its id.
        if (found === undefined || !acl.reaches(found.mounted.fullPath)) {
          throw fail(
            'permissionDenied',
            `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/" ` +
              'and that something is mounted there',
          );
        }
        const { mounted, namespace } = found;
        // As OpenBao has it: in a namespace below, the path from the root namespace on.
        const above = namespace.id === call.namespace.id ? '' : namespace.path;
        return reply.ok({ path: above + mounted.record.path, ...describeMount(mounted) });
      },
    },
  },
});

const childNamespaces = at('internal/ui/namespaces', {
  help: 'Namespaces right below this one in which the caller may do something.',
  namespaces: true,
  fields: {},
  operations: {
    read: {
      summary: 'Visible namespaces',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Their names, with a closing slash.') } },
      run: ({ services }, _values, { client, namespace }) => {
        const acl = services.policies.acl(client);
        const found = services.namespaces.below(namespace).filter(({ path }) => acl.reaches(path));
        return reply.ok({ keys: found.map(({ path }) => path.slice(namespace.path.length)) });
      },
    },
  },
});

const resultant = at('internal/ui/resultant-acl', {
  help: 'What the calling token may do: its rules, or that it is a root token.',
  namespaces: true,
  fields: {},
  operations: {
    read: {
      summary: 'Resultant rights',
      writes: 'nothing',
      replies: {
        200: {
          root: field.boolean('Whether it may do everything: no rules are listed then.'),
          exact_paths: field.object('Rules by their paths.'),
          glob_paths: field.object('Rules that end in `*`, by what stands before it.'),
        },
      },
      run: (node, _values, call) => reply.ok(resultantAcl(node.services.policies.acl(call.client))),
    },
  },
});

/** Of the mounts that the caller can see. `generic`: their paths are written as parameters. */
function openApiFor(node: Node, call: Call, generic: boolean) {
  const acl = node.services.policies.acl(call.client);
  const mounts = visible(node, call.namespace, acl).map(({ path, plugin, record }) => ({
    path: generic ? `{${record.type}_mount_path}/` : path,
    type: record.type,
    paths: servedIn(call, record, plugin.paths({ options: record.options ?? {} })),
  }));
  return { status: 200, bare: openApi(mounts, node.version) } as const;
}

const specs = at('internal/specs/openapi', {
  help: 'An OpenAPI document of the mounts that the caller can see, made from the same tables that route.',
  namespaces: true,
  fields: {
    generic_mount_paths: field.boolean('Write mount paths as parameters.', { default: false }),
    context: field.string('Taken, without effect, as in OpenBao.'),
  },
  operations: {
    read: {
      summary: 'The OpenAPI document',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: 'bare',
      run: (node, values, call) => openApiFor(node, call, values.generic_mount_paths),
    },
    update: {
      summary: 'The OpenAPI document, asked for in a body',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: 'bare',
      run: (node, values, call) => openApiFor(node, call, values.generic_mount_paths),
    },
  },
});

export const internalPaths = [mountList, oneMount, childNamespaces, resultant, specs];
