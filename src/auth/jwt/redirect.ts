/** Where a browser may be sent back to. */

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

function withoutPort(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  url.port = '';
  return url.href;
}

/** As it is written; on this machine whatever the port, since programs take one that is free (RFC 8252, section 7.3). */
export function isAllowedRedirect(uri: string, allowed: readonly string[]): boolean {
  if (!URL.canParse(uri)) return false;
  if (!LOOPBACK.has(new URL(uri).hostname)) return allowed.includes(uri);
  const plain = withoutPort(uri);
  return allowed.some((each) => withoutPort(each) === plain);
}

/** The namespace that a redirect names in its query, and the redirect without it. */
export function splitNamespace(uri: string): { readonly uri: string; readonly namespace: string } {
  if (!URL.canParse(uri)) return { uri, namespace: '' };
  const url = new URL(uri);
  const namespace = url.searchParams.get('namespace') ?? '';
  if (namespace === '') return { uri, namespace };
  url.searchParams.delete('namespace');
  return { uri: url.href, namespace };
}
