/** What quotas count a request by. */
import type { Counted } from '../quotas/rate-limit.ts';
import { parametersOf, type Asked } from './access.ts';

/** A mount's own path is served without its closing slash too, and others with one: neither leads around a quota. */
const countedPath = ({ path, routed }: Pick<Asked, 'path' | 'routed'>): string =>
  routed?.rest === '' && !path.endsWith('/') ? `${path}/` : path;

export function countedOf({ request, namespace, path, routed, token }: Asked): Counted {
  return {
    path: countedPath({ path, routed }),
    namespace: namespace.path,
    mount: routed?.mounted.fullPath,
    role: () => {
      const { plugin, instance } = routed?.mounted ?? {};
      return plugin?.loginRole?.(instance, (routed?.rest ?? '').replace(/\/$/, ''), parametersOf(request) ?? {});
    },
    address: request.address,
    entity: token?.record.entity ?? '',
  };
}
