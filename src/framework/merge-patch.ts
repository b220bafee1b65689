/** What PATCH takes everywhere: a JSON Merge Patch (RFC 7396). */
import { fail } from '../errors.ts';
import type { Call } from './call.ts';

/** Throws `unsupportedMediaType`. */
export function mustBeMergePatch({ contentType }: Pick<Call, 'contentType'>): void {
  if (contentType === 'application/merge-patch+json') return;
  throw fail('unsupportedMediaType', 'PATCH takes the content type application/merge-patch+json');
}
