/** `-output-curl-string` and `-output-policy`: the request in words instead of on the wire. */
import type { Intercepted } from '../client/client.ts';

/** Thrown by the client's hook where the request would leave: the command then prints `text` and succeeds. */
export class Described extends Error {
  readonly text: string;

  constructor(text: string) {
    super('described');
    this.text = text;
  }
}

/** The token is named, never shown. */
export function asCurl({ method, url, request }: Intercepted): string {
  const parts = ['curl', ...(method === 'GET' ? [] : ['-X', method])];
  for (const [name, value] of Object.entries(request.headers)) {
    if (name === 'accept' || (name === 'content-type' && value === 'application/json')) continue;
    const shown = name === 'x-vault-token' ? '${VAULT_TOKEN:-$(cat ~/.vault-token)}' : shellInDouble(String(value));
    parts.push('-H', `"${headerName(name)}: ${shown}"`);
  }
  if (request.body !== undefined) parts.push('-d', shellQuote(request.body));
  return [...parts, `"${shellInDouble(url)}"`].join(' ');
}

export function asPolicy({ method, url, path }: Intercepted): string {
  const quoted = JSON.stringify(path);
  const asked = (verb: string): boolean => new RegExp(`[?&]${verb}=true(&|$)`).test(url);
  const capabilities: Readonly<Record<string, readonly string[]>> = {
    GET: asked('list') ? ['list'] : asked('scan') ? ['scan'] : ['read'],
    HEAD: ['read'],
    PUT: ['create', 'update'],
    POST: ['create', 'update'],
    PATCH: ['patch'],
    DELETE: ['delete'],
  };
  const needed = (capabilities[method] ?? []).map((name) => `"${name}"`).join(', ');
  return `path ${quoted} {\n  capabilities = [${needed}]\n}`;
}

function headerName(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

function shellInDouble(text: string): string {
  return text.replace(/["\\$`]/g, '\\$&');
}
