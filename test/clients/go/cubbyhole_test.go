package clients

import (
	"net/http"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

func TestListAndCubbyhole(t *testing.T) {
	logical := rootClient(t).Logical()
	for _, name := range []string{"b", "a", "c/d"} {
		must[*vault.Secret](t)(logical.Write("cubbyhole/go/"+name, map[string]any{"x": 1}))
	}
	keys := must[*vault.Secret](t)(logical.List("cubbyhole/go")).Data["keys"].([]any)
	equal(t, len(keys), 3)
	equal(t, keys[0].(string)+keys[1].(string)+keys[2].(string), "abc/")
	for _, name := range []string{"b", "a", "c/d"} {
		must[*vault.Secret](t)(logical.Delete("cubbyhole/go/" + name))
	}
}

func TestNotFound(t *testing.T) {
	logical := rootClient(t).Logical()
	for _, path := range []string{"secret/data/none", "cubbyhole/none", "auth/token/roles/none"} {
		secret, err := logical.Read(path)
		check(t, err)
		equal(t, secret == nil, true)
	}
	secret, err := logical.List("secret/metadata/none")
	check(t, err)
	equal(t, secret == nil, true)
	_, err = logical.Read("no/such/mount")
	check(t, err)
	_, err = logical.Write("no/such/mount", map[string]any{"x": "y"})
	status(t, err, http.StatusNotFound)
}

// A cubbyhole is its token's alone, and ends with it.
func TestCubbyholeOfAToken(t *testing.T) {
	root := rootClient(t)
	one := as(t, root, createToken(t, root, &vault.TokenCreateRequest{Policies: []string{"default"}}).ClientToken)
	must[*vault.Secret](t)(one.Logical().Write("cubbyhole/mine", data{"x": "one"}))
	equal(t, read(t, one, "cubbyhole/mine")["x"].(string), "one")
	equal(t, keys(t, one, "cubbyhole"), "mine")
	other := must[*vault.Secret](t)(root.Logical().Read("cubbyhole/mine"))
	equal(t, other == nil, true)
	status(t, root.Sys().Unmount("cubbyhole"), http.StatusBadRequest)
	status(t, root.Sys().Mount("go-cubbyhole", &vault.MountInput{Type: "cubbyhole"}), http.StatusBadRequest)
	check(t, root.Auth().Token().RevokeTree(one.Token()))
	_, err := one.Logical().Read("cubbyhole/mine")
	status(t, err, http.StatusForbidden)
}
