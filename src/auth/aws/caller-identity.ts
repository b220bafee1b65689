/** Asks STS whose signature a request bears. Source: AWS STS API Reference, "GetCallerIdentity". */
import type { Document, Element, Node } from '@xmldom/xmldom';
import { fail } from '../../errors.ts';
import { askServer, type Fetched } from '../../lib/outgoing/ask.ts';
import { ServerUnavailable } from '../../lib/outgoing/unavailable.ts';
import { principalOf, type Principal } from './principal.ts';
import type { SignedRequest } from './signed-request.ts';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const BYTES = 65_536;
const TIMEOUT_MS = 10_000;
/** Of the DOM. */
const TEXT_NODE = 3;

/** A document type, which this has no use for, could define entities. */
async function parsed(xml: string): Promise<Document | undefined> {
  if (xml.includes('<!')) return undefined;
  const { DOMParser, onWarningStopParsing } = await import('@xmldom/xmldom');
  try {
    return new DOMParser({ onError: onWarningStopParsing }).parseFromString(xml, 'text/xml');
  } catch {
    return undefined;
  }
}

/** The one element of that name in the document; undefined where it lies elsewhere than in `parent`, or there are more. */
function onlyChild(document: Document, parent: Node, name: string): Element | undefined {
  const [one, another] = document.getElementsByTagNameNS(NAMESPACE, name);
  return one?.parentNode === parent && another === undefined ? one : undefined;
}

function textOf(element: Element | undefined): string | undefined {
  const isText = element?.childNodes.length === 1 && element.firstChild?.nodeType === TEXT_NODE;
  return isText ? element.textContent?.trim() : undefined;
}

/** undefined: it is another document, says something twice, or names neither a user nor a role that was assumed. */
async function principalIn(xml: string): Promise<Principal | undefined> {
  const document = await parsed(xml);
  if (document === undefined) return undefined;
  const response = onlyChild(document, document, 'GetCallerIdentityResponse');
  const result = response && onlyChild(document, response, 'GetCallerIdentityResult');
  if (result === undefined) return undefined;
  const [arn, userId, account] = ['Arn', 'UserId', 'Account'].map((name) => textOf(onlyChild(document, result, name)));
  const principal = principalOf(arn ?? '', userId ?? '');
  return principal?.accountId === account ? principal : undefined;
}

/** STS answers with 4xx where it does not accept the signature; anything else but 200 says nothing of it. */
function checkStatus({ status }: Fetched): void {
  if (status >= 400 && status < 500 && status !== 429) {
    throw fail('invalidCredentials', undefined, { detail: `STS does not accept the request: ${String(status)}` });
  }
  if (status !== 200) throw new ServerUnavailable(`STS answers ${String(status)}`);
}

/** Rejects with `invalidCredentials`, and with `issuerUnreachable` where STS cannot be asked. */
export async function callerOf(
  request: SignedRequest,
  { endpoint, signal }: { readonly endpoint: string; readonly signal: AbortSignal },
): Promise<Principal> {
  const fetched = await askServer(endpoint, {
    ...{ method: 'POST', timeout: TIMEOUT_MS, bytes: BYTES, body: request.body, signal },
    headers: { ...request.headers, accept: 'text/xml', host: request.host },
  });
  checkStatus(fetched);
  const principal = await principalIn(fetched.body);
  if (principal === undefined) {
    throw fail('invalidCredentials', undefined, { detail: 'STS names no user and no role that was assumed' });
  }
  return principal;
}
