/** Logins, held against guessing. */
import type { Operation } from '../../framework/path.ts';
import type { Reply } from '../../framework/reply.ts';
import type { RequestServices } from '../services.ts';
import type { Access } from './access.ts';

/** Throws `permissionDenied` in place of whatever a login would have answered, where its user is locked out. */
export function guarded(
  { lockout }: RequestServices,
  { routed, coerced }: Access,
  { loginAlias }: Operation<never, unknown>,
  run: () => Reply | Promise<Reply>,
): Reply | Promise<Reply> {
  if (loginAlias === undefined || lockout === undefined || routed === undefined || coerced === undefined) return run();
  const { mounted } = routed;
  const alias = loginAlias(mounted.instance, coerced.values as never);
  const attempt = alias === undefined ? undefined : lockout.attempt(mounted, alias);
  return attempt === undefined ? run() : awaited(attempt, run);
}

async function awaited(
  { succeeded, failed }: { readonly succeeded: (reply: Reply) => Reply; readonly failed: (error: unknown) => never },
  run: () => Reply | Promise<Reply>,
): Promise<Reply> {
  let reply: Reply;
  try {
    reply = await run();
  } catch (error) {
    return failed(error);
  }
  return succeeded(reply);
}
