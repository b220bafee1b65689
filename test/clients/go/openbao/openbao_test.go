package clients

import (
	"net/http"
	"testing"

	vault "github.com/openbao/openbao/api/v2"
)

func TestListAndScanInPages(t *testing.T) {
	root := rootClient(t)
	enable(t, root, "go-pages", "kv", map[string]string{"version": "1"})
	for _, name := range []string{"a", "b", "c/d", "c/e"} {
		check(t, root.KVv1("go-pages").Put(ctx, name, data{"x": "y"}))
	}
	page := must[*vault.Secret](t)(root.Logical().ListPage("go-pages", "a", 1)).Data["keys"].([]any)
	equal(t, len(page), 1)
	equal(t, page[0].(string), "b")
	all := must[*vault.Secret](t)(root.Logical().Scan("go-pages")).Data["keys"].([]any)
	equal(t, len(all), 4)
	equal(t, all[3].(string), "c/e")
	rest := must[*vault.Secret](t)(root.Logical().ScanPage("go-pages", "b", 1)).Data["keys"].([]any)
	equal(t, rest[0].(string), "c/d")
}

func TestRotateRootKeys(t *testing.T) {
	own := ownInitialised(t)
	sys := own.root.Sys()
	request := &vault.RotateInitRequest{SecretShares: 2, SecretThreshold: 2, RequireVerification: true}
	must[*vault.RotateStatusResponse](t)(sys.RotateRootInit(request))
	check(t, sys.RotateRootCancel())
	begun := must[*vault.RotateStatusResponse](t)(sys.RotateRootInit(request))
	must[*vault.RotateUpdateResponse](t)(sys.RotateRootUpdate(own.keys[0], begun.Nonce))
	equal(t, must[*vault.RotateStatusResponse](t)(sys.RotateRootStatus()).Progress, 1)
	fresh := must[*vault.RotateUpdateResponse](t)(sys.RotateRootUpdate(own.keys[1], begun.Nonce))
	equal(t, fresh.Complete && len(fresh.Keys) == 2, true)
	for _, key := range fresh.Keys {
		must[*vault.RotateVerificationUpdateResponse](t)(sys.RotateRootVerificationUpdate(key, fresh.VerificationNonce))
	}
	check(t, sys.RotateKeyring())
	check(t, sys.Seal())
	unseal(t, own.root, fresh.Keys)
	_, err := sys.RotateRecoveryInit(request)
	status(t, err, http.StatusBadRequest)
}

func TestInlineAuth(t *testing.T) {
	root := rootClient(t)
	roleID := appRole(t, root, data{"token_policies": "go-inline"})
	check(t, root.Sys().PutPolicy("go-inline", `path "secret/data/go/inline" { capabilities = ["read"] }`))
	t.Cleanup(func() { _ = root.Sys().DeletePolicy("go-inline") })
	must[*vault.KVSecret](t)(root.KVv2("secret").Put(ctx, "go/inline", data{"x": "y"}))
	secretID := write(t, root, "auth/approle/role/web/secret-id", nil)["secret_id"].(string)
	login := func(secretID string) *vault.Client {
		nobody := clientAt(t, root.Address())
		credentials := data{"role_id": roleID, "secret_id": secretID}
		return must[*vault.Client](t)(nobody.WithInlineAuth("auth/approle/login", credentials))
	}
	found := must[*vault.KVSecret](t)(login(secretID).KVv2("secret").Get(ctx, "go/inline"))
	equal(t, found.Data["x"].(string), "y")
	_, err := login("wrong").KVv2("secret").Get(ctx, "go/inline")
	equal(t, err != nil, true)
}
