import type { Path } from '../../framework/path.ts';
import type { Request } from '../../framework/request.ts';

/** Whether no token is asked for. */
export function isOpen(
  path: { readonly access?: Path<unknown>['access'] } | undefined,
  { help, listener }: Request,
): boolean {
  if (help) return false;
  switch (path?.access) {
    case 'open':
      return true;
    case 'metrics':
      return listener.unauthenticatedMetrics;
    case 'rekey':
      return listener.unauthenticatedRekey === true;
    case 'generate-root':
      return listener.unauthenticatedGenerateRoot === true;
    case 'workflows':
      return listener.unauthenticatedWorkflows === true;
    default:
      return false;
  }
}
