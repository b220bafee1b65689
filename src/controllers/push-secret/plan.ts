/** What of a Secret goes under which name into a store: pure. */
import { goJson } from '../../lib/go-text.ts';
import { ProviderProblem, type Pushed, type RemoteName } from '../../providers/contract.ts';
import type { TemplateSource } from '../external-secret/template-sources.ts';
import { applyTemplate } from '../external-secret/template.ts';
import type { Values } from '../external-secret/values.ts';
import type { ObjectOf } from '../kind.ts';
import type { PushData, pushSecret, PushSecretStatus } from './definition.ts';

export type PushSecret = ObjectOf<typeof pushSecret>;
export type Synced = NonNullable<PushSecretStatus['syncedPushSecrets']>;

export interface Planned {
  /** As the status keeps it. */
  readonly data: PushData;
  readonly pushed: Pushed;
}

const UNICODE = /_U([0-9a-fA-F]{4,5})_/g;

/** `ReverseUnicode`: `_U002f_` is a slash again, as `conversionStrategy: Unicode` of an ExternalSecret made it. */
const restored = (key: string, strategy: PushData['conversionStrategy']): string =>
  strategy === 'ReverseUnicode'
    ? key.replaceAll(UNICODE, (_all, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    : key;

function convert(values: Values, strategy: PushData['conversionStrategy']): Values {
  const made = new Map([...values].map(([key, value]) => [restored(key, strategy), value]));
  if (made.size === values.size) return made;
  throw new ProviderProblem('unsuitable', 'secret name collision during conversion: two keys become one');
}

export const remoteNameOf = ({ match }: { readonly match: PushData['match'] }): RemoteName => ({
  key: match.remoteRef.remoteKey,
  property: match.remoteRef.property,
});

/** As keys of the status have it. */
export const remoteText = ({ key, property = '' }: RemoteName): string =>
  property === '' ? key : `${key}/${property}`;

function textOf(value: Uint8Array, key: string): string {
  const text = Buffer.from(value).toString('utf8');
  if (Buffer.from(text, 'utf8').equals(value)) return text;
  throw new ProviderProblem(
    'unsuitable',
    `secret key ${key} is no text: name it by secretKey, or encode it by a template`,
  );
}

function planOne(data: PushData, given: Values): Planned {
  const { secretKey = '' } = data.match;
  const values = convert(given, data.conversionStrategy);
  if (secretKey === '') {
    const all = Object.fromEntries([...values].map(([key, value]) => [key, textOf(value, key)]));
    return { data, pushed: { ...remoteNameOf(data), value: Buffer.from(goJson(all), 'utf8') } };
  }
  const value = values.get(secretKey);
  if (value === undefined) throw new ProviderProblem('unsuitable', `secret key ${secretKey} does not exist`);
  return { data, pushed: { ...remoteNameOf(data), value } };
}

/** Throws `ProviderProblem`, before anything is written. */
export function plan({ spec }: PushSecret, secret: Values, sources: readonly TemplateSource[]): readonly Planned[] {
  if ((spec.dataTo ?? []).length > 0) throw new ProviderProblem('invalid', 'spec.dataTo is not offered yet');
  if (spec.data?.some(({ metadata }) => metadata !== undefined) === true)
    throw new ProviderProblem('invalid', 'spec.data[].metadata is not offered yet');
  const values = spec.template === undefined ? secret : applyTemplate(spec.template, secret, sources).values;
  const planned = (spec.data ?? []).map((data) => planOne(data, values));
  const names = planned.map(({ pushed }) => remoteText(pushed));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ProviderProblem('invalid', `"${twice}" is named twice`);
  return planned;
}

/** What was written before and is named no more, by store. */
export function leftOver(before: Synced, now: Synced): readonly (readonly [store: string, name: RemoteName])[] {
  return Object.entries(before).flatMap(([store, names]) =>
    Object.entries(names)
      .filter(([text]) => now[store]?.[text] === undefined)
      .map(([, data]) => [store, remoteNameOf(data)] as const),
  );
}
