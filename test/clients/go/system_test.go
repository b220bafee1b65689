package clients

import (
	"context"
	"net/http"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

func TestWhatANodeTellsOfItself(t *testing.T) {
	root := rootClient(t)
	equal(t, read(t, root, "sys/host-info")["timestamp"].(string) != "", true)
	state := read(t, root, "sys/config/state/sanitized")
	equal(t, state["storage"].(data)["type"].(string), "inmem")
	versions := must[*vault.Secret](t)(root.Logical().List("sys/version-history")).Data["keys"].([]any)
	equal(t, len(versions), 1)
	tokens := read(t, root, "sys/internal/counters/tokens")["counters"].(data)["service_tokens"].(data)
	equal(t, number(t, tokens["total"]) > 0, true)
	mounts := read(t, root, "sys/internal/ui/mounts")["secret"].(data)
	equal(t, mounts["secret/"].(data)["type"].(string), "kv")
	equal(t, must[*vault.HealthResponse](t)(root.Sys().Health()).Version != "", true)
	reader := withPolicy(t, root, "go-system", `path "sys/health" { capabilities = ["read"] }`)
	for _, path := range []string{"sys/host-info", "sys/config/state/sanitized", "sys/in-flight-req", "sys/loggers"} {
		_, err := reader.Logical().Read(path)
		status(t, err, http.StatusForbidden)
	}
}

// The request that asks is itself under way.
func TestRequestsInFlight(t *testing.T) {
	reply := must[*vault.Response](t)(rootClient(t).RawRequest(rootClient(t).NewRequest("GET", "/v1/sys/in-flight-req")))
	defer reply.Body.Close()
	found := data{}
	check(t, reply.DecodeJSON(&found))
	equal(t, len(found) > 0, true)
}

func TestLoggersAndMonitor(t *testing.T) {
	root := rootClient(t)
	write(t, root, "sys/loggers", data{"level": "debug"})
	for name, level := range read(t, root, "sys/loggers") {
		equal(t, name+":"+level.(string), name+":debug")
	}
	_, err := root.Logical().Write("sys/loggers", data{"level": "loud"})
	status(t, err, http.StatusBadRequest)
	_, err = root.Logical().Delete("sys/loggers")
	check(t, err)
	bounded, cancel := context.WithCancel(ctx)
	must[chan string](t)(root.Sys().Monitor(bounded, "info", "json"))
	cancel()
}

func TestTools(t *testing.T) {
	root := rootClient(t)
	random := write(t, root, "sys/tools/random/24", data{"format": "hex"})["random_bytes"].(string)
	equal(t, len(random), 48)
	sum := write(t, root, "sys/tools/hash/sha2-256", data{"input": "YQ=="})["sum"].(string)
	equal(t, sum, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")
}

func TestCORS(t *testing.T) {
	sys := rootClient(t).Sys()
	check(t, sys.ConfigureCORS(&vault.CORSRequest{AllowedOrigins: []string{"https://ui.example.com"}, Enabled: true}))
	found := must[*vault.CORSResponse](t)(sys.CORSStatus())
	equal(t, found.Enabled && strings.Join(found.AllowedOrigins, " ") == "https://ui.example.com", true)
	check(t, sys.DisableCORS())
	equal(t, must[*vault.CORSResponse](t)(sys.CORSStatus()).Enabled, false)
}

func TestPlugIns(t *testing.T) {
	sys := rootClient(t).Sys()
	list := must[*vault.ListPluginsResponse](t)(sys.ListPlugins(&vault.ListPluginsInput{}))
	equal(t, len(list.Details) > 0, true)
	kv := must[*vault.GetPluginResponse](t)(sys.GetPlugin(&vault.GetPluginInput{Name: "kv", Type: 3}))
	equal(t, kv.Builtin, true)
	err := sys.RegisterPlugin(&vault.RegisterPluginInput{Name: "mine", Type: 3, Command: "mine", SHA256: strings.Repeat("0", 64)})
	status(t, err, http.StatusBadRequest)
}
