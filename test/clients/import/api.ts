/** Requests to a server of either kind, as root. */
export interface Asking {
  readonly namespace?: string;
  readonly body?: object;
}

export type Json = Readonly<Record<string, unknown>>;
/** The `data` of the reply; undefined where nothing is there. Throws for any other refusal. */
export type Api = (method: string, path: string, asking?: Asking) => Promise<Json | undefined>;

export function apiOf(address: string): Api {
  return async (method, path, { namespace = '', body } = {}) => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { 'X-Vault-Token': 'root', ...(namespace === '' ? {} : { 'X-Vault-Namespace': namespace }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status === 404) return undefined;
    if (response.status >= 300) throw new Error(`${method} ${path}: ${String(response.status)} ${text.slice(0, 300)}`);
    return text === '' ? undefined : ((JSON.parse(text) as { readonly data?: Json }).data ?? undefined);
  };
}
