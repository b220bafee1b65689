/** What a webhook answers. */
import { ProviderProblem } from '../contract.ts';
import { exchange, problemKindOf, type WebRequest } from '../web-request.ts';

export type WebhookRequest = Omit<WebRequest, 'whom' | 'agent'>;

/** Undefined: 404, the secret is not there. Rejects as `exchange` does, and for each other status that is no success. */
export async function ask(asking: WebhookRequest, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { status, body } = await exchange({ ...asking, whom: 'the webhook' }, signal);
  if (status >= 200 && status < 300) return body;
  if (status === 404) return undefined;
  const more = status < 400 ? ', and is not followed: name the address itself' : '';
  const said = `the webhook at ${asking.url.host} answers ${String(status)}${more}`;
  throw new ProviderProblem(problemKindOf(status), said);
}
