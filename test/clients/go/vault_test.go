package clients

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

// What Vault's package can do and OpenBao's cannot.

func TestSingleMountsAndTheirTuning(t *testing.T) {
	root := rootClient(t)
	equal(t, must[*vault.MountOutput](t)(root.Sys().GetMount("secret")).Options["version"], "2")
	equal(t, must[*vault.AuthMount](t)(root.Sys().GetAuth("token")).Type, "token")
	enable(t, root, "go-nil", "kv", nil)
	hour, nothing := "1h", ""
	check(t, root.Sys().TuneMountAllowNil("go-nil", vault.TuneMountConfigInput{MaxLeaseTTL: &hour, Description: &hour}))
	check(t, root.Sys().TuneMountAllowNil("go-nil", vault.TuneMountConfigInput{Description: &nothing}))
	mount := must[*vault.MountOutput](t)(root.Sys().GetMount("go-nil"))
	equal(t, mount.Description, "")
	equal(t, mount.Config.MaxLeaseTTL, 3600)
	equal(t, must[*vault.HealthResponse](t)(root.Sys().Health()).Enterprise, false)
}

func TestCapabilitiesByAccessor(t *testing.T) {
	root := rootClient(t)
	auth := createToken(t, root, &vault.TokenCreateRequest{Policies: []string{"default"}})
	allowed := must[[]string](t)(root.Sys().CapabilitiesAccessor(auth.Accessor, "auth/token/lookup-self"))
	equal(t, strings.Join(allowed, " "), "read")
}

func TestCancellingARekeyByItsNonce(t *testing.T) {
	own := ownInitialised(t)
	request := &vault.RekeyInitRequest{SecretShares: 1, SecretThreshold: 1}
	begun := must[*vault.RekeyStatusResponse](t)(own.root.Sys().RekeyInit(request))
	check(t, own.root.Sys().RekeyCancelWithNonce(begun.Nonce))
	equal(t, must[*vault.RekeyStatusResponse](t)(own.root.Sys().RekeyStatus()).Started, false)
}

// One secret comes back out of a snapshot, beside what has been written since.
func TestRecoveringOneSecret(t *testing.T) {
	root := rootClient(t)
	enable(t, root, "go-recover", "kv", map[string]string{"version": "1"})
	kv := root.KVv1("go-recover")
	check(t, kv.Put(ctx, "a", data{"x": "before"}))
	check(t, kv.Put(ctx, "b", data{"x": "before"}))
	var snapshot bytes.Buffer
	check(t, root.Sys().RaftSnapshot(&snapshot))
	check(t, kv.Put(ctx, "a", data{"x": "after"}))
	check(t, kv.Put(ctx, "b", data{"x": "after"}))
	loaded := must[*vault.Secret](t)(root.Sys().RaftLoadLocalSnapshot(&snapshot))
	id := loaded.Data["snapshot_id"].(string)
	old := must[*vault.Secret](t)(root.Logical().ReadFromSnapshot("go-recover/a", id))
	equal(t, old.Data["x"].(string), "before")
	_, err := root.Logical().Recover(ctx, "go-recover/a", id)
	check(t, err)
	equal(t, must[*vault.KVSecret](t)(kv.Get(ctx, "a")).Data["x"].(string), "before")
	equal(t, must[*vault.KVSecret](t)(kv.Get(ctx, "b")).Data["x"].(string), "after")
	_, err = root.Sys().RaftUnloadSnapshot(id)
	check(t, err)
	_, err = root.Logical().ReadFromSnapshot("go-recover/a", id)
	status(t, err, http.StatusBadRequest)
}
