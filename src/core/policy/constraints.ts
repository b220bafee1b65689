/** What two rules for the same path come to, and whether a request keeps to it. */
import { mergeControls } from './control-group.ts';
import { globMatches, mergeRules, permits, type Body } from './parameters.ts';
import type { KeysTemplate } from './keys-template.ts';
import type { Constraints } from './rule.ts';

/** What can be asked of a policy. `create` and `update` are told apart by whether the thing exists already. */
export type PolicyOperation =
  'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'scan' | 'subscribe' | 'recover';

export interface Details {
  /** Body and query parameters together. */
  readonly body?: Body | undefined;
  /** Seconds; absent or 0 when the reply is not to be wrapped. */
  readonly wrapTtl?: number | undefined;
  /** For `subscribe`, such as `kv-v2/data-write`. */
  readonly eventType?: string | undefined;
  /** It is asked of a path for which `sudo` is needed beside the operation. */
  readonly sudo?: boolean | undefined;
}

/** `limit`: the page size to use in place of the request's own. `keysFilter`: only such keys are shown. */
export type Verdict =
  { readonly ok: true; readonly limit?: number; readonly keysFilter?: KeysTemplate } | { readonly ok: false };

const refused: Verdict = Object.freeze({ ok: false });
const granted: Verdict = Object.freeze({ ok: true });
const checksParameters: ReadonlySet<PolicyOperation> = new Set(['create', 'read', 'update', 'patch']);

/** Whether a request that its capabilities allow keeps to the rest of the rule. */
export function judge(constraints: Constraints, operation: PolicyOperation, details: Details): Verdict {
  if (!wrapsAsAsked(constraints, details.wrapTtl ?? 0)) return refused;
  if (checksParameters.has(operation)) return permits(constraints, details.body) ? granted : refused;
  if (operation === 'list' || operation === 'scan') return judgeList(constraints, details.body ?? {});
  if (operation === 'subscribe') return coversEvent(constraints, details.eventType) ? granted : refused;
  return granted;
}

function wrapsAsAsked({ minWrappingTtl = 0, maxWrappingTtl = 0 }: Constraints, ttl: number): boolean {
  if (minWrappingTtl === 0 && maxWrappingTtl === 0) return true;
  return ttl > 0 && ttl >= minWrappingTtl && (maxWrappingTtl === 0 || ttl <= maxWrappingTtl);
}

function judgeList(constraints: Constraints, body: Body): Verdict {
  const page = judgePage(constraints, body);
  const { keysFilter } = constraints;
  return page.ok && keysFilter !== undefined ? { ...page, keysFilter } : page;
}

/** Without a `limit` the rule's own is used, unless `limit` is required. 0 and less mean "everything": too much. */
function judgePage({ paginationLimit, requiredParameters }: Constraints, body: Body): Verdict {
  if (paginationLimit === undefined) return granted;
  const asked = Object.hasOwn(body, 'limit') ? body['limit'] : undefined;
  if (asked === undefined) {
    return requiredParameters?.includes('limit') === true ? refused : { ok: true, limit: paginationLimit };
  }
  if (asked === 'max') return { ok: true, limit: paginationLimit };
  const limit = wholeNumber(asked);
  return limit !== undefined && limit > 0 && limit <= paginationLimit ? { ok: true, limit } : refused;
}

function wholeNumber(raw: unknown): number | undefined {
  const value = typeof raw === 'string' && /^\d{1,15}$/.test(raw) ? Number(raw) : raw;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function coversEvent({ subscribeEventTypes }: Constraints, eventType: string | undefined): boolean {
  if (subscribeEventTypes === undefined || eventType === undefined) return true;
  return subscribeEventTypes.some((pattern) => globMatches(pattern, eventType));
}

/**
 * Of two rules for one path, as Vault does: the shorter wrapping times, the smaller page, the union of parameters, and
 * all factors of control groups. A
 * rule that does not grant `subscribe` must come with an empty list of event types, or it would widen the other's.
 */
export function mergeConstraints(one: Constraints, other: Constraints): Constraints {
  const merged = {
    allowedParameters: mergeRules(one.allowedParameters, other.allowedParameters),
    deniedParameters: mergeRules(one.deniedParameters, other.deniedParameters),
    requiredParameters: united(one.requiredParameters, other.requiredParameters),
    minWrappingTtl: smaller(one.minWrappingTtl, other.minWrappingTtl),
    maxWrappingTtl: smaller(one.maxWrappingTtl, other.maxWrappingTtl),
    paginationLimit: smaller(one.paginationLimit, other.paginationLimit),
    // As OpenBao: that of the first policy that has one.
    keysFilter: one.keysFilter ?? other.keysFilter,
    subscribeEventTypes: unitedEvents(one.subscribeEventTypes, other.subscribeEventTypes),
    controlGroup: mergeControls(one.controlGroup, other.controlGroup),
  };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined)) as Constraints;
}

function united(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return [...new Set([...one, ...other])];
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

/** A rule that names no event types covers all: what is united with it covers all too. */
function unitedEvents(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined {
  return one === undefined || other === undefined ? undefined : united(one, other);
}
