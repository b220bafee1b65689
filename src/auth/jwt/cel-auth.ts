/**
 * What a program makes: of upstream's messages those members that a login honours. The others are unknown to a program, so that
 * it is refused when it is written: what the core sets (tokens, accessors, entities), and what would be without effect.
 */
import type { Messages } from '../../lib/cel/messages.ts';
import { AUTH_MESSAGES } from './cel-messages.ts';

export const AUTH = 'pb.Auth';

/** What an alias is of, its mount and namespace, is the login's. */
const HONOURED: Readonly<Record<string, readonly string[]>> = {
  'logical.Alias': ['name', 'metadata'],
  'pb.LeaseOptions': ['TTL', 'MaxTTL', 'renewable', 'issue_time'],
  [AUTH]: [
    ...['policies', 'no_default_policy', 'alias', 'group_aliases', 'display_name', 'metadata', 'lease_options'],
    ...['period', 'explicit_max_ttl', 'num_uses', 'bound_cidrs', 'token_type'],
  ],
};

export const honouredMessages: Messages = Object.fromEntries(
  Object.entries(AUTH_MESSAGES).map(([message, fields]) => [
    message,
    Object.fromEntries(Object.entries(fields).filter(([name]) => HONOURED[message]?.includes(name) === true)),
  ]),
);

type Texts = ReadonlyMap<string, string>;

/** A `pb.Auth` by itself: what the program has not set is empty, 0 or false. Durations in nanoseconds. */
export interface ProgramAuth {
  readonly lease_options: ProgramLease | undefined;
  readonly display_name: string;
  readonly policies: readonly string[];
  readonly metadata: Texts;
  readonly period: bigint;
  readonly num_uses: bigint;
  readonly alias: ProgramAlias | undefined;
  readonly group_aliases: readonly ProgramAlias[];
  readonly bound_cidrs: readonly string[];
  readonly explicit_max_ttl: bigint;
  readonly token_type: bigint;
  readonly no_default_policy: boolean;
}

export interface ProgramLease {
  readonly TTL: bigint;
  readonly renewable: boolean;
  readonly MaxTTL: bigint;
}

export interface ProgramAlias {
  readonly name: string;
  readonly metadata: Texts;
}
