/** Where Lockstep answers otherwise than OpenBao, and why. Each reason stands in docs/compatibility.md too. */

export interface KnownDifference {
  /** Of the method and the path as it was asked, without its query. */
  readonly request: RegExp;
  /** Of the place in the reply: `status 404/200`, `body.data.keys`. */
  readonly at: RegExp;
  /** Of what is wrong with the request; of any request where it is left out. */
  readonly wrong?: RegExp;
  readonly reason: string;
  /** Not every draw comes upon it; and OpenBao's order of names is that of its random ids, now and then it is ours too. */
  readonly byChance?: true;
}

export const anything = /^/;

/** Of all requests. */
export const everywhere: readonly KnownDifference[] = [
  {
    request: anything,
    at: /^status 204\/200$/,
    wrong: /^an unknown field$/,
    reason: 'a field that an endpoint does not know is told of by a warning, also where the reply would be a 204',
  },
  {
    request: anything,
    at: anything,
    wrong: / as null$/,
    reason: 'a field that is null counts as one that is not given',
  },
  {
    request: anything,
    at: /^status (20[04]\/400|400\/20[04])$|^body\./,
    wrong: / as true$/,
    reason: 'true and false are no numbers and no durations, and as texts they are `true` and `false`',
  },
  {
    request: /\/\//,
    at: /^status \d+\/400$/,
    reason: 'a path with an empty segment is refused',
  },
  {
    request: /^\w+ sys\/.*\/$/,
    at: /^status (400|404)\/(20[04]|40[45])$/,
    reason: 'a path below sys/ may end in a slash, also where it writes',
  },
  {
    request: anything,
    at: /^status 20[04]\/400$/,
    wrong: /^object as \[\]$/,
    reason: 'an empty list is no object',
  },
  { request: /^LIST /, at: /^status 404\/405$/, reason: 'listing what only reads is 405' },
  { request: anything, at: /^body\.mount_type$/, reason: 'every reply names the type of its mount, as Vault does' },
  {
    request: anything,
    at: /running_plugin_version$|deprecation_status$/,
    reason: 'versions and standing of plug-ins are told as Vault tells them; there is one version of what is built in',
  },
  {
    request: anything,
    at: /^status 500\/(400|404)$/,
    reason: 'what the request got wrong is a 400 or a 404, never a 500',
  },
];

export const renewals: readonly KnownDifference[] = [
  {
    request: /^POST auth\/token\/renew/,
    at: /^body\.warnings$/,
    reason: 'that a renewal is capped is told once a whole second is missing, which the two servers do not see at once',
    byChance: true,
  },
  {
    request: /^POST auth\/token\/renew/,
    at: /^body\.auth\.num_uses$/,
    reason: 'a renewal tells how many uses are left, not how many there were at first',
    byChance: true,
  },
];

export const knownDifferences: readonly KnownDifference[] = [
  {
    request: /^POST auth\/(token\/tidy|approle\/tidy\/secret-id)$/,
    at: /^status 200\/202$/,
    reason: 'a tidying is done when it is answered, so that none is found still at work',
    byChance: true,
  },
  {
    request: /^GET sys\/(mounts|auth|internal)/,
    at: /\.options$/,
    reason: 'options of a mount without any are null, as in Vault',
  },
  {
    request: /^GET sys\/(mounts|auth|internal)/,
    at: /\b(sys|identity)\/\.(config\.passthrough_request_headers|description|seal_wrap)$/,
    reason: 'sys/ is described in words of its own',
  },
  {
    request: /^(GET|POST) identity\/(group|lookup)\//,
    at: /\.(policies|member_entity_ids|member_group_ids|parent_group_ids|modify_index)$/,
    reason: 'an empty list of a group is null, and its index counts what is asked of the group itself',
  },
  {
    request: /^(GET|POST) identity\/(entity|lookup)/,
    at: /\.(direct_|inherited_)?group_ids$/,
    reason: 'names of identities are listed in their order',
    byChance: true,
  },
  {
    request: /^(GET|POST) identity\/(entity|lookup)/,
    at: /\.(aliases|custom_metadata(\.k)?)$/,
    reason: 'a change of an alias that is refused changes nothing of it',
  },
  {
    request: /^POST identity\/entity-alias/,
    at: /^status 20[04]\/20[04]$/,
    reason: 'a change of an alias that is refused changes nothing of it',
  },
  {
    request: /^LIST identity\//,
    at: /keys$/,
    reason: 'names of identities are listed in their order',
    byChance: true,
  },
  {
    request: /^\w+ sys\/(health|seal-status|leader|key-status)$/,
    at: anything,
    reason: 'the state of a node has the fields of Vault, and values of its own',
  },
  { request: /^GET sys\/audit$/, at: /file\/$/, reason: 'the two servers of the test have other audit devices' },
  {
    request: /^GET kv2\//,
    at: /^body\.(auth|data|errors|lease_\w+|renewable|request_id|warnings|wrap_info)$/,
    reason: 'a path that KV 2 does not have is an error with words, not an envelope with a warning',
  },
  {
    request: /^GET kv2\/(data|subkeys)\//,
    at: /^status (200|500)\/404$/,
    reason: 'a version below zero and a folder as a secret are not found',
    byChance: true,
  },
  {
    request: /^PATCH kv2\/(data|metadata)\//,
    at: /^body$/,
    reason: 'a patch of what is not there is 404 with the empty list of errors that every other 404 has',
  },
  {
    request: /^GET auth\/token\/lookup|unwrap$|^POST auth\/token\/lookup/,
    at: /^body\.data\.(display_name|issue_time|path|renewable)$/,
    reason: 'the root token of a development server is like the one that initialisation gives',
  },
  {
    request: /^GET auth\/token\/roles\//,
    at: /^body\.data\.(period|explicit_max_ttl)$/,
    reason: 'old names of a setting show its value whichever name it was written by',
  },
  {
    request: /^(GET|DELETE) auth\/approle\/role\//,
    at: /^body\.data\.(policies|period)$|^body\.warnings$/,
    reason: 'old names of AppRole and userpass settings are taken and not shown with the role or user',
  },
  {
    request: /^GET auth\/approle\/role\/\w+$/,
    at: /^body\.data\.secret_id_bound_cidrs$/,
    reason: 'a role without secret_id_bound_cidrs shows null, also where it was set to an empty list',
    byChance: true,
  },
  {
    request: /^(GET|POST) auth\/token\/lookup/,
    at: /^body\.data\.(period|explicit_max_ttl)$/,
    reason: 'a token of a token role shows the period and the explicit_max_ttl that it has from the role',
    byChance: true,
  },
  {
    request: /^POST auth\/token\/(create|renew)/,
    at: /^body\.auth\.token_policies$/,
    reason: 'a token without policies shows an empty list of them',
    byChance: true,
  },
  {
    request: /^POST auth\/token\/create/,
    at: /^body\.warnings$/,
    reason: 'a default TTL that is longer than a limit is shortened without a warning, since nobody asked for it',
    byChance: true,
  },
  ...renewals,
  {
    request: /^GET auth\/approle\/role\/\w+\/[\w-]+$/,
    at: /^body\.data\.(bound_cidr_list|(token|secret_id)_bound_cidrs)$/,
    reason: 'a setting that is a list is an empty list where it has no members',
  },
  {
    request: /^GET sys\/(mounts|auth)\/[\w/]+\/tune$/,
    at: /default_lease_ttl$/,
    reason: 'the default TTL that a mount shows is never longer than its longest',
    byChance: true,
  },
  {
    request: /^(POST|PATCH) kv2\/metadata\//,
    at: /^status 200\/204$/,
    reason: 'no warning tells that cas_required is set for the whole mount anyway',
    byChance: true,
  },
  {
    request: /resultant-acl$/,
    at: /exact_paths\.sys\/(renew|control-group\/request)$/,
    reason:
      'the default policy lets tokens renew leases by the old path sys/renew, and ask after what waits for approval, as in Vault',
  },
  {
    request: /^\w+ auth\/approle\/role\/\w+\/(bind-secret-id|role-id|bound-cidr-list)$/,
    at: /^status (404\/(200|204|400)|204\/400)$|^body\.errors$/,
    reason: 'bind-secret-id is there, as in Vault, and a setting without a value is refused',
  },
  {
    request: /^POST auth\/approle\/role\/\w+\/secret-id-accessor\/lookup$/,
    at: /^body|^status 204\/404$/,
    reason: 'an accessor that is not there is an error, not data that holds one',
  },
  {
    request: /^POST auth\/approle\/role\/\w+\/secret-id-accessor\/destroy$/,
    at: /^status (500|403)\/204$/,
    reason: 'destroying what is not there changes nothing, and is no error',
  },
  {
    request: /^POST auth\/approle\/login$/,
    at: /^status 400\/403$|^body/,
    reason:
      'a role-id that nobody has is locked out like one that somebody has, so that the answers do not tell them apart',
  },
  {
    request: /^LIST auth\/token\/accessors$/,
    at: /keys$/,
    reason: 'accessors are listed in an order of their own',
  },
  {
    request: /^(GET|LIST) sys\/polic(y|ies\/acl)$/,
    at: /keys$|policies$|^status 405\/200$/,
    reason: 'policies are listed in the order of their names, `root` too, also by GET',
  },
  {
    request: /^GET sys\/polic(y|ies\/acl)\//,
    at: /allow_\w+_in_identity_templates$|cas_required$|modified$|version$|\.(policy|rules)$/,
    reason:
      'a policy shows its version and end only where they were asked for, and the default policy is in words of its own',
  },
  {
    request: /^(POST|PUT|GET|DELETE) sys\/polic(y|ies\/acl)\//,
    at: /^status (204\/400|200\/404)$/,
    reason: 'a star in the middle of a policy path is refused: it would match nothing',
  },
  {
    request: /^(LIST|GET) sys\/(auth|mounts\/?)$/,
    at: /^status 404\/(200|405)$/,
    reason: 'sys/mounts/ is sys/mounts, and listing what only reads is 405',
    byChance: true,
  },
  {
    request: /^LIST sys\/leases\/lookup$/,
    at: /^body\.data\.keys|^status 200\/404$/,
    reason: 'wrapped responses are no leases: nobody renews or revokes one by the path that it answers',
  },
  {
    request: /^POST sys\/remount$/,
    at: /migration_id$|^body\.warnings$/,
    reason: 'the id of a move lies in `data` alone',
  },
];
