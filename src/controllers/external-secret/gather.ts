/** Everything that an ExternalSecret asks of its stores, together. */
import { ProviderProblem, type ProviderClient, type Query, type Reference } from '../../providers/contract.ts';
import { membersAt } from '../../providers/members.ts';
import type { StoreName } from '../secret-store/clients.ts';
import { Origins } from './origins.ts';
import type { ExternalSecret, ExternalSecretSpec, GeneratorRef, RemoteRef, SourceRef, StoreRef } from './definition.ts';
import { checked, converted, decoded, rewritten, type Values } from './values.ts';

export interface Gathered {
  readonly values: Values;
  /** What is not at the store, as an event tells it. */
  readonly missing: readonly string[];
  readonly origins: Origins;
}

/** Whom it may ask. */
export interface Sources {
  readonly use: (ref: StoreName) => ProviderClient;
  readonly generate: (ref: GeneratorRef, signal: AbortSignal) => Promise<Values>;
  readonly signal: AbortSignal;
}

type DataFrom = NonNullable<ExternalSecretSpec['dataFrom']>[number];

export function storeNameOf({ name = '', kind = 'SecretStore' }: StoreRef): StoreName {
  return { kind, name };
}

/** All stores that it names, each once. */
export function storesOf({ spec }: ExternalSecret): readonly StoreName[] {
  const refs = [
    spec.secretStoreRef,
    ...[...(spec.data ?? []), ...(spec.dataFrom ?? [])].map((each) => each.sourceRef?.storeRef),
  ];
  const named = refs.flatMap((ref) => (ref?.name === undefined || ref.name === '' ? [] : [storeNameOf(ref)]));
  return [...new Map(named.map((each) => [`${each.kind} ${each.name}`, each])).values()];
}

function storeFor(spec: ExternalSecretSpec, source: SourceRef | undefined): StoreName {
  const ref = source?.storeRef ?? spec.secretStoreRef;
  if (ref?.name === undefined || ref.name === '')
    throw new ProviderProblem('invalid', 'no secretStoreRef names a store');
  return storeNameOf(ref);
}

const referenceOf = (
  { key, property, version, metadataPolicy }: RemoteRef,
  told: ReturnType<Origins['of']>,
): Reference => ({
  ...{ key, property, version, metadata: metadataPolicy === 'Fetch', told },
});

function withoutNulls(
  value: Uint8Array,
  { key, nullBytePolicy }: { readonly key: string; readonly nullBytePolicy?: string },
): Uint8Array {
  if (nullBytePolicy === 'Fail' && value.includes(0)) {
    throw new ProviderProblem('unsuitable', `"${key}" holds null bytes, which nullBytePolicy=Fail refuses`);
  }
  return value;
}

/** Undefined: it is not there. */
async function extracted(
  reading: { readonly client: ProviderClient; readonly reference: Reference; readonly signal: AbortSignal },
  ref: RemoteRef,
  rewrite: DataFrom['rewrite'],
) {
  const found = await membersAt(reading.client, reading.reference, reading.signal);
  if (!found.found) return undefined;
  const values = rewritten(found.value, rewrite ?? []);
  const kept = checked(
    rewrite === undefined || rewrite.length === 0 ? converted(values, ref.conversionStrategy) : values,
  );
  return new Map(
    [...kept].map(([key, value]) => [key, withoutNulls(decoded(value, ref.decodingStrategy), { ...ref, key })]),
  );
}

async function foundBy(
  client: ProviderClient,
  find: NonNullable<DataFrom['find']>,
  rewrite: DataFrom['rewrite'],
  signal: AbortSignal,
) {
  if (client.find === undefined) throw new ProviderProblem('invalid', 'this provider cannot find secrets by name');
  const query: Query = { path: find.path, name: find.name?.regexp, tags: find.tags };
  const values = rewritten(await client.find(query, signal), rewrite ?? []);
  const kept = checked(
    rewrite === undefined || rewrite.length === 0 ? converted(values, find.conversionStrategy) : values,
  );
  return new Map(
    [...kept].map(([key, value]) => [key, withoutNulls(decoded(value, find.decodingStrategy), { ...find, key })]),
  );
}

/** What a generator makes is made anew each time. */
async function generated({ rewrite, sourceRef }: DataFrom, { generate, signal }: Sources): Promise<Values | undefined> {
  if (sourceRef?.generatorRef === undefined) return undefined;
  return checked(rewritten(await generate(sourceRef.generatorRef, signal), rewrite ?? []));
}

/** Rejects with `ProviderProblem`; a secret that is not there is one, unless the deletion policy gives it a meaning. */
export async function gather({ spec }: ExternalSecret, sources: Sources): Promise<Gathered> {
  const { use, signal } = sources;
  const values = new Map<string, Uint8Array>();
  const origins = new Origins();
  const missing: string[] = [];
  const miss = (what: string): void => {
    const said = `secret does not exist at provider using ${what}`;
    if ((spec.target?.deletionPolicy ?? 'Retain') === 'Retain') throw new ProviderProblem('unsuitable', said);
    missing.push(said);
  };
  const add = (more: Values): void => {
    for (const [key, value] of more) values.set(key, value);
  };
  const reading = (ref: RemoteRef, source: SourceRef | undefined) => {
    const store = storeFor(spec, source);
    return { client: use(store), reference: referenceOf(ref, origins.of(store, ref.key)), signal };
  };
  for (const [index, from] of (spec.dataFrom ?? []).entries()) {
    const { extract, find, rewrite, sourceRef } = from;
    const made = await generated(from, sources);
    if (made !== undefined) {
      add(made);
      continue;
    }
    if (find !== undefined) add(await foundBy(use(storeFor(spec, sourceRef)), find, rewrite, signal));
    if (extract === undefined) continue;
    const found = await extracted(reading(extract, sourceRef), extract, rewrite);
    if (found === undefined) miss(`spec.dataFrom[${String(index)}] (key=${extract.key})`);
    else add(found);
  }
  for (const [index, { secretKey, remoteRef, sourceRef }] of (spec.data ?? []).entries()) {
    if (sourceRef?.generatorRef !== undefined)
      throw new ProviderProblem('invalid', 'data[].sourceRef.generatorRef: name a generator in dataFrom');
    const { client, reference } = reading(remoteRef, sourceRef);
    const found = await client.read(reference, signal);
    if (found.found) values.set(secretKey, withoutNulls(decoded(found.value, remoteRef.decodingStrategy), remoteRef));
    else miss(`spec.data[${String(index)}] (key=${remoteRef.key})`);
  }
  return { values, missing, origins };
}
