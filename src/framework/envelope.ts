/** Vault's envelope: the body of every reply that carries data, a token or wrapping information. */
import type { JsonObject } from './field.ts';
import type { Outcome } from './request.ts';

const envelopeKeys: ReadonlySet<string> = new Set([
  'request_id',
  'lease_id',
  'renewable',
  'lease_duration',
  'data',
  'wrap_info',
  'warnings',
  'auth',
  'mount_type',
]);

/** In the order in which Vault writes its keys; Go's encoder ends with a line feed. */
export function envelope(outcome: Outcome): string {
  const data = outcome.reply?.data;
  const body = JSON.stringify({
    request_id: outcome.requestId,
    lease_id: outcome.leaseId,
    renewable: outcome.renewable,
    lease_duration: outcome.leaseDuration,
    data: data ?? null,
    wrap_info: outcome.wrapInfo,
    warnings: outcome.warnings,
    auth: outcome.auth,
    mount_type: outcome.mountType,
  });
  if (outcome.reply?.flat !== true || data === undefined) return `${body}\n`;
  const lifted = JSON.stringify(liftable(data));
  return lifted === '{}' ? `${body}\n` : `${lifted.slice(0, -1)},${body.slice(1)}\n`;
}

/** Keys that the envelope has itself stay under `data` alone, so that no key stands twice. */
function liftable(data: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(data).filter(([key]) => !envelopeKeys.has(key)));
}
