/** `metadata` of a PushSecret for AWS, as External Secrets Operator has them. */
import { readMetadata } from '../push-metadata.ts';
import { MARK } from '../written.ts';
import { type Tag, textsOf } from './tags.ts';

const COMMON = { tags: 'texts', description: 'text', kmsKeyID: 'text' } as const;

const SECRETS_MANAGER = { ...COMMON, secretPushFormat: ['binary', 'string'] } as const;
const PARAMETER_STORE = {
  ...COMMON,
  secretType: ['String', 'StringList', 'SecureString'],
  tier: { type: ['Standard', 'Advanced', 'Intelligent-Tiering'], policies: 'json' },
  // A whole Secret is always written as texts.
  encodeAsDecoded: 'flag',
} as const;

export const awsFields = Object.keys({ ...SECRETS_MANAGER, ...PARAMETER_STORE });

/** Throws `ProviderProblem`, as the other one. */
export const secretsManagerMetadata = (metadata: unknown) => readMetadata(metadata, SECRETS_MANAGER);
export const parameterStoreMetadata = (metadata: unknown) => readMetadata(metadata, PARAMETER_STORE);

/** Those that are not there yet, or have another value. The mark is nobody's to set; tags of others stay. */
export function tagsToSet(tags: Readonly<Record<string, string>> = {}, there: readonly Tag[] = []) {
  const has = textsOf(there);
  const wanted = { ...tags, [MARK.Key]: MARK.Value };
  return Object.entries(wanted).flatMap(([Key, Value]) => (has[Key] === Value ? [] : [{ Key, Value }]));
}
