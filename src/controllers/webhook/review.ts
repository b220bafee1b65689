/**
 * What is answered to an AdmissionReview (admission.k8s.io/v1): an object whose templates do not compile is refused, by the field,
 * the line and the reason. What cannot be known is allowed.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
 */
import { isObject } from '../../client/json.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import { externalSecret } from '../external-secret/definition.ts';
import { piecesOf } from './templates.ts';

const API_VERSION = 'admission.k8s.io/v1';

/** Characters of a path or a reason, and how many of them are told. */
const LONGEST = 300;
const MOST = 5;

/** Milliseconds after which the rest of an object is not looked at: the controller's own work waits meanwhile. */
const BUDGET_MS = 1_000;

export interface Verdict {
  readonly allowed: boolean;
  /** Why it is refused. */
  readonly message?: string;
  /** What whoever applies it is told besides. */
  readonly warnings?: readonly string[];
}

export interface Answer {
  readonly verdict: Verdict;
  readonly body: string;
}

interface Request {
  readonly uid: string;
  readonly operation: unknown;
  readonly subResource: unknown;
  readonly kind: { readonly group: string; readonly kind: string };
  readonly object: unknown;
  readonly oldObject: unknown;
}

/** Undefined for what is no review of that version. */
function requestOf(review: unknown): Request | undefined {
  if (!isObject(review) || review['apiVersion'] !== API_VERSION || review['kind'] !== 'AdmissionReview')
    return undefined;
  const { request } = review;
  if (!isObject(request) || typeof request['uid'] !== 'string' || !isObject(request['kind'])) return undefined;
  const { group, kind } = request['kind'];
  if (typeof group !== 'string' || typeof kind !== 'string') return undefined;
  const { uid, operation, subResource, object, oldObject } = request;
  return { uid, operation, subResource, kind: { group, kind }, object, oldObject };
}

const specOf = (object: unknown): unknown => (isObject(object) ? object['spec'] : undefined);

const isEnding = (object: unknown): boolean =>
  isObject(object) && isObject(object['metadata']) && object['metadata']['deletionTimestamp'] !== undefined;

/** A finalizer, a label or a status is changed by those who cannot mend a template, and what is deleted must get away. */
function concerns({ operation, subResource, object, oldObject }: Request): boolean {
  if (subResource !== undefined && subResource !== '') return false;
  if (isEnding(object)) return false;
  if (operation === 'CREATE') return true;
  return operation === 'UPDATE' && canonicalJson(specOf(object)) !== canonicalJson(specOf(oldObject));
}

const short = (text: string): string => (text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`);

async function judge(request: Request, now: () => number): Promise<Verdict> {
  if (!concerns(request)) return { allowed: true };
  const problems: string[] = [];
  const begun = now();
  for (const { path, problem } of piecesOf(request.kind, specOf(request.object))) {
    if (problems.length > MOST) break;
    if (now() - begun >= BUDGET_MS) {
      if (problems.length > 0) break;
      return { allowed: true, warnings: [`templates from ${short(path)} on were not looked at: there are too many`] };
    }
    const said = problem();
    if (said !== undefined) problems.push(`${short(path)}: ${short(said)}`);
    await nextTurn();
  }
  if (problems.length === 0) return { allowed: true };
  const more = problems.length > MOST ? ['and more'] : [];
  return { allowed: false, message: [...problems.slice(0, MOST), ...more].join('; ') };
}

/** Loads what compiles, so that the first question is answered as fast as all others. */
export function warmUp(): void {
  const spec = {
    target: { template: { data: { warm: '{{ .up }}' } } },
    dataFrom: [{ find: { name: { regexp: '.' } } }],
  };
  for (const { problem } of piecesOf(externalSecret, spec)) problem();
}

/** Undefined: what came is no review. `now`: monotonic milliseconds. */
export async function answerTo(review: unknown, now = () => performance.now()): Promise<Answer | undefined> {
  const request = requestOf(review);
  if (request === undefined) return undefined;
  const verdict = await judge(request, now);
  const { allowed, message, warnings } = verdict;
  const response = {
    ...{ uid: request.uid, allowed },
    ...(message === undefined ? {} : { status: { status: 'Failure', reason: 'Invalid', code: 422, message } }),
    ...(warnings === undefined ? {} : { warnings }),
  };
  return { verdict, body: JSON.stringify({ apiVersion: API_VERSION, kind: 'AdmissionReview', response }) };
}
