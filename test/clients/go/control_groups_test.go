package clients

import (
	"net/http"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

// person makes a token with an entity of that name.
func person(t *testing.T, root *vault.Client, name string, policy string) (*vault.Client, *vault.SecretAuth) {
	t.Helper()
	request := &vault.TokenCreateRequest{EntityAlias: name, Policies: []string{"default", policy}}
	auth := must[*vault.Secret](t)(root.Auth().Token().CreateWithRole(request, "go-people")).Auth
	return as(t, root, auth.ClientToken), auth
}

func TestControlGroup(t *testing.T) {
	root := rootClient(t)
	for name, rules := range map[string]string{
		"go-asks": `path "secret/data/go/payroll" {
			capabilities = ["read", "update"]
			control_group = { ttl = "1h" factor "ops" { controlled_capabilities = ["read"]
				identity { group_names = ["go-managers"] approvals = 2 } } } }`,
		"go-approves": `path "sys/control-group/authorize" { capabilities = ["update"] }`,
	} {
		check(t, root.Sys().PutPolicy(name, rules))
		t.Cleanup(func() { _ = root.Sys().DeletePolicy(name) })
	}
	write(t, root, "auth/token/roles/go-people", data{
		"allowed_entity_aliases": "*", "allowed_policies": "default,go-asks,go-approves",
	})
	must[*vault.KVSecret](t)(root.KVv2("secret").Put(ctx, "go/payroll", data{"sum": "4711"}))
	asker, _ := person(t, root, "asker", "go-asks")
	first, one := person(t, root, "first", "go-approves")
	second, two := person(t, root, "second", "go-approves")
	stranger, _ := person(t, root, "stranger", "go-approves")
	write(t, root, "identity/group/name/go-managers", data{"member_entity_ids": []string{one.EntityID, two.EntityID}})
	t.Cleanup(func() { _, _ = root.Logical().Delete("identity/group/name/go-managers") })

	info := must[*vault.Secret](t)(asker.Logical().Read("secret/data/go/payroll")).WrapInfo
	equal(t, info != nil && info.TTL == 3600, true)
	accessor := data{"accessor": info.Accessor}
	_, err := asker.Logical().Unwrap(info.Token)
	status(t, err, http.StatusBadRequest)
	_, err = stranger.Logical().Write("sys/control-group/authorize", accessor)
	status(t, err, http.StatusForbidden)
	equal(t, write(t, first, "sys/control-group/authorize", accessor)["approved"].(bool), false)
	// The same approver once more is still one.
	equal(t, write(t, first, "sys/control-group/authorize", accessor)["approved"].(bool), false)
	standing := write(t, asker, "sys/control-group/request", accessor)
	equal(t, standing["approved"].(bool), false)
	equal(t, standing["request_path"].(string), "secret/data/go/payroll")
	equal(t, write(t, second, "sys/control-group/authorize", accessor)["approved"].(bool), true)
	opened := must[*vault.Secret](t)(asker.Logical().Unwrap(info.Token))
	equal(t, opened.Data["data"].(data)["sum"].(string), "4711")
	_, err = asker.Logical().Unwrap(info.Token)
	equal(t, err != nil, true)
	// What the factor does not control waits for nobody.
	must[*vault.KVSecret](t)(asker.KVv2("secret").Put(ctx, "go/payroll", data{"sum": "1"}))
}
