/** Everything that an ExternalSecret asks of its stores, together. */
import { ProviderProblem, type ProviderClient, type Query, type Reference } from '../../providers/contract.ts';
import { membersAt } from '../../providers/members.ts';
import type { StoreName } from '../secret-store/clients.ts';
import type { ExternalSecretSpec, RemoteRef, SourceRef, StoreRef } from './definition.ts';
import type { ExternalSecret } from './plan.ts';
import { checked, converted, decoded, rewritten, type Values } from './values.ts';

export interface Gathered {
  readonly values: Values;
  /** What is not at the store, as an event tells it. */
  readonly missing: readonly string[];
}

export type Use = (ref: StoreName) => ProviderClient;

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

/** What is read by name, for each store: what a change there may concern. */
function clientFor(spec: ExternalSecretSpec, source: SourceRef | undefined, use: Use): ProviderClient {
  if (source?.generatorRef !== undefined) throw new ProviderProblem('invalid', 'generators are not offered yet');
  const ref = source?.storeRef ?? spec.secretStoreRef;
  if (ref?.name === undefined || ref.name === '')
    throw new ProviderProblem('invalid', 'no secretStoreRef names a store');
  return use(storeNameOf(ref));
}

const referenceOf = ({ key, property, version, metadataPolicy }: RemoteRef): Reference => ({
  ...{ key, property, version, metadata: metadataPolicy === 'Fetch' },
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
async function extracted(client: ProviderClient, ref: RemoteRef, rewrite: DataFrom['rewrite'], signal: AbortSignal) {
  const found = await membersAt(client, referenceOf(ref), signal);
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

/** Rejects with `ProviderProblem`; a secret that is not there is one, unless the deletion policy gives it a meaning. */
export async function gather({ spec }: ExternalSecret, use: Use, signal: AbortSignal): Promise<Gathered> {
  const values = new Map<string, Uint8Array>();
  const missing: string[] = [];
  const miss = (what: string): void => {
    const said = `secret does not exist at provider using ${what}`;
    if ((spec.target?.deletionPolicy ?? 'Retain') === 'Retain') throw new ProviderProblem('unsuitable', said);
    missing.push(said);
  };
  for (const [index, { extract, find, rewrite, sourceRef }] of (spec.dataFrom ?? []).entries()) {
    const client = clientFor(spec, sourceRef, use);
    const where = `spec.dataFrom[${String(index)}]`;
    if (find !== undefined)
      for (const [key, value] of await foundBy(client, find, rewrite, signal)) values.set(key, value);
    if (extract === undefined) continue;
    const found = await extracted(client, extract, rewrite, signal);
    if (found === undefined) miss(`${where} (key=${extract.key})`);
    for (const [key, value] of found ?? []) values.set(key, value);
  }
  for (const [index, { secretKey, remoteRef, sourceRef }] of (spec.data ?? []).entries()) {
    const found = await clientFor(spec, sourceRef, use).read(referenceOf(remoteRef), signal);
    if (found.found) values.set(secretKey, withoutNulls(decoded(found.value, remoteRef.decodingStrategy), remoteRef));
    else miss(`spec.data[${String(index)}] (key=${remoteRef.key})`);
  }
  return { values, missing };
}
