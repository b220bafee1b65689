/** Hashes as External Secrets Operator writes them, so that a Secret of one is known to the other. */
import { BoundedMap } from '../../lib/bounded-map.ts';
import { digest } from '../../lib/crypto/hash.ts';
import { goMap } from '../../lib/go-text.ts';
import type { ObjectMeta } from '../../kube/objects.ts';

const hashed = (text: string): string => digest('sha3-224', Buffer.from(text, 'utf8')).toString('hex');

/** Of a Secret's data: the annotation `reconcile.external-secrets.io/data-hash`. Values are base64, as they lie in the Secret. */
export function dataHash(data: Readonly<Record<string, string>>): string {
  const bytes = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
  return hashed(goMap(Object.fromEntries(bytes)));
}

/** Of whom a Secret is: the label `reconcile.external-secrets.io/created-by`. */
export const ownerHash = ({ namespace = '', name }: ObjectMeta): string => hashed(`${namespace}/${name}`);

/** Of the labels and annotations that came lately: they are asked for at each look, and most objects have those of others, or none. */
const MARKS = new BoundedMap<string, string>(256);
const LONGEST_MARKS = 1_024;

function marksHash(text: string): string {
  const known = MARKS.get(text);
  if (known !== undefined || text.length > LONGEST_MARKS) return known ?? hashed(text);
  const made = hashed(text);
  MARKS.set(text, made);
  return made;
}

/** What was synced: `status.syncedResourceVersion` of an ExternalSecret. */
export function syncedVersion({ generation = 0, annotations = {}, labels = {} }: ObjectMeta): string {
  return `${String(generation)}-${marksHash(`{annotations:${goMap(annotations)} labels:${goMap(labels)}}`)}`;
}
