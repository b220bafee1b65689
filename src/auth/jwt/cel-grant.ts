/** From what a program has made, a `pb.Auth`, to what its login grants: what upstream honours of it, within bounds. */
import { fail } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Grant } from '../../framework/reply.ts';
import { parseCidrs, withoutFullWidth } from '../../lib/cidr.ts';
import type { ProgramAlias, ProgramAuth } from './cel-auth.ts';
import { markedName, noLogin } from './cel-name.ts';

const LONGEST_NAME = 2_048;
const LONGEST_POLICY = 256;
const LONGEST_KEY = 128;
const LONGEST_VALUE = 2_048;
const MOST_NAMES = 1_000;
const MOST_METADATA = 64;
const MOST_CIDRS = 128;
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

const SECOND = 1_000_000_000n;

/** By upstream's numbers; a login asks for nothing that a default would give way to. */
const TYPES: readonly Grant['type'][] = ['default', 'service', 'batch', 'service', 'batch'];

type Refuse = (why: string) => Error;

function checkText(text: string, what: string, most: number, refuse: Refuse): void {
  if (text.length > most) throw refuse(`made ${what} longer than ${String(most)}`);
  if (UNPRINTABLE.test(text)) throw refuse(`made ${what} that cannot be printed`);
}

function checkCount(count: number, what: string, most: number, refuse: Refuse): void {
  if (count > most) throw refuse(`made ${String(count)} ${what}: there can be ${String(most)}`);
}

function seconds(value: bigint, what: string, refuse: Refuse): number {
  if (value < 0n) throw refuse(`made a negative ${what}`);
  if (value > 0n && value < SECOND) throw refuse(`made a ${what} below a second: it is in nanoseconds`);
  return Number(value / SECOND);
}

function metadataOf(metadata: ProgramAuth['metadata'], refuse: Refuse): Readonly<Record<string, string>> {
  checkCount(metadata.size, 'keys of metadata', MOST_METADATA, refuse);
  for (const [key, value] of metadata) {
    if (key === '') throw refuse('made metadata with an empty key');
    checkText(key, 'a key of metadata', LONGEST_KEY, refuse);
    checkText(value, 'a value of metadata', LONGEST_VALUE, refuse);
  }
  return Object.fromEntries(metadata);
}

function aliasName({ name }: ProgramAlias, what: string, refuse: Refuse): string {
  if (name === '') throw refuse(`made ${what} without a name`);
  checkText(name, `the name of ${what}`, LONGEST_NAME, refuse);
  return name;
}

/** Without groups it says that there are none, as upstream. */
function aliasOf({ alias, group_aliases: groups }: ProgramAuth, refuse: Refuse): Grant['alias'] {
  checkCount(groups.length, 'group_aliases', MOST_NAMES, refuse);
  if (alias === undefined) {
    if (groups.length > 0) throw refuse('made group_aliases without an alias: nobody is in those groups');
    return undefined;
  }
  return {
    name: aliasName(alias, 'an alias', refuse),
    metadata: metadataOf(alias.metadata, refuse),
    groups: groups.map((each) => aliasName(each, 'a group alias', refuse)),
  };
}

function policiesOf(policies: readonly string[], refuse: Refuse): readonly string[] {
  checkCount(policies.length, 'policies', MOST_NAMES, refuse);
  for (const policy of policies) checkText(policy, 'the name of a policy', LONGEST_POLICY, refuse);
  return policies;
}

function cidrsOf(cidrs: readonly string[], refuse: Refuse): readonly string[] {
  checkCount(cidrs.length, 'bound_cidrs', MOST_CIDRS, refuse);
  try {
    parseCidrs(cidrs);
  } catch {
    throw refuse('made bound_cidrs with one that is no address or block');
  }
  return withoutFullWidth(cidrs);
}

function usesOf(value: bigint, refuse: Refuse): number {
  if (value < 0n) throw refuse('made a negative num_uses');
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse('made a num_uses that is too large');
  return Number(value);
}

function typeOf(value: bigint, refuse: Refuse): Grant['type'] {
  const type = TYPES[Number(value)];
  if (type === undefined) throw refuse('made an unknown token_type: 0 is the default, 1 service, 2 batch');
  return type;
}

/** Of a CEL role. Throws `invalidCredentials` for what no login may give. */
export function grantOfProgram(name: string, auth: ProgramAuth): Grant {
  const refuse: Refuse = (why) => noLogin(name, why);
  const { lease_options: lease } = auth;
  const alias = aliasOf(auth, refuse);
  const metadata = metadataOf(auth.metadata, refuse);
  checkText(auth.display_name, 'a display_name', LONGEST_NAME, refuse);
  const terms = {
    ttl: seconds(lease?.TTL ?? 0n, 'TTL', refuse),
    maxTtl: seconds(lease?.MaxTTL ?? 0n, 'MaxTTL', refuse),
    period: seconds(auth.period, 'period', refuse),
  };
  return {
    ...terms,
    policies: policiesOf(auth.policies, refuse),
    displayName: auth.display_name,
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(alias === undefined ? {} : { alias }),
    explicitMaxTtl: seconds(auth.explicit_max_ttl, 'explicit_max_ttl', refuse),
    numUses: usesOf(auth.num_uses, refuse),
    renewable: lease?.renewable ?? false,
    boundCidrs: cidrsOf(auth.bound_cidrs, refuse),
    noDefaultPolicy: auth.no_default_policy,
    type: typeOf(auth.token_type, refuse),
    role: markedName(name),
    internal: { celRole: name, ...terms },
  };
}

/** What a renewal goes by; undefined for the login of a plain role. */
export interface KeptTerms extends Pick<Grant, 'ttl' | 'maxTtl' | 'period'> {
  readonly celRole: string;
}

export function keptTerms(internal: JsonObject): KeptTerms | undefined {
  const { celRole, ttl, maxTtl, period } = internal;
  if (typeof celRole !== 'string') return undefined;
  if (typeof ttl !== 'number' || typeof maxTtl !== 'number' || typeof period !== 'number') throw fail('corrupt');
  return { celRole, ttl, maxTtl, period };
}
