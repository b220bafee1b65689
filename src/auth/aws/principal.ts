/**
 * Who AWS says that somebody is: names of IAM principals.
 *
 * Source: IAM User Guide, "IAM identifiers"; AWS STS API Reference, "GetCallerIdentity".
 */

/** A user, or a role that was assumed. */
export interface Principal {
  /** As AWS names the caller: `arn:aws:sts::123456789012:assumed-role/web/i-0123`. */
  readonly callerArn: string;
  /** Without the session: `arn:aws:iam::123456789012:role/web`. Paths of roles are not in it: AWS does not tell them. */
  readonly canonicalArn: string;
  readonly kind: 'user' | 'role';
  /** Without its path. */
  readonly name: string;
  readonly partition: string;
  readonly accountId: string;
  /** Unique id: `AIDA…` of a user, `AROA…` of a role; never given out twice. */
  readonly uniqueId: string;
}

const ARN = /^arn:(aws|aws-[a-z-]{1,32}):(iam|sts)::(\d{12}):([\w+=,.@/-]{1,1024})$/;

interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly accountId: string;
  /** `user/path/name` in its parts. */
  readonly parts: readonly string[];
}

function arnOf(text: string): Arn | undefined {
  const [, partition, service, accountId, resource] = ARN.exec(text) ?? [];
  if (partition === undefined || service === undefined || accountId === undefined || resource === undefined) {
    return undefined;
  }
  const parts = resource.split('/');
  return parts.includes('') ? undefined : { partition, service, accountId, parts };
}

/** undefined: no user and no assumed role, such as the root of an account or a federated user. */
export function principalOf(callerArn: string, userId: string): Principal | undefined {
  const arn = arnOf(callerArn);
  if (arn === undefined) return undefined;
  const { partition, service, accountId, parts } = arn;
  const [kind, ...rest] = parts;
  const [uniqueId = ''] = userId.split(':');
  if (!/^[A-Za-z\d]{16,128}$/.test(uniqueId)) return undefined;
  if (service === 'iam' && kind === 'user') {
    const name = rest.at(-1);
    if (name === undefined) return undefined;
    return { callerArn, canonicalArn: callerArn, kind, name, partition, accountId, uniqueId };
  }
  const [name, session, ...more] = rest;
  if (service !== 'sts' || kind !== 'assumed-role' || name === undefined) return undefined;
  if (session === undefined || more.length > 0) return undefined;
  const canonicalArn = `arn:${partition}:iam::${accountId}:role/${name}`;
  return { callerArn, canonicalArn, kind: 'role', name, partition, accountId, uniqueId };
}

/** What a role binds: `arn:aws:iam::123456789012:role/web`, with or without a path, or a beginning and `*`. */
export interface BoundPrincipal {
  readonly partition: string;
  readonly accountId: string;
  readonly kind: 'user' | 'role';
  readonly name: string;
  /** As a caller has it: without the path of a role. */
  readonly canonicalArn: string;
}

export const isPattern = (bound: string): boolean => bound.endsWith('*');

/** undefined: it names no user and no role. */
export function boundPrincipalOf(text: string): BoundPrincipal | undefined {
  const arn = arnOf(text);
  if (arn?.service !== 'iam') return undefined;
  const { partition, accountId, parts } = arn;
  const [kind] = parts;
  const name = parts.at(-1);
  if ((kind !== 'user' && kind !== 'role') || parts.length < 2 || name === undefined) return undefined;
  const canonicalArn = kind === 'user' ? text : `arn:${partition}:iam::${accountId}:role/${name}`;
  return { partition, accountId, kind, name, canonicalArn };
}

/** A pattern names an account at least: `arn:aws:iam::123456789012:*`. */
export const isPrincipalPattern = (text: string): boolean =>
  /^arn:(?:aws|aws-[a-z-]{1,32}):iam::\d{12}:[\w+=,.@/-]{0,1024}\*$/.test(text);
