package clients

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	vault "github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"
)

func appRole(t *testing.T, root *vault.Client, role map[string]any) (roleID string) {
	t.Helper()
	check(t, root.Sys().EnableAuthWithOptions("approle", &vault.EnableAuthOptions{Type: "approle"}))
	t.Cleanup(func() { _ = root.Sys().DisableAuth("approle") })
	must[*vault.Secret](t)(root.Logical().Write("auth/approle/role/web", role))
	return must[*vault.Secret](t)(root.Logical().Read("auth/approle/role/web/role-id")).Data["role_id"].(string)
}

func TestAppRoleLogin(t *testing.T) {
	root := rootClient(t)
	roleID := appRole(t, root, map[string]any{"token_policies": "default", "token_ttl": "10m"})
	made := must[*vault.Secret](t)(root.Logical().Write("auth/approle/role/web/secret-id", nil))
	secretID := &approle.SecretID{FromString: made.Data["secret_id"].(string)}
	login := must[*approle.AppRoleAuth](t)(approle.NewAppRoleAuth(roleID, secretID))
	client := clientAt(t, root.Address())
	secret := must[*vault.Secret](t)(client.Auth().Login(ctx, login))
	equal(t, secret.Auth.LeaseDuration, 600)
	equal(t, secret.Auth.Metadata["role_name"], "web")
	self := must[*vault.Secret](t)(client.Auth().Token().LookupSelf())
	equal(t, self.Data["path"].(string), "auth/approle/login")
	wrong := must[*approle.AppRoleAuth](t)(approle.NewAppRoleAuth(roleID, &approle.SecretID{FromString: "wrong"}))
	_, err := clientAt(t, root.Address()).Auth().Login(ctx, wrong)
	status(t, err, http.StatusBadRequest)
}

// The way that HashiCorp recommends: the secret-id is handed over wrapped.
func TestAppRoleLoginWithWrappedSecretID(t *testing.T) {
	root := rootClient(t)
	roleID := appRole(t, root, map[string]any{"token_policies": "default", "secret_id_num_uses": 1})
	wrapping := must[*vault.Client](t)(root.Clone())
	wrapping.SetToken(root.Token())
	wrapping.SetWrappingLookupFunc(func(string, string) string { return "1m" })
	made := must[*vault.Secret](t)(wrapping.Logical().Write("auth/approle/role/web/secret-id", nil))
	equal(t, made.WrapInfo.CreationPath, "auth/approle/role/web/secret-id")
	file := filepath.Join(t.TempDir(), "wrapped")
	check(t, os.WriteFile(file, []byte(made.WrapInfo.Token), 0o600))
	secretID := &approle.SecretID{FromFile: file}
	login := must[*approle.AppRoleAuth](t)(approle.NewAppRoleAuth(roleID, secretID, approle.WithWrappingToken()))
	client := clientAt(t, root.Address())
	equal(t, must[*vault.Secret](t)(client.Auth().Login(ctx, login)).Auth.ClientToken != "", true)
	_, err := clientAt(t, root.Address()).Auth().Login(ctx, login)
	status(t, err, http.StatusBadRequest)
}

func TestWrapLookupRewrapUnwrap(t *testing.T) {
	root := rootClient(t)
	logical := root.Logical()
	made := must[*vault.Secret](t)(logical.Write("sys/wrapping/wrap", map[string]any{"x": "y"}))
	equal(t, made.WrapInfo.TTL, 300)
	token := map[string]any{"token": made.WrapInfo.Token}
	look := must[*vault.Secret](t)(logical.Write("sys/wrapping/lookup", token))
	equal(t, look.Data["creation_path"].(string), "sys/wrapping/wrap")
	again := must[*vault.Secret](t)(logical.Write("sys/wrapping/rewrap", token))
	equal(t, again.WrapInfo.TTL, 300)
	equal(t, must[*vault.Secret](t)(logical.Unwrap(again.WrapInfo.Token)).Data["x"].(string), "y")
	_, err := logical.Unwrap(again.WrapInfo.Token)
	status(t, err, http.StatusBadRequest)
	_, err = logical.Unwrap(made.WrapInfo.Token)
	status(t, err, http.StatusBadRequest)
}

func TestTokens(t *testing.T) {
	root := rootClient(t)
	request := &vault.TokenCreateRequest{Policies: []string{"default"}, TTL: "1h", Metadata: map[string]string{"a": "b"}}
	parent := must[*vault.Secret](t)(root.Auth().Token().Create(request)).Auth
	tokens := root.Auth().Token()
	look := must[*vault.Secret](t)(tokens.LookupAccessor(parent.Accessor))
	equal(t, look.Data["id"].(string), "")
	equal(t, must[time.Duration](t)(look.TokenTTL()) > 59*time.Minute, true)
	equal(t, must[*vault.Secret](t)(tokens.RenewAccessor(parent.Accessor, 60)).Auth.LeaseDuration, 60)
	check(t, tokens.RevokeAccessor(parent.Accessor))
	_, err := tokens.Lookup(parent.ClientToken)
	status(t, err, http.StatusForbidden)
	role := map[string]any{"allowed_policies": "default", "orphan": true, "token_period": "1h"}
	must[*vault.Secret](t)(root.Logical().Write("auth/token/roles/go", role))
	byRole := must[*vault.Secret](t)(tokens.CreateWithRole(&vault.TokenCreateRequest{}, "go"))
	equal(t, byRole.Auth.LeaseDuration, 3600)
	equal(t, must[*vault.Secret](t)(tokens.Lookup(byRole.Auth.ClientToken)).Data["orphan"].(bool), true)
	check(t, tokens.RevokeTree(byRole.Auth.ClientToken))
}

// A watcher keeps a token alive by itself, until it cannot be renewed any more.
func TestLifetimeWatcher(t *testing.T) {
	root := rootClient(t)
	request := &vault.TokenCreateRequest{Policies: []string{"default"}, TTL: "2s", ExplicitMaxTTL: "4s"}
	secret := must[*vault.Secret](t)(root.Auth().Token().Create(request))
	client := must[*vault.Client](t)(root.Clone())
	client.SetToken(secret.Auth.ClientToken)
	watcher := must[*vault.LifetimeWatcher](t)(client.NewLifetimeWatcher(&vault.LifetimeWatcherInput{Secret: secret}))
	go watcher.Start()
	defer watcher.Stop()
	renewals := 0
	late := time.After(20 * time.Second)
	for {
		select {
		case <-watcher.RenewCh():
			renewals++
		case err := <-watcher.DoneCh():
			check(t, err)
			equal(t, renewals > 0, true)
			return
		case <-late:
			t.Fatal("the watcher went on beyond the explicit maximum")
		}
	}
}
