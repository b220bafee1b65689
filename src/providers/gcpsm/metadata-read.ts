/** `metadataPolicy: Fetch`: `labels`, `annotations`, one of them as `labels.<name>`, or all as JSON. */
import { goJson } from '../../lib/go-text.ts';
import { ProviderProblem, type Reference } from '../contract.ts';
import { lacks } from '../property.ts';
import type { Described } from './metadata.ts';

/** Throws `ProviderProblem`. */
export function metadataAt({ labels, annotations }: Described, reference: Reference): Uint8Array {
  const { property = '' } = reference;
  const all = { annotations, labels };
  if (property === '') return Buffer.from(goJson(all), 'utf8');
  const [, kind = '', name] = /^(annotations|labels)(?:\.(.+))?$/s.exec(property) ?? [];
  if (kind !== 'annotations' && kind !== 'labels') {
    throw new ProviderProblem('unsuitable', `property "${property}": metadata of Google is labels and annotations`);
  }
  if (name === undefined) return Buffer.from(goJson(all[kind]), 'utf8');
  const value = Object.hasOwn(all[kind], name) ? all[kind][name] : undefined;
  if (value === undefined) throw lacks(reference);
  return Buffer.from(value, 'utf8');
}
