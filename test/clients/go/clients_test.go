// Package clients drives a server by the official Go client. VAULT_ADDR is a development server with VAULT_TOKEN as its
// root token; NEW_SERVERS are servers that nobody has initialised, each as address|folder, whose audit devices may write to
// that folder; LEASES_ADDR is a server with LEASES_TOKEN as its root token whose mount db gives leased users; LOCKSTEP is
// the executable.
package clients

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

var ctx = context.Background()

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// status fails the test unless err is a reply of the server with this status.
func status(t *testing.T, err error, want int) {
	t.Helper()
	var reply *vault.ResponseError
	if !errors.As(err, &reply) {
		t.Fatalf("got %v, want a reply with status %d", err, want)
	}
	equal(t, reply.StatusCode, want)
}

func clientAt(t *testing.T, address string) *vault.Client {
	t.Helper()
	config := vault.DefaultConfig()
	config.Address = address
	config.MaxRetries = 0
	return must[*vault.Client](t)(vault.NewClient(config))
}

func rootClient(t *testing.T) *vault.Client {
	t.Helper()
	client := clientAt(t, os.Getenv("VAULT_ADDR"))
	client.SetToken(os.Getenv("VAULT_TOKEN"))
	return client
}

func enable(t *testing.T, client *vault.Client, path, kind string, options map[string]string) {
	t.Helper()
	check(t, client.Sys().Mount(path, &vault.MountInput{Type: kind, Options: options}))
	t.Cleanup(func() { _ = client.Sys().Unmount(path) })
}

// withPolicy makes a client whose token has this policy alone.
func withPolicy(t *testing.T, root *vault.Client, name, rules string) *vault.Client {
	t.Helper()
	check(t, root.Sys().PutPolicy(name, rules))
	t.Cleanup(func() { _ = root.Sys().DeletePolicy(name) })
	request := &vault.TokenCreateRequest{Policies: []string{name}, NoDefaultPolicy: true}
	made := must[*vault.Secret](t)(root.Auth().Token().Create(request))
	client := must[*vault.Client](t)(root.Clone())
	client.SetToken(made.Auth.ClientToken)
	return client
}

type data = map[string]any

func write(t *testing.T, client *vault.Client, path string, body data) data {
	t.Helper()
	secret := must[*vault.Secret](t)(client.Logical().Write(path, body))
	if secret == nil {
		return nil
	}
	return secret.Data
}

func read(t *testing.T, client *vault.Client, path string) data {
	t.Helper()
	secret := must[*vault.Secret](t)(client.Logical().Read(path))
	if secret == nil {
		t.Fatalf("there is nothing at %s", path)
	}
	return secret.Data
}

func keys(t *testing.T, client *vault.Client, path string) string {
	t.Helper()
	secret := must[*vault.Secret](t)(client.Logical().List(path))
	if secret == nil {
		return ""
	}
	names := []string{}
	for _, name := range secret.Data["keys"].([]any) {
		names = append(names, name.(string))
	}
	return strings.Join(names, " ")
}

// as is a client of the same server and namespace with another token.
func as(t *testing.T, client *vault.Client, token string) *vault.Client {
	t.Helper()
	other := must[*vault.Client](t)(client.CloneWithHeaders())
	other.SetToken(token)
	return other
}

func createToken(t *testing.T, client *vault.Client, request *vault.TokenCreateRequest) *vault.SecretAuth {
	t.Helper()
	return must[*vault.Secret](t)(client.Auth().Token().Create(request)).Auth
}

// A server of a test's own, unsealed.
type ownServer struct {
	root   *vault.Client
	keys   []string
	folder string
}

func newAddress(t *testing.T) (address, folder string) {
	t.Helper()
	first, rest, _ := strings.Cut(os.Getenv("NEW_SERVERS"), ",")
	check(t, os.Setenv("NEW_SERVERS", rest))
	address, folder, found := strings.Cut(first, "|")
	if !found {
		t.Fatal("the tests need one more server in NEW_SERVERS")
	}
	return address, folder
}

// ownInitialised takes a server of NEW_SERVERS, with three keys of which two are needed.
func ownInitialised(t *testing.T) ownServer {
	t.Helper()
	address, folder := newAddress(t)
	root := clientAt(t, address)
	made := must[*vault.InitResponse](t)(root.Sys().Init(&vault.InitRequest{SecretShares: 3, SecretThreshold: 2}))
	root.SetToken(made.RootToken)
	unseal(t, root, made.Keys[:2])
	return ownServer{root: root, keys: made.Keys, folder: folder}
}

func unseal(t *testing.T, client *vault.Client, keys []string) {
	t.Helper()
	sealed := true
	for _, key := range keys {
		sealed = must[*vault.SealStatusResponse](t)(client.Sys().Unseal(key)).Sealed
	}
	equal(t, sealed, false)
}

// number is a number of a reply, which the client reads as json.Number.
func number(t *testing.T, value any) int {
	t.Helper()
	return int(must[int64](t)(value.(json.Number).Int64()))
}
