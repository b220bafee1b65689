package clients

import (
	"net/http"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

func TestIdentity(t *testing.T) {
	root := rootClient(t)
	check(t, root.Sys().EnableAuthWithOptions("go-identity", &vault.EnableAuthOptions{Type: "userpass"}))
	t.Cleanup(func() { _ = root.Sys().DisableAuth("go-identity") })
	accessor := must[map[string]*vault.AuthMount](t)(root.Sys().ListAuth())["go-identity/"].Accessor
	write(t, root, "auth/go-identity/users/ada", data{"password": "pw-4711"})

	entity := write(t, root, "identity/entity", data{"name": "go-ada", "metadata": data{"team": "a"}, "policies": "default"})
	id := entity["id"].(string)
	t.Cleanup(func() { _, _ = root.Logical().Delete("identity/entity/id/" + id) })
	alias := write(t, root, "identity/entity-alias", data{"name": "ada", "canonical_id": id, "mount_accessor": accessor})
	equal(t, read(t, root, "identity/entity-alias/id/"+alias["id"].(string))["name"].(string), "ada")
	equal(t, read(t, root, "identity/entity/name/go-ada")["metadata"].(data)["team"].(string), "a")
	found := write(t, root, "identity/lookup/entity", data{"alias_name": "ada", "alias_mount_accessor": accessor})
	equal(t, found["id"].(string), id)

	check(t, root.Sys().PutPolicy("go-group", `path "secret/data/{{identity.entity.metadata.team}}/*" { capabilities = ["read"] }`))
	t.Cleanup(func() { _ = root.Sys().DeletePolicy("go-group") })
	group := write(t, root, "identity/group", data{"name": "go-group", "policies": "go-group", "member_entity_ids": []string{id}})
	t.Cleanup(func() { _, _ = root.Logical().Delete("identity/group/id/" + group["id"].(string)) })
	outer := write(t, root, "identity/group", data{"name": "go-outer", "member_group_ids": []any{group["id"]}})
	t.Cleanup(func() { _, _ = root.Logical().Delete("identity/group/id/" + outer["id"].(string)) })

	auth := must[*vault.Secret](t)(as(t, root, "").Logical().Write("auth/go-identity/login/ada", data{"password": "pw-4711"})).Auth
	equal(t, auth.EntityID, id)
	equal(t, auth.IdentityPolicies[len(auth.IdentityPolicies)-1], "go-group")
	must[*vault.KVSecret](t)(root.KVv2("secret").Put(ctx, "a/x", data{"x": "y"}))
	ada := as(t, root, auth.ClientToken)
	must[*vault.KVSecret](t)(ada.KVv2("secret").Get(ctx, "a/x"))
	// Taken out of the group, the same token loses what the group gave.
	write(t, root, "identity/group/id/"+group["id"].(string), data{"member_entity_ids": []string{}})
	_, err := ada.KVv2("secret").Get(ctx, "a/x")
	status(t, err, http.StatusForbidden)
	write(t, root, "identity/entity/id/"+id, data{"disabled": true})
	_, err = ada.Auth().Token().LookupSelf()
	status(t, err, http.StatusForbidden)
}

func TestMergedEntities(t *testing.T) {
	root := rootClient(t)
	make := func(name string) string {
		id := write(t, root, "identity/entity", data{"name": name})["id"].(string)
		t.Cleanup(func() { _, _ = root.Logical().Delete("identity/entity/id/" + id) })
		return id
	}
	to, from := make("go-to"), make("go-from")
	write(t, root, "identity/entity/merge", data{"to_entity_id": to, "from_entity_ids": []string{from}})
	gone := must[*vault.Secret](t)(root.Logical().Read("identity/entity/id/" + from))
	equal(t, gone == nil, true)
	equal(t, read(t, root, "identity/entity/id/"+to)["name"].(string), "go-to")
}

func TestIdentityTokens(t *testing.T) {
	root := rootClient(t)
	write(t, root, "identity/oidc/key/go", data{"allowed_client_ids": "*", "rotation_period": "1h", "verification_ttl": "1h"})
	t.Cleanup(func() { _, _ = root.Logical().Delete("identity/oidc/key/go") })
	role := write(t, root, "identity/oidc/role/go", data{"key": "go", "ttl": "10m"})
	equal(t, role == nil, true)
	t.Cleanup(func() { _, _ = root.Logical().Delete("identity/oidc/role/go") })
	write(t, root, "auth/token/roles/go-identity", data{"allowed_entity_aliases": "*"})
	request := &vault.TokenCreateRequest{EntityAlias: "go-signed", Policies: []string{"default", "go-signs"}}
	check(t, root.Sys().PutPolicy("go-signs", `path "identity/oidc/token/go" { capabilities = ["read"] }`))
	t.Cleanup(func() { _ = root.Sys().DeletePolicy("go-signs") })
	auth := must[*vault.Secret](t)(root.Auth().Token().CreateWithRole(request, "go-identity")).Auth
	token := read(t, as(t, root, auth.ClientToken), "identity/oidc/token/go")["token"].(string)
	active := must[*vault.Secret](t)(root.Logical().Write("identity/oidc/introspect", data{"token": token}))
	equal(t, active != nil, true)
}
