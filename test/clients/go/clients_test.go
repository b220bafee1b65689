// Package clients drives a server by the official Go client. VAULT_ADDR is a development server with VAULT_TOKEN as its
// root token; NEW_ADDR is a server that nobody has initialised, whose audit devices may write to AUDIT_LOG.
package clients

import (
	"context"
	"errors"
	"net/http"
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

func TestInitUnsealSeal(t *testing.T) {
	client := clientAt(t, os.Getenv("NEW_ADDR"))
	sys := client.Sys()
	equal(t, must[bool](t)(sys.InitStatus()), false)
	health := must[*vault.HealthResponse](t)(sys.Health())
	equal(t, health.Initialized, false)
	made := must[*vault.InitResponse](t)(sys.Init(&vault.InitRequest{SecretShares: 3, SecretThreshold: 2}))
	equal(t, len(made.KeysB64), 3)
	_, err := sys.Init(&vault.InitRequest{SecretShares: 1, SecretThreshold: 1})
	status(t, err, http.StatusBadRequest)
	equal(t, must[*vault.SealStatusResponse](t)(sys.Unseal(made.Keys[0])).Progress, 1)
	equal(t, must[*vault.SealStatusResponse](t)(sys.ResetUnsealProcess()).Progress, 0)
	for _, key := range made.KeysB64[1:] {
		must[*vault.SealStatusResponse](t)(sys.Unseal(key))
	}
	client.SetToken(made.RootToken)
	sealed := must[*vault.SealStatusResponse](t)(sys.SealStatus())
	equal(t, sealed.Sealed, false)
	equal(t, sealed.N, 3)
	equal(t, sealed.T, 2)
	equal(t, must[*vault.KeyStatus](t)(sys.KeyStatus()).Term, 1)
	check(t, sys.Rotate())
	equal(t, must[*vault.KeyStatus](t)(sys.KeyStatus()).Term, 2)
	device := &vault.EnableAuditOptions{Type: "file", Options: map[string]string{"file_path": os.Getenv("AUDIT_LOG")}}
	check(t, sys.EnableAuditWithOptions("go", device))
	equal(t, must[map[string]*vault.Audit](t)(sys.ListAudit())["go/"].Type, "file")
	equal(t, strings.HasPrefix(must[string](t)(sys.AuditHash("go", "x")), "hmac-sha256:"), true)
	check(t, sys.DisableAudit("go"))
	leader := must[*vault.LeaderResponse](t)(sys.Leader())
	equal(t, leader.HAEnabled, false)
	check(t, sys.Seal())
	_, err = client.Logical().Read("cubbyhole/x")
	status(t, err, http.StatusServiceUnavailable)
}

func TestHealth(t *testing.T) {
	health := must[*vault.HealthResponse](t)(rootClient(t).Sys().Health())
	equal(t, health.Initialized && !health.Sealed && !health.Standby && !health.Enterprise, true)
	equal(t, strings.HasPrefix(health.Version, "1."), true)
	equal(t, health.ReplicationPerformanceMode, "disabled")
	equal(t, health.ServerTimeUTC > 0 && health.ClusterID != "", true)
}

func TestMounts(t *testing.T) {
	sys := rootClient(t).Sys()
	input := &vault.MountInput{
		Type: "kv", Description: "Apps", Options: map[string]string{"version": "2"},
		Config: vault.MountConfigInput{DefaultLeaseTTL: "1h", MaxLeaseTTL: "2h"},
	}
	check(t, sys.Mount("go/apps", input))
	mount := must[map[string]*vault.MountOutput](t)(sys.ListMounts())["go/apps/"]
	equal(t, mount.Options["version"], "2")
	equal(t, mount.Config.DefaultLeaseTTL, 3600)
	check(t, sys.TuneMount("go/apps", vault.MountConfigInput{MaxLeaseTTL: "3h"}))
	equal(t, must[*vault.MountConfigOutput](t)(sys.MountConfig("go/apps")).MaxLeaseTTL, 10800)
	status(t, sys.Mount("go/apps", input), http.StatusBadRequest)
	check(t, sys.Remount("go/apps", "go/moved"))
	equal(t, must[*vault.MountOutput](t)(sys.GetMount("go/moved")).Description, "Apps")
	check(t, sys.Unmount("go/moved"))
	equal(t, must[map[string]*vault.MountOutput](t)(sys.ListMounts())["go/moved/"] == nil, true)
	check(t, sys.EnableAuthWithOptions("go-auth", &vault.EnableAuthOptions{Type: "approle"}))
	equal(t, must[map[string]*vault.AuthMount](t)(sys.ListAuth())["go-auth/"].Type, "approle")
	check(t, sys.TuneMount("auth/go-auth", vault.MountConfigInput{DefaultLeaseTTL: "20m"}))
	equal(t, must[*vault.MountConfigOutput](t)(sys.MountConfig("auth/go-auth")).DefaultLeaseTTL, 1200)
	check(t, sys.DisableAuth("go-auth"))
}

func TestPoliciesAndCapabilities(t *testing.T) {
	root := rootClient(t)
	rules := `path "secret/data/go/*" { capabilities = ["read", "list"] }`
	limited := withPolicy(t, root, "go-reader", rules)
	equal(t, must[string](t)(root.Sys().GetPolicy("go-reader")), rules)
	names := must[[]string](t)(root.Sys().ListPolicies())
	equal(t, strings.Contains(strings.Join(names, " "), "go-reader"), true)
	allowed := must[[]string](t)(root.Sys().Capabilities(limited.Token(), "secret/data/go/x"))
	equal(t, strings.Join(allowed, " "), "list read")
	equal(t, must[string](t)(root.Sys().GetPolicy("no-such-policy")), "")
	_, err := limited.Logical().Write("secret/data/go/x", map[string]any{"data": map[string]any{}})
	status(t, err, http.StatusForbidden)
	_, err = limited.Sys().CapabilitiesSelf("secret/data/go/x")
	status(t, err, http.StatusForbidden)
	status(t, root.Sys().PutPolicy("go-bad", `path "x" { capabilities = ["fly"] }`), http.StatusBadRequest)
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
