package clients

import (
	"net/http"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

// namespace makes one for a test, and a client for it.
func namespace(t *testing.T, parent *vault.Client, name string) *vault.Client {
	t.Helper()
	write(t, parent, "sys/namespaces/"+name, data{"custom_metadata": data{"owner": "ada"}})
	t.Cleanup(func() { _, _ = parent.Logical().Delete("sys/namespaces/" + name) })
	path := name
	if parent.Namespace() != "" {
		path = parent.Namespace() + "/" + name
	}
	return parent.WithNamespace(path)
}

func TestNamespaces(t *testing.T) {
	root := rootClient(t)
	team := namespace(t, root, "go-team")
	inner := namespace(t, team, "inner")
	equal(t, keys(t, team, "sys/namespaces"), "inner/")
	must[*vault.Secret](t)(root.Logical().JSONMergePatch(ctx, "sys/namespaces/go-team", data{
		"custom_metadata": data{"owner": nil, "tier": "gold"},
	}))
	metadata := read(t, root, "sys/namespaces/go-team")["custom_metadata"].(data)
	equal(t, len(metadata), 1)
	equal(t, metadata["tier"].(string), "gold")
	equal(t, read(t, team, "sys/namespaces/inner")["path"].(string), "go-team/inner/")

	enable(t, inner, "secret", "kv", map[string]string{"version": "2"})
	must[*vault.KVSecret](t)(inner.KVv2("secret").Put(ctx, "a", data{"x": "inner"}))
	// By header, by path, and by both.
	equal(t, must[*vault.KVSecret](t)(root.KVv2("go-team/inner/secret").Get(ctx, "a")).Data["x"].(string), "inner")
	equal(t, must[*vault.KVSecret](t)(team.KVv2("inner/secret").Get(ctx, "a")).Data["x"].(string), "inner")
	equal(t, must[map[string]*vault.MountOutput](t)(team.Sys().ListMounts())["secret/"] == nil, true)

	_, err := root.Logical().Delete("sys/namespaces/go-team")
	status(t, err, http.StatusBadRequest)
	_, err = root.WithNamespace("go-none").Sys().ListPolicies()
	status(t, err, http.StatusNotFound)
}

func TestTokensOfNamespaces(t *testing.T) {
	root := rootClient(t)
	team, other := namespace(t, root, "go-team"), namespace(t, root, "go-other")
	inner := namespace(t, team, "inner")
	check(t, team.Sys().PutPolicy("all", `path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }`))
	auth := createToken(t, team, &vault.TokenCreateRequest{Policies: []string{"all"}})
	member := as(t, team, auth.ClientToken)
	must[[]string](t)(member.Sys().ListPolicies())
	must[[]string](t)(member.WithNamespace("go-team/inner").Sys().ListPolicies())
	for _, elsewhere := range []string{"", "go-other"} {
		client := as(t, root, auth.ClientToken)
		if elsewhere != "" {
			client.SetNamespace(elsewhere)
		}
		_, err := client.Sys().ListPolicies()
		status(t, err, http.StatusForbidden)
	}
	// An accessor is found in its own namespace alone.
	must[*vault.Secret](t)(team.Auth().Token().LookupAccessor(auth.Accessor))
	for _, client := range []*vault.Client{other, inner} {
		_, err := client.Auth().Token().LookupAccessor(auth.Accessor)
		status(t, err, http.StatusBadRequest)
	}
	status(t, member.Sys().Seal(), http.StatusBadRequest)
}

func TestLockAndDeleteNamespace(t *testing.T) {
	root := rootClient(t)
	team := namespace(t, root, "go-locked")
	inner := namespace(t, team, "inner")
	auth := createToken(t, inner, &vault.TokenCreateRequest{})
	key := write(t, root, "sys/namespaces/api-lock/lock/go-locked", nil)["unlock_key"].(string)
	for _, client := range []*vault.Client{team, inner} {
		_, err := client.Sys().ListPolicies()
		status(t, err, http.StatusServiceUnavailable)
	}
	wrong := data{"unlock_key": "wrong"}
	_, err := as(t, root, "").Logical().Write("sys/namespaces/api-lock/unlock/go-locked", wrong)
	status(t, err, http.StatusForbidden)
	write(t, root, "sys/namespaces/api-lock/unlock/go-locked", data{"unlock_key": key})
	must[[]string](t)(inner.Sys().ListPolicies())
	must[*vault.Secret](t)(as(t, inner, auth.ClientToken).Auth().Token().LookupSelf())
	_, err = team.Logical().Delete("sys/namespaces/inner")
	check(t, err)
	_, err = as(t, inner, auth.ClientToken).Auth().Token().LookupSelf()
	equal(t, err != nil, true)
	equal(t, keys(t, team, "sys/namespaces"), "")
}
