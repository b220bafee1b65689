package clients

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

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
