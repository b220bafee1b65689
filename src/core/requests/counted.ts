/** What quotas count a request by. */
import type { Request } from '../../framework/request.ts';
import type { Routed } from '../mounts/mount-table.ts';
import type { LeaseGroup } from '../quotas/lease-groups.ts';
import type { Counted } from '../quotas/rate-limit.ts';
import { parametersOf, type Access, type Asked } from './access.ts';

/** A mount's own path is served without its closing slash too, and others with one: neither leads around a quota. */
const countedPath = ({ path, routed }: Pick<Asked, 'path' | 'routed'>): string =>
  routed?.rest === '' && !path.endsWith('/') ? `${path}/` : path;

/** The role that a request logs in by. */
function roleOf(routed: Routed | undefined, request: Request): string | undefined {
  const { plugin, instance } = routed?.mounted ?? {};
  return plugin?.loginRole?.(instance, (routed?.rest ?? '').replace(/\/$/, ''), parametersOf(request) ?? {});
}

/** What a lease or a token that the request makes is counted as. `role`: of a login that has said it. */
export function groupOf(
  { request, routed, call }: Pick<Access, 'request' | 'routed' | 'call'>,
  role?: string,
): LeaseGroup {
  const path = `${call.mountPath}${call.path}`.replace(/\/$/, '');
  return { path, mount: call.mountPath, role: role ?? roleOf(routed, request) ?? '' };
}

/** A login that has not said by which role it is judged, and now that is known. undefined: it was counted by it already. */
export function countedLogin({ request, routed, call }: Access, role: string | undefined): Counted | undefined {
  const name = role?.toLowerCase();
  if (name === undefined || name === roleOf(routed, request)) return undefined;
  return {
    path: `${routed?.mounted.fullPath ?? ''}${call.path}`,
    namespace: call.namespace.path,
    mount: routed?.mounted.fullPath,
    role: () => name,
    address: request.address,
    entity: '',
  };
}

export function countedOf({ request, namespace, path, routed, token }: Asked): Counted {
  return {
    path: countedPath({ path, routed }),
    namespace: namespace.path,
    mount: routed?.mounted.fullPath,
    role: () => roleOf(routed, request),
    address: request.address,
    entity: token?.record.entity ?? '',
  };
}
