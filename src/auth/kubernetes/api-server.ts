/** The API server of a cluster: what it says of a token, and how a namespace is labelled. One request each, bounded, no second try. */
import { askServer, type Fetched } from '../../lib/outgoing/ask.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { ServerUnavailable } from '../../lib/outgoing/unavailable.ts';
import { isObject, strictObject } from '../../lib/jwt/strict-json.ts';
import type { Outgoing } from '../../lib/outgoing/bounds.ts';

/** Milliseconds until the last byte of an answer. */
const ANSWER_MS = 5_000;
const ANSWER_BYTES = 256 * 1024;
const DEPTH = 24;

export interface ApiServer {
  /** `https://…`. */
  readonly host: string;
  /** PEM. */
  readonly ca: string;
  /** The reviewer's token; undefined: each client's own asks about itself. */
  readonly reviewer: string | undefined;
  readonly outgoing: Outgoing;
  readonly signal: AbortSignal;
}

interface Asking {
  readonly path: string;
  /** The client's. */
  readonly token: string;
  readonly body?: object;
  /** What the one who asks needs, for the audit. */
  readonly right: string;
}

type Answer = Readonly<Record<string, unknown>>;

/** What an answer that is no success says. The client's own token is judged by it, the reviewer's is ours to put right. */
function problemOf({ status }: Fetched, { right }: Asking, reviewer: string | undefined): Error {
  if (reviewer === undefined && (status === 400 || status === 401)) {
    return new TokenRefused('review', 'the API server does not take the client’s own token');
  }
  if (reviewer === undefined && status === 403) return new TokenRefused('review', `its account may not ${right}`);
  if (status === 404) return new TokenRefused('review', 'the API server does not know it');
  const what =
    status === 401 || status === 403 ? `the reviewer’s token is refused: it needs the right to ${right}` : '';
  return new ServerUnavailable(`the API server answers ${String(status)}${what === '' ? '' : `; ${what}`}`);
}

function ask(server: ApiServer, asking: Asking): Promise<Answer> {
  const { host, ca, reviewer, outgoing, signal } = server;
  const { path, token, body } = asking;
  return outgoing.run(async () => {
    const fetched = await askServer(host.replace(/\/$/, '') + path, {
      ...{ ca, signal, timeout: ANSWER_MS, bytes: ANSWER_BYTES },
      headers: { authorization: `Bearer ${reviewer ?? token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    if (fetched.status !== 200 && fetched.status !== 201) throw problemOf(fetched, asking, reviewer);
    const answer = strictObject(fetched.body, { length: ANSWER_BYTES, depth: DEPTH });
    if (answer === undefined) throw new ServerUnavailable('the API server answers with what is no plain JSON object');
    return answer;
  });
}

const audiencesFor = (audience: string): { audiences?: readonly string[] } =>
  audience === '' ? {} : { audiences: [audience] };

/** The user whose token it is. Rejects with `TokenRefused`, or with `issuerUnreachable` when that cannot be told now. */
export async function reviewedUser(server: ApiServer, token: string, audience: string): Promise<unknown> {
  const answer = await ask(server, {
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    token,
    body: {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' },
      spec: { token, ...audiencesFor(audience) },
    },
    right: 'create tokenreviews',
  });
  const status = isObject(answer['status']) ? answer['status'] : {};
  // Only true is true: an error beside it, or text, is none.
  if (status['authenticated'] !== true) throw new TokenRefused('review', 'the API server does not authenticate it');
  const { audiences } = status;
  // A server that knows no audiences leaves them out of its answer, having checked none.
  if (audience !== '' && !(Array.isArray(audiences) && audiences.includes(audience))) {
    throw new TokenRefused('audience', 'the API server does not confirm it');
  }
  return status['user'];
}

/** Labels of a namespace. Rejects as `reviewedUser`. */
export async function namespaceLabels(
  server: ApiServer,
  token: string,
  namespace: string,
): Promise<ReadonlyMap<string, string>> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const { metadata } = await ask(server, { path, token, right: 'get namespaces' });
  const labels = isObject(metadata) && isObject(metadata['labels']) ? metadata['labels'] : {};
  return new Map(Object.entries(labels).filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}
