/** Writing to KV version 2: only what is marked as managed by External Secrets, and only when it differs. */
import { ApiError } from '../../client/api-error.ts';
import type { Client } from '../../client/client.ts';
import { isObject, parseJson } from '../../client/json.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { utf8Text } from '../../lib/utf8.ts';
import { ProviderProblem, type Pushed, type RemoteName } from '../contract.ts';
import { readMetadata } from '../push-metadata.ts';
import { dataPath, metadataPath, type Mount } from './paths.ts';

type Data = Readonly<Record<string, unknown>>;

/** The mark of External Secrets Operator in the custom metadata: either takes over from the other. */
const MARK = { name: 'managed-by', value: 'external-secrets' } as const;

interface Held {
  /** Undefined: nothing is there, or its newest version is deleted. */
  readonly data: Data | undefined;
  /** 0: there is none. */
  readonly version: number;
  readonly custom: Data;
}

function mustBeVersioned({ version }: Mount): void {
  if (version !== 'v2')
    throw new ProviderProblem('invalid', 'pushing needs kv version v2: version v1 cannot mark what is managed');
}

async function held(client: Client, key: string, mount: Mount, signal: AbortSignal): Promise<Held> {
  const found = (await client.read(metadataPath(key, mount), { signal, reasons: true }))?.data ?? undefined;
  if (found === undefined) return { data: undefined, version: 0, custom: {} };
  const custom = isObject(found['custom_metadata']) ? found['custom_metadata'] : {};
  const version = typeof found['current_version'] === 'number' ? found['current_version'] : 0;
  const read = (await client.read(dataPath(key, mount), { signal, reasons: true }))?.data ?? undefined;
  const data = isObject(read?.['data']) ? read['data'] : undefined;
  return { data, version, custom };
}

const METADATA = { customMetadata: 'texts', mergePolicy: ['Merge', 'Replace'] } as const;

export const vaultFields = Object.keys(METADATA);

/** `metadata` of a PushSecret, as External Secrets Operator has them of this provider. Throws `ProviderProblem`. */
export const vaultMetadata = (metadata: unknown) => readMetadata(metadata, METADATA);

/** The mark is nobody's to set. */
function customAfter(before: Data, metadata: unknown): Data {
  const { customMetadata = {}, mergePolicy = 'Merge' } = vaultMetadata(metadata);
  return { ...(mergePolicy === 'Merge' ? before : {}), ...customMetadata, [MARK.name]: MARK.value };
}

const isManaged = ({ custom }: Held): boolean => custom[MARK.name] === MARK.value;
const isThere = ({ version, custom }: Held): boolean => version > 0 || Object.keys(custom).length > 0;

function textOf(value: Uint8Array, key: string): string {
  const text = utf8Text(value);
  if (text !== undefined) return text;
  const remedy = 'encode it by a template';
  throw new ProviderProblem('unsuitable', `cannot write "${key}": the value is no text, as JSON needs it; ${remedy}`);
}

/** All of it, or its one property set. */
function next({ property = '', key, value }: Pushed, before: Data | undefined): Data {
  const text = textOf(value, key);
  if (property !== '') return { ...before, [property]: text };
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch {
    parsed = undefined;
  }
  if (isObject(parsed)) return parsed;
  throw new ProviderProblem('unsuitable', `cannot write "${key}": without a property, the value must be a JSON object`);
}

/** Whether somebody else wrote since it was looked at. */
export const isConflict = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 400 && error.errors.some((each) => each.includes('check-and-set'));

/** Rejects with `ProviderProblem`, or as `Client` does. A write of somebody else in between is a conflict, and nothing is lost. */
export async function pushTo(client: Client, pushed: Pushed, mount: Mount, signal: AbortSignal): Promise<void> {
  mustBeVersioned(mount);
  const before = await held(client, pushed.key, mount, signal);
  if (isThere(before) && !isManaged(before)) {
    throw new ProviderProblem(
      'denied',
      `cannot write "${pushed.key}": secret not managed by external-secrets (custom metadata ${MARK.name}=${MARK.value})`,
    );
  }
  const data = next(pushed, before.data);
  const custom = customAfter(before.custom, pushed.metadata);
  if (canonicalJson(before.custom) !== canonicalJson(custom)) {
    const metadata = { custom_metadata: custom };
    await client.write(metadataPath(pushed.key, mount), metadata, { signal, replay: 'safe' });
  }
  if (before.data !== undefined && canonicalJson(before.data) === canonicalJson(data)) return;
  await client.write(
    dataPath(pushed.key, mount),
    { data, options: { cas: before.version } },
    { signal, replay: 'unsafe' },
  );
}

/** What is not there, or is not managed, is left. */
export async function removeFrom(
  client: Client,
  { key, property = '' }: RemoteName,
  mount: Mount,
  signal: AbortSignal,
): Promise<void> {
  mustBeVersioned(mount);
  const before = await held(client, key, mount, signal);
  if (!isManaged(before)) return;
  const { [property]: gone, ...others } = before.data ?? {};
  if (property !== '' && Object.keys(others).length > 0) {
    if (gone === undefined) return;
    await client.write(
      dataPath(key, mount),
      { data: others, options: { cas: before.version } },
      { signal, replay: 'unsafe' },
    );
    return;
  }
  await client.delete(metadataPath(key, mount), { signal });
}
