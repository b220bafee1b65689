package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

// What was written into another server by this client, and moved in, is there for it as it was.
func TestMovedIn(t *testing.T) {
	source := ownInitialised(t)
	enable(t, source.root, "go-moved", "kv", map[string]string{"version": "2"})
	for _, value := range []string{"first", "second"} {
		must[*vault.KVSecret](t)(source.root.KVv2("go-moved").Put(ctx, "a/b", data{"x": value}))
	}
	check(t, source.root.KVv2("go-moved").PutMetadata(ctx, "a/b", vault.KVMetadataPutInput{CustomMetadata: data{"owner": "ada"}}))
	check(t, source.root.Sys().PutPolicy("go-moved", `path "go-moved/data/*" { capabilities = ["read"] }`))

	target := rootClient(t)
	t.Cleanup(func() {
		_ = target.Sys().Unmount("go-moved")
		_ = target.Sys().DeletePolicy("go-moved")
	})
	state := filepath.Join(t.TempDir(), "state")
	moving := exec.Command(os.Getenv("LOCKSTEP"), "operator", "import", "vault", "-source-address="+source.root.Address(), "-state="+state)
	moving.Env = append(os.Environ(), "VAULT_SOURCE_TOKEN="+source.root.Token())
	said, err := moving.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	equal(t, strings.Contains(string(said), "second") || strings.Contains(string(said), source.root.Token()), false)

	made := createToken(t, target, &vault.TokenCreateRequest{Policies: []string{"go-moved"}})
	reader := as(t, target, made.ClientToken)
	for version, value := range []string{"first", "second"} {
		equal(t, must[*vault.KVSecret](t)(reader.KVv2("go-moved").GetVersion(ctx, "a/b", version+1)).Data["x"].(string), value)
	}
	metadata := must[*vault.KVMetadata](t)(target.KVv2("go-moved").GetMetadata(ctx, "a/b"))
	equal(t, metadata.CustomMetadata["owner"].(string), "ada")
}
