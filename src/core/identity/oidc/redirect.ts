/** Where a client may have its people sent back to. */
import { fail } from '../../../errors.ts';

/** Of a loopback address: all of it but the port, compared as text, so that no two parsers read it differently. */
const LOOPBACK = /^([a-z][a-z0-9+.-]*:\/\/)(localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?((?:[/?#].*)?)$/is;

function withoutPort(uri: string): string | undefined {
  const [, scheme, host, rest] = LOOPBACK.exec(uri) ?? [];
  return scheme === undefined || host === undefined ? undefined : `${scheme}${host}${rest ?? ''}`;
}

/** The whole text must be one of those that are registered; a program on its own machine chooses its port (RFC 8252, section 7.3). */
export function isRegistered(uri: string, registered: readonly string[]): boolean {
  if (registered.includes(uri)) return true;
  const asked = withoutPort(uri);
  return asked !== undefined && registered.some((each) => withoutPort(each) === asked);
}

/** An absolute URI without a fragment (RFC 6749, section 3.1.2), in signs that end no header. */
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:[\x21\x22\x24-\x7e]+$/i;
/** A browser runs them in the page that sends it there. */
const SCRIPTS = /^(javascript|vbscript|data|blob|about):/i;

/** What a client registers. Throws `badRequest`. */
export function checkRedirect(uri: string): void {
  if (ABSOLUTE.test(uri) && !SCRIPTS.test(uri)) return;
  throw fail(
    'badRequest',
    `"${uri.slice(0, 128)}" is no redirect URI: it must be absolute, without a fragment, and no script`,
  );
}
