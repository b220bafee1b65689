package clients

import (
	"net/http"
	"sync"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

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

func wrapping(t *testing.T, client *vault.Client, ttl string) *vault.Client {
	t.Helper()
	other := as(t, client, client.Token())
	other.SetWrappingLookupFunc(func(string, string) string { return ttl })
	return other
}

func TestWrappedReply(t *testing.T) {
	root := rootClient(t)
	must[*vault.KVSecret](t)(root.KVv2("secret").Put(ctx, "go/wrapped", data{"x": "y"}))
	info := must[*vault.Secret](t)(wrapping(t, root, "2m").Logical().Read("secret/data/go/wrapped")).WrapInfo
	equal(t, info.TTL, 120)
	equal(t, info.CreationPath, "secret/data/go/wrapped")
	equal(t, info.CreationTime.IsZero(), false)
	// Who holds the wrapping token needs no other.
	holder := as(t, root, info.Token)
	opened := must[*vault.Secret](t)(holder.Logical().Unwrap(""))
	equal(t, opened.Data["data"].(data)["x"].(string), "y")
	_, err := holder.Logical().Unwrap("")
	status(t, err, http.StatusBadRequest)
}

// A wrapping token does nothing else, and trying ends it.
func TestMisusedWrappingToken(t *testing.T) {
	root := rootClient(t)
	info := must[*vault.Secret](t)(root.Logical().Write("sys/wrapping/wrap", data{"x": "y"})).WrapInfo
	holder := as(t, root, info.Token)
	_, err := holder.Auth().Token().LookupSelf()
	status(t, err, http.StatusForbidden)
	_, err = holder.Logical().Unwrap("")
	status(t, err, http.StatusBadRequest)
}

func TestWrappedLogin(t *testing.T) {
	root := rootClient(t)
	made := must[*vault.Secret](t)(wrapping(t, root, "1m").Auth().Token().Create(&vault.TokenCreateRequest{Policies: []string{"default"}}))
	equal(t, made.Auth == nil && made.WrapInfo.WrappedAccessor != "", true)
	auth := must[*vault.Secret](t)(root.Logical().Unwrap(made.WrapInfo.Token)).Auth
	equal(t, auth.Accessor, made.WrapInfo.WrappedAccessor)
	must[*vault.Secret](t)(as(t, root, auth.ClientToken).Auth().Token().LookupSelf())
}

// However many unwrap at the same moment, one gets it.
func TestUnwrapRace(t *testing.T) {
	root := rootClient(t)
	for range 20 {
		info := must[*vault.Secret](t)(root.Logical().Write("sys/wrapping/wrap", data{"x": "y"})).WrapInfo
		results := make(chan error, 16)
		var start sync.WaitGroup
		start.Add(1)
		for range cap(results) {
			client := as(t, root, info.Token)
			go func() {
				start.Wait()
				_, err := client.Logical().Unwrap("")
				results <- err
			}()
		}
		start.Done()
		opened := 0
		for range cap(results) {
			if err := <-results; err == nil {
				opened++
			} else {
				status(t, err, http.StatusBadRequest)
			}
		}
		equal(t, opened, 1)
	}
}
