#!/bin/sh
# First steps at a development server: `lockstep server -dev` in one terminal, then this in another with the two
# variables that it printed (VAULT_ADDR, VAULT_TOKEN). Lockstep is `bin/lockstep` of the clone, or what LOCKSTEP names.
set -eu
lockstep=${LOCKSTEP:-$(dirname "$0")/../../bin/lockstep}

# A secret, and another version of it. secret/ is there already in a development server.
"$lockstep" kv put -mount=secret app/db username=app password=first
"$lockstep" kv put -mount=secret app/db username=app password=second
"$lockstep" kv get -mount=secret app/db
"$lockstep" kv get -mount=secret -version=1 -field=password app/db
echo

# A policy, and a machine that logs in under it with a role-id and a secret-id.
"$lockstep" auth enable approle
"$lockstep" policy write app - <<'POLICY'
path "secret/data/app/*" {
  capabilities = ["read"]
}
POLICY
"$lockstep" write auth/approle/role/app token_policies=app token_ttl=20m
role_id=$("$lockstep" read -field=role_id auth/approle/role/app/role-id)
secret_id=$("$lockstep" write -f -field=secret_id auth/approle/role/app/secret-id)
token=$("$lockstep" write -field=token auth/approle/login role_id="$role_id" secret_id="$secret_id")

# Its token reads, and does not write.
VAULT_TOKEN=$token "$lockstep" kv get -mount=secret -field=password app/db
echo
if VAULT_TOKEN=$token "$lockstep" kv put -mount=secret app/db password=third; then
  echo 'this should have been refused' >&2
  exit 1
fi
VAULT_TOKEN=$token "$lockstep" token revoke -self
