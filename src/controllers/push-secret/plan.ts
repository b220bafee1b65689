/** What of a Secret goes under which name into a store: pure. */
import { goJson } from '../../lib/go-text.ts';
import { selects } from '../../kube/label-selector.ts';
import { compilePattern, type Pattern } from '../../lib/re2.ts';
import { utf8Text } from '../../lib/utf8.ts';
import { ProviderProblem, type Pushed, type PushedFrom, type RemoteName } from '../../providers/contract.ts';
import type { StoreName } from '../secret-store/clients.ts';
import { secretStore } from '../secret-store/definition.ts';
import { rewritten, type Values } from '../external-secret/values.ts';
import type { ObjectOf } from '../kind.ts';
import type { PushData, PushDataTo, pushSecret, PushSecretStatus } from './definition.ts';

export type PushSecret = ObjectOf<typeof pushSecret>;
export type Synced = NonNullable<PushSecretStatus['syncedPushSecrets']>;

export interface Planned {
  /** As the status keeps it. */
  readonly data: PushData;
  readonly pushed: Pushed;
}

/** What is pushed of one Secret, or of a generator. */
export interface Given {
  readonly values: Values;
  readonly from: PushedFrom;
}

export interface PushStore extends StoreName {
  readonly labels: Readonly<Record<string, string>>;
  /** Two keys of the same secret give the same. */
  readonly nameOf: (key: string) => string;
}

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

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

export const remoteNameOf = ({ match, metadata }: Pick<PushData, 'match' | 'metadata'>): RemoteName => ({
  key: match.remoteRef.remoteKey,
  property: match.remoteRef.property,
  ...(metadata === undefined ? {} : { metadata }),
});

/** As keys of the status have it. */
export const remoteText = ({ key, property = '' }: RemoteName): string =>
  property === '' ? key : `${key}/${property}`;

function textOf(value: Uint8Array, key: string): string {
  const text = utf8Text(value);
  if (text !== undefined) return text;
  throw new ProviderProblem(
    'unsuitable',
    `secret key ${key} is no text: name it by secretKey, or encode it by a template`,
  );
}

/** All of them, as one secret. */
const bundled = (values: Values): Uint8Array =>
  Buffer.from(goJson(Object.fromEntries([...values].map(([key, value]) => [key, textOf(value, key)]))), 'utf8');

function planOne(data: PushData, given: Values): Planned {
  const { secretKey = '' } = data.match;
  const values = convert(given, data.conversionStrategy);
  if (secretKey === '') return { data, pushed: { ...remoteNameOf(data), value: bundled(values) } };
  const value = values.get(secretKey);
  if (value === undefined) throw new ProviderProblem('unsuitable', `secret key ${secretKey} does not exist`);
  return { data, pushed: { ...remoteNameOf(data), value } };
}

/** Whether it is for that store. One that names none is for none: nothing is written where nobody meant it. */
function isFor({ storeRef }: PushDataTo, store: PushStore): boolean {
  const { name = '', kind = secretStore.kind, labelSelector } = storeRef ?? {};
  if (name === '' && labelSelector === undefined)
    throw invalid('dataTo[].storeRef: name a store, or give a labelSelector');
  if (kind !== store.kind) return false;
  if (name !== '') return name === store.name;
  return labelSelector !== undefined && selects(labelSelector, store.labels);
}

/** Throws `ProviderProblem`. */
export function matchPattern(source: string): Pattern {
  try {
    return compilePattern(source);
  } catch (error) {
    throw invalid(`dataTo[].match.regexp: ${error instanceof Error ? error.message : 'not valid'}`);
  }
}

function matching(values: Values, source = ''): Values {
  if (source === '') return values;
  const pattern = matchPattern(source);
  return new Map([...values].filter(([key]) => pattern.finds(key)));
}

/** Each key under its own name, as it is rewritten, or all together under one. */
function planMany(to: PushDataTo, given: Values): readonly Planned[] {
  const { conversionStrategy, remoteKey = '', rewrite = [], metadata } = to;
  const values = matching(convert(given, conversionStrategy), to.match?.regexp);
  const entry = (remote: string, secretKey?: string): PushData => ({
    match: { remoteRef: { remoteKey: remote }, ...(secretKey === undefined ? {} : { secretKey }) },
    ...(conversionStrategy === undefined ? {} : { conversionStrategy }),
    ...(metadata === undefined ? {} : { metadata }),
  });
  const planned = (data: PushData, value: Uint8Array): Planned => ({ data, pushed: { ...remoteNameOf(data), value } });
  if (remoteKey !== '') {
    if (rewrite.length > 0) throw invalid('dataTo[]: remoteKey and rewrite: with one key there is nothing to rewrite');
    return values.size === 0 ? [] : [planned(entry(remoteKey), bundled(values))];
  }
  return [...values].map(([key, value]) => {
    const [remote = ''] = [...rewritten(new Map([[key, value]]), rewrite).keys()];
    if (remote === '') throw invalid(`dataTo[]: rewrite leaves nothing of "${key}"`);
    return planned(entry(remote, key), value);
  });
}

/** What is named in `data` is not what `dataTo` would make of the same key. */
function withoutNamed(planned: readonly Planned[], named: readonly PushData[]): readonly Planned[] {
  const keys = new Set(named.map(({ match }) => match.secretKey ?? '').filter((key) => key !== ''));
  return planned.filter(({ data }) => !keys.has(data.match.secretKey ?? ''));
}

function mustDiffer(planned: readonly Planned[], nameOf: PushStore['nameOf']): void {
  const names = new Map<string, string>();
  for (const { pushed } of planned) {
    const [own, text] = [remoteText(pushed), remoteText({ ...pushed, key: nameOf(pushed.key) })];
    const other = names.get(text);
    if (other !== undefined) throw invalid(`"${own}" is named twice${other === own ? '' : `: "${other}" is the same`}`);
    names.set(text, own);
  }
}

/** For one store. Throws `ProviderProblem`, before anything is written. `given`: what the template made of the source. */
export function plan({ spec }: PushSecret, { values, from }: Given, store: PushStore): readonly Planned[] {
  const { data = [], dataTo = [] } = spec;
  const many = dataTo.filter((each) => isFor(each, store)).flatMap((each) => planMany(each, values));
  const planned = [...withoutNamed(many, data), ...data.map((each) => planOne(each, values))];
  mustDiffer(planned, store.nameOf);
  return planned.map(({ data: each, pushed }) => ({ data: each, pushed: { ...pushed, from } }));
}

/** By the text of a store in the status: which secret a key is of. */
export type NameOf = (store: string, key: string) => string;

/** Whether what is written now is in part what was written before: to take that away would take away what is new. */
function overlap(one: RemoteName, other: RemoteName, nameOf: (key: string) => string): boolean {
  if (nameOf(one.key) !== nameOf(other.key)) return false;
  const [property = '', another = ''] = [one.property, other.property];
  return property === '' || another === '' || property === another;
}

/** What was written before and is named no more, by store. */
export function leftOver(
  before: Synced,
  now: Synced,
  nameOf: NameOf = (_store, key) => key,
): readonly (readonly [store: string, name: RemoteName])[] {
  return Object.entries(before).flatMap(([store, names]) => {
    const written = Object.values(now[store] ?? {}).map(remoteNameOf);
    const of = (key: string): string => nameOf(store, key);
    return Object.entries(names)
      .filter(([text]) => !Object.hasOwn(now[store] ?? {}, text))
      .map(([, data]) => remoteNameOf(data))
      .filter((name) => !written.some((each) => overlap(name, each, of)))
      .map((name) => [store, name] as const);
  });
}
