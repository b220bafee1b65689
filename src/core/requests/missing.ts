/** Why nothing answers where a request leads. */
import { fail, type LockstepError } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import type { Match } from '../../framework/router.ts';
import type { Routed } from '../mounts/mount-table.ts';
import { ROOT } from '../namespaces/namespace.ts';
import type { Access } from './access.ts';

export const NOT_HERE = 'operation unavailable in namespaces: ask in the root namespace';

const isServedIn = ({ namespace }: Call, { mounted }: Routed, { path }: Match<unknown>): boolean =>
  namespace.id === ROOT.id || mounted.record.uuid !== 'sys' || path.namespaces === true;

export function missing({
  routed,
  match,
  request,
  call,
}: Pick<Access, 'request' | 'routed' | 'match' | 'call'>): LockstepError | undefined {
  if (routed === undefined) {
    return fail('noHandler', `no handler for route "${call.namespace.path}${request.path}". route entry not found.`);
  }
  if (request.help && routed.rest === '') return undefined;
  if (match === undefined) {
    const { plugin, record } = routed.mounted;
    const hint = plugin.unsupported?.(record.options ?? {});
    return hint === undefined ? fail('unsupportedPath') : fail('unsupportedPath', `unsupported path: ${hint}`);
  }
  if (!isServedIn(call, routed, match)) {
    return fail('badRequest', NOT_HERE);
  }
  if (!request.help && match.path.operations[request.verb] === undefined) return fail('unsupportedOperation');
  return undefined;
}
