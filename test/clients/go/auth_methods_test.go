package clients

import (
	"net/http"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

func TestAuthMethods(t *testing.T) {
	root := rootClient(t)
	sys := root.Sys()
	options := &vault.EnableAuthOptions{
		Type: "userpass", Description: "People", Config: vault.AuthConfigInput{DefaultLeaseTTL: "10m", TokenType: "default-service"},
	}
	check(t, sys.EnableAuthWithOptions("go-people", options))
	t.Cleanup(func() { _ = sys.DisableAuth("go-people") })
	mount := must[map[string]*vault.AuthMount](t)(sys.ListAuth())["go-people/"]
	equal(t, mount.Type+mount.Description, "userpassPeople")
	equal(t, mount.Config.DefaultLeaseTTL, 600)
	status(t, sys.EnableAuthWithOptions("go-people", options), http.StatusBadRequest)
	status(t, sys.EnableAuthWithOptions("go-unknown", &vault.EnableAuthOptions{Type: "no-such"}), http.StatusBadRequest)
	tune := vault.MountConfigInput{MaxLeaseTTL: "30m", TokenType: "batch", ListingVisibility: "unauth"}
	check(t, sys.TuneMount("auth/go-people", tune))
	config := must[*vault.MountConfigOutput](t)(sys.MountConfig("auth/go-people"))
	equal(t, config.MaxLeaseTTL, 1800)
	equal(t, config.TokenType, "batch")

	login := func(path string) (*vault.Secret, error) {
		return as(t, root, "").Logical().Write(path+"/login/ada", data{"password": "pw-4711"})
	}
	write(t, root, "auth/go-people/users/ada", data{"password": "pw-4711", "token_policies": "default"})
	auth := must[*vault.Secret](t)(login("auth/go-people")).Auth
	equal(t, auth.Renewable || auth.Accessor != "", false)
	check(t, sys.Remount("auth/go-people", "auth/go-moved"))
	t.Cleanup(func() { _ = sys.DisableAuth("go-moved") })
	must[*vault.Secret](t)(login("auth/go-moved"))
	_, err := login("auth/go-people")
	status(t, err, http.StatusForbidden)
	check(t, sys.DisableAuth("go-moved"))
	equal(t, must[map[string]*vault.AuthMount](t)(sys.ListAuth())["go-moved/"] == nil, true)
	_, err = login("auth/go-moved")
	status(t, err, http.StatusForbidden)
	status(t, sys.DisableAuth("token"), http.StatusBadRequest)
}
