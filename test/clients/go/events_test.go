package clients

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

// The client has no WebSocket of its own: what it would be is asked for by hand (RFC 6455).
func subscribe(t *testing.T, client *vault.Client, kind string) *http.Response {
	t.Helper()
	address := os.Getenv("VAULT_ADDR") + "/v1/sys/events/subscribe/" + kind + "?json=true"
	request := must[*http.Request](t)(http.NewRequest("GET", address, nil))
	for name, value := range map[string]string{
		"X-Vault-Token": client.Token(), "Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		request.Header.Set(name, value)
	}
	reply := must[*http.Response](t)(http.DefaultClient.Do(request))
	t.Cleanup(func() { _ = reply.Body.Close() })
	return reply
}

// nextEvent reads the next text of a server, whose frames are neither masked nor parted.
func nextEvent(t *testing.T, from *bufio.Reader) data {
	t.Helper()
	for {
		head := make([]byte, 2)
		must[int](t)(io.ReadFull(from, head))
		length := uint64(head[1] & 127)
		if extra := map[uint64]int{126: 2, 127: 8}[length]; extra > 0 {
			more := make([]byte, 8)
			must[int](t)(io.ReadFull(from, more[8-extra:]))
			length = binary.BigEndian.Uint64(more)
		}
		payload := make([]byte, length)
		must[int](t)(io.ReadFull(from, payload))
		if head[0]&15 == 1 {
			event := data{}
			check(t, json.Unmarshal(payload, &event))
			return event
		}
	}
}

func TestEvents(t *testing.T) {
	root := rootClient(t)
	enable(t, root, "go-events", "kv", map[string]string{"version": "2"})
	reply := subscribe(t, root, "kv-v2/data-*")
	equal(t, reply.StatusCode, http.StatusSwitchingProtocols)
	must[*vault.KVSecret](t)(root.KVv2("go-events").Put(ctx, "a", data{"x": "canary-4711"}))
	event := nextEvent(t, bufio.NewReader(reply.Body))
	about := event["data"].(data)
	equal(t, about["event_type"].(string), "kv-v2/data-write")
	equal(t, about["plugin_info"].(data)["mount_path"].(string), "go-events/")
	equal(t, about["event"].(data)["metadata"].(data)["data_path"].(string), "go-events/data/a")
	equal(t, strings.Contains(string(must[[]byte](t)(json.Marshal(event))), "canary-4711"), false)
	refused := subscribe(t, withPolicy(t, root, "go-deaf", `path "secret/*" { capabilities = ["read"] }`), "kv-v2/data-*")
	equal(t, refused.StatusCode, http.StatusForbidden)
}
