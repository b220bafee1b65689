/** What quotas count a request by. */
import type { Counted } from '../quotas/rate-limit.ts';
import { parametersOf, type Asked } from './access.ts';

export function countedOf({ request, namespace, path, routed, token }: Asked): Counted {
  return {
    path,
    namespace: namespace.path,
    mount: routed?.mounted.fullPath,
    role: () => {
      const { plugin, instance } = routed?.mounted ?? {};
      return plugin?.loginRole?.(instance, routed?.rest ?? '', parametersOf(request) ?? {});
    },
    address: request.address,
    entity: token?.record.entity ?? '',
  };
}
