package clients

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

func TestAuditDevices(t *testing.T) {
	own := ownInitialised(t)
	sys := own.root.Sys()
	log := filepath.Join(own.folder, "audit.log")
	file := func(path string) *vault.EnableAuditOptions {
		return &vault.EnableAuditOptions{Type: "file", Description: "All", Options: map[string]string{"file_path": path}}
	}
	check(t, sys.EnableAuditWithOptions("go", file(log)))
	device := must[map[string]*vault.Audit](t)(sys.ListAudit())["go/"]
	equal(t, device.Type+device.Description+device.Options["file_path"], "fileAll"+log)
	status(t, sys.EnableAuditWithOptions("go", file(log)), http.StatusBadRequest)
	status(t, sys.EnableAuditWithOptions("elsewhere", file("/elsewhere")), http.StatusForbidden)
	// Entries that begin with a text of the API's choice are a way to write files that others read: the configuration allows it.
	prefixed := file(filepath.Join(own.folder, "prefixed.log"))
	prefixed.Options["prefix"] = "go: "
	status(t, sys.EnableAuditWithOptions("prefixed", prefixed), http.StatusBadRequest)

	headers := "sys/config/auditing/request-headers/"
	write(t, own.root, headers+"X-Trace", data{"hmac": false})
	write(t, own.root, headers+"X-Ticket", data{"hmac": true})
	equal(t, read(t, own.root, headers+"x-ticket")["x-ticket"].(data)["hmac"].(bool), true)
	traced := as(t, own.root, own.root.Token())
	traced.AddHeader("X-Trace", "trace-4711")
	traced.AddHeader("X-Ticket", "ticket-4711")
	traced.AddHeader("X-Unnamed", "unnamed-4711")
	must[*vault.Secret](t)(traced.Logical().Write("cubbyhole/audited", data{"x": "canary-4711"}))
	hash := func(value string) string { return must[string](t)(sys.AuditHash("go", value)) }
	entries := string(must[[]byte](t)(os.ReadFile(log)))
	for _, there := range []string{hash("canary-4711"), hash("ticket-4711"), hash(own.root.Token()), "trace-4711", `"path":"cubbyhole/audited"`} {
		equal(t, strings.Contains(entries, there), true)
	}
	for _, absent := range []string{"canary-4711", `ticket-4711"`, "unnamed-4711", own.root.Token()} {
		equal(t, strings.Contains(entries, absent), false)
	}
	_, err := own.root.Logical().Delete(headers + "X-Trace")
	check(t, err)
	check(t, sys.DisableAudit("go"))
	equal(t, len(must[map[string]*vault.Audit](t)(sys.ListAudit())), 0)
	_, err = sys.AuditHash("go", "x")
	status(t, err, http.StatusBadRequest)
}
