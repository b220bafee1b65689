/** What quotas of every kind have: where they hold, their list, their end. */
import { keysBelow } from '../core/keys-below.ts';
import type { Node } from '../core/node.ts';
import type { QuotaPlace } from '../core/quotas/applicable.ts';
import type { QuotaRecords } from '../core/quotas/quota-records.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { listed, pageFields } from '../framework/listing.ts';
import { pathsOf } from '../framework/path.ts';

const at = pathsOf<Node>();

export const placeFields = {
  path: field.string('A namespace, a mount, a path, or one with `*` at its end. Empty: everything.'),
  role: field.string('Of an auth mount: logins by this role alone.'),
  inheritable: field.boolean('Of a namespace: whether it holds in those below it too.'),
} as const;

export interface Kind<Q extends QuotaPlace> {
  /** As in the path: `rate-limit`. */
  readonly kind: string;
  readonly title: string;
  readonly records: (node: Node) => QuotaRecords<Q>;
}

/** Where a quota is to hold, as it is kept. Throws `badRequest` for what is no such place. */
export function placeOf(node: Node, { path: asked, role: named, inheritable }: Omit<QuotaPlace, 'name'>) {
  // As auth methods keep and look for their roles: in another spelling it would hold for nobody.
  const role = named.toLowerCase();
  const path = placed(node, asked, role);
  if (role !== '' && path === '') throw fail('badRequest', 'a quota of a role names the path of its auth mount');
  return { path, role, inheritable: path === '' || inheritable };
}

/** A namespace or a mount with its closing slash. */
function placed({ services }: Node, asked: string, role: string): string {
  const { namespaces, mounts } = services;
  const path = asked.replace(/^\/+/, '');
  if (path === '') return '';
  const folder = path.endsWith('/') || path.endsWith('*') ? path : `${path}/`;
  const { namespace, path: below } = namespaces.place('', folder);
  if (below === '') {
    if (role === '') return namespace.path;
    throw fail('badRequest', `"${namespace.path}" is a namespace: a quota of a role names the path of its auth mount`);
  }
  const routed = mounts.route(namespace.id, below);
  if (routed === undefined)
    throw fail('badRequest', `invalid mount path "${below}": there is no mount and no namespace`);
  const { mounted, rest } = routed;
  if (role === '') return rest === '' ? mounted.fullPath : path.replace(/\/+$/, '');
  if (rest !== '' || mounted.record.table !== 'auth') {
    const why = 'is not a valid auth method and therefore unsuitable for use with role-based quotas';
    throw fail('badRequest', `Mount path "${below}" ${why}`);
  }
  if (mounted.plugin.loginRole === undefined) {
    throw fail('badRequest', `Mount path "${below}" does not support use with role-based quotas`);
  }
  return mounted.fullPath;
}

export const listOf = <Q extends QuotaPlace>({ kind, title, records }: Kind<Q>) =>
  at(`quotas/${kind}`, {
    help: `Names of all ${title}.`,
    fields: pageFields,
    operations: {
      list: {
        summary: `List ${title}`,
        writes: 'nothing',
        replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
        run: (node, asked) => listed(keysBelow(node.services.store, records(node).area), asked),
      },
    },
  });
