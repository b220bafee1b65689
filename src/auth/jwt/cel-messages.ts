/**
 * The messages that a CEL role may build: fields and numbers as in OpenBao's `sdk/plugin/pb/backend.proto` and
 * `sdk/logical/identity.proto`, which is where their spelling comes from (`TTL` beside `explicit_max_ttl`). Durations are
 * nanoseconds.
 */
import type { Messages } from '../../lib/cel/messages.ts';

const ALIAS = { message: 'logical.Alias' } as const;

export const AUTH_MESSAGES: Messages = {
  'logical.Alias': {
    mount_type: { number: 1, type: 'string' },
    mount_accessor: { number: 2, type: 'string' },
    name: { number: 3, type: 'string' },
    metadata: { number: 4, type: 'string', many: 'map' },
    ID: { number: 5, type: 'string' },
    namespace_id: { number: 6, type: 'string' },
    custom_metadata: { number: 7, type: 'string', many: 'map' },
    local: { number: 8, type: 'bool' },
  },
  'pb.LeaseOptions': {
    TTL: { number: 1, type: 'int64' },
    renewable: { number: 2, type: 'bool' },
    increment: { number: 3, type: 'int64' },
    issue_time: { number: 4, type: 'timestamp' },
    MaxTTL: { number: 5, type: 'int64' },
  },
  'pb.Auth': {
    lease_options: { number: 1, type: { message: 'pb.LeaseOptions' } },
    internal_data: { number: 2, type: 'string' },
    display_name: { number: 3, type: 'string' },
    policies: { number: 4, type: 'string', many: 'list' },
    metadata: { number: 5, type: 'string', many: 'map' },
    client_token: { number: 6, type: 'string' },
    accessor: { number: 7, type: 'string' },
    period: { number: 8, type: 'int64' },
    num_uses: { number: 9, type: 'int64' },
    entity_id: { number: 10, type: 'string' },
    alias: { number: 11, type: ALIAS },
    group_aliases: { number: 12, type: ALIAS, many: 'list' },
    bound_cidrs: { number: 13, type: 'string', many: 'list' },
    token_policies: { number: 14, type: 'string', many: 'list' },
    identity_policies: { number: 15, type: 'string', many: 'list' },
    explicit_max_ttl: { number: 16, type: 'int64' },
    token_type: { number: 17, type: 'uint32' },
    no_default_policy: { number: 18, type: 'bool' },
  },
};
