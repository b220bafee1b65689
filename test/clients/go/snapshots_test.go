package clients

import (
	"bytes"
	"net/http"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

func TestSnapshots(t *testing.T) {
	own := ownInitialised(t)
	sys := own.root.Sys()
	enable(t, own.root, "kv", "kv", map[string]string{"version": "2"})
	kv := own.root.KVv2("kv")
	must[*vault.KVSecret](t)(kv.Put(ctx, "a", data{"x": "before"}))
	check(t, own.root.Sys().PutPolicy("reader", `path "kv/data/*" { capabilities = ["read"] }`))
	check(t, sys.EnableAuthWithOptions("userpass", &vault.EnableAuthOptions{Type: "userpass"}))
	write(t, own.root, "auth/userpass/users/ada", data{"password": "pw-4711", "token_policies": "reader"})
	var snapshot bytes.Buffer
	check(t, sys.RaftSnapshot(&snapshot))
	equal(t, bytes.Contains(snapshot.Bytes(), []byte("before")), false)
	must[*vault.KVSecret](t)(kv.Put(ctx, "a", data{"x": "after"}))
	other := createToken(t, own.root, &vault.TokenCreateRequest{})

	flipped := bytes.Clone(snapshot.Bytes())
	flipped[len(flipped)/2] ^= 1
	for _, broken := range [][]byte{flipped, snapshot.Bytes()[:snapshot.Len()/2], nil} {
		equal(t, sys.RaftSnapshotRestore(bytes.NewReader(broken), false) != nil, true)
	}
	equal(t, must[*vault.KVSecret](t)(kv.Get(ctx, "a")).Data["x"].(string), "after")
	check(t, sys.RaftSnapshotRestore(bytes.NewReader(snapshot.Bytes()), false))
	unsealAgain(t, own.root, own.keys)
	login := must[*vault.Secret](t)(as(t, own.root, "").Logical().Write("auth/userpass/login/ada", data{"password": "pw-4711"}))
	ada := as(t, own.root, login.Auth.ClientToken)
	equal(t, must[*vault.KVSecret](t)(ada.KVv2("kv").Get(ctx, "a")).Data["x"].(string), "before")
	// All tokens from before are revoked.
	_, err := kv.Get(ctx, "a")
	status(t, err, http.StatusForbidden)
	_, err = as(t, own.root, other.ClientToken).Auth().Token().LookupSelf()
	status(t, err, http.StatusForbidden)
}

func unsealAgain(t *testing.T, client *vault.Client, keys []string) {
	t.Helper()
	if must[*vault.SealStatusResponse](t)(client.Sys().SealStatus()).Sealed {
		unseal(t, client, keys[:2])
	}
}
