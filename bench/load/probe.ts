import type { Subject } from '../compare/subjects.ts';
import type { Load } from './loads.ts';

/** One request of a load, whose reply is read: wrk counts only what is 400 or more as wrong. Throws unless it is 2xx. */
export async function probe(load: Load, { server, access }: Subject): Promise<void> {
  const { method, path, token, body } = load.request(access, 0);
  const response = await fetch(`${server.urls.http}/v1/${path}`, {
    method,
    redirect: 'manual',
    headers: token === undefined ? {} : { 'X-Vault-Token': token },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${server.title}, ${load.title}: the reply is ${response.status}: ${text}`);
}
