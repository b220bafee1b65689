/** The policy of tokens that hold one wrapped reply. Nobody writes, deletes or assigns it. */
export const WRAPPING_POLICY = 'response-wrapping';

const wrappingPolicy = `
path "cubbyhole/response" {
  capabilities = ["create", "read"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
`;

/** The policy of tokens that stand for a request until it is approved, as Vault calls it. Nobody writes or assigns it. */
export const CONTROL_POLICY = 'control-group';

const controlPolicy = `
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
`;

/** The policy of access tokens of OIDC providers. Nobody writes or assigns it. */
export const ACCESS_TOKEN_POLICY = 'oidc-access-token';

const accessTokenPolicy = `
path "identity/oidc/provider/+/userinfo" {
  capabilities = ["read", "update"]
}
`;

const documents: ReadonlyMap<string, string> = new Map([
  [WRAPPING_POLICY, wrappingPolicy],
  [CONTROL_POLICY, controlPolicy],
  [ACCESS_TOKEN_POLICY, accessTokenPolicy],
]);

/** Of a policy of the core's own tokens; undefined for any other name. */
export const ownDocument = (name: string): string | undefined => documents.get(name);
