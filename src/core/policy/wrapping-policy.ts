/** The policy of tokens that hold one wrapped reply. Nobody writes, deletes or assigns it. */
export const WRAPPING_POLICY = 'response-wrapping';

export const wrappingPolicy = `
path "cubbyhole/response" {
  capabilities = ["create", "read"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
`;
