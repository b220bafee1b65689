package clients

import (
	"net/http"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

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

func TestPolicyVersions(t *testing.T) {
	root := rootClient(t)
	path := "sys/policies/acl/go-versions"
	one := `path "a" { capabilities = ["read"] }`
	t.Cleanup(func() { _ = root.Sys().DeletePolicy("go-versions") })
	write(t, root, path, data{"policy": one, "cas": 0})
	_, err := root.Logical().Write(path, data{"policy": one, "cas": 0})
	status(t, err, http.StatusBadRequest)
	version := read(t, root, path)["version"]
	equal(t, number(t, version), 1)
	write(t, root, path, data{"policy": one, "cas": version, "cas_required": true})
	_, err = root.Logical().Write(path, data{"policy": one})
	status(t, err, http.StatusBadRequest)
	patch := data{"cas": 2, "expiration": "2099-01-01T00:00:00Z"}
	must[*vault.Secret](t)(root.Logical().JSONMergePatch(ctx, path, patch))
	found := read(t, root, path)
	equal(t, found["policy"].(string), one)
	equal(t, strings.HasPrefix(found["expiration"].(string), "2099-01-01"), true)
	equal(t, found["cas_required"].(bool), true)
	_, err = root.Logical().JSONMergePatch(ctx, path, data{"cas": 2, "policy": `path "b" { capabilities = ["read"] }`})
	status(t, err, http.StatusBadRequest)
	_, err = root.Logical().JSONMergePatch(ctx, "sys/policies/acl/go-none", data{"policy": one})
	status(t, err, http.StatusBadRequest)
	check(t, root.Sys().DeletePolicy("go-versions"))
	equal(t, must[string](t)(root.Sys().GetPolicy("go-versions")), "")
}

func TestPolicyRules(t *testing.T) {
	root := rootClient(t)
	enable(t, root, "go-rules", "kv", map[string]string{"version": "1"})
	limited := withPolicy(t, root, "go-rules", `
		path "go-rules/+/shared" { capabilities = ["create", "update", "read"] }
		path "go-rules/own/*" { capabilities = ["create", "update", "list"]
			allowed_parameters = { kind = ["small", "large"], name = [] }
			denied_parameters = { name = ["root"] }
			required_parameters = ["kind"] }
		path "go-rules/wrapped" { capabilities = ["read"] min_wrapping_ttl = "10s" max_wrapping_ttl = "1m" }
		path "go-rules/own/secret" { capabilities = ["deny"] }`)
	allowed := func(path string, body data, want bool) {
		t.Helper()
		_, err := limited.Logical().Write(path, body)
		if want {
			check(t, err)
		} else {
			status(t, err, http.StatusForbidden)
		}
	}
	allowed("go-rules/team/shared", data{"any": "thing"}, true)
	allowed("go-rules/team/more/shared", data{"any": "thing"}, false)
	allowed("go-rules/own/a", data{"kind": "small", "name": "x"}, true)
	allowed("go-rules/own/a", data{"kind": "huge"}, false)
	allowed("go-rules/own/a", data{"kind": "small", "other": "x"}, false)
	allowed("go-rules/own/a", data{"kind": "small", "name": "root"}, false)
	allowed("go-rules/own/a", data{"name": "x"}, false)
	allowed("go-rules/own/secret", data{"kind": "small"}, false)
	must[*vault.Secret](t)(root.Logical().Write("go-rules/wrapped", data{"x": "y"}))
	_, err := limited.Logical().Read("go-rules/wrapped")
	status(t, err, http.StatusForbidden)
	for ttl, want := range map[string]bool{"30s": true, "5s": false, "2m": false} {
		limited.SetWrappingLookupFunc(func(string, string) string { return ttl })
		_, err := limited.Logical().Read("go-rules/wrapped")
		equal(t, err == nil, want)
	}
}

func TestCapabilitiesByToken(t *testing.T) {
	root := rootClient(t)
	check(t, root.Sys().PutPolicy("go-caps", `
		path "sys/capabilities-self" { capabilities = ["update"] }
		path "secret/data/{{identity.entity.name}}/*" { capabilities = ["read", "sudo"] }
		path "secret/data/go-caps" { capabilities = ["create", "patch", "scan"] }`))
	t.Cleanup(func() { _ = root.Sys().DeletePolicy("go-caps") })
	auth := createToken(t, root, &vault.TokenCreateRequest{Policies: []string{"go-caps"}, NoDefaultPolicy: true})
	own := as(t, root, auth.ClientToken)
	equal(t, strings.Join(must[[]string](t)(own.Sys().CapabilitiesSelf("secret/data/go-caps")), " "), "create patch scan")
	equal(t, strings.Join(must[[]string](t)(own.Sys().CapabilitiesSelf("secret/data//x")), " "), "deny")
	both := write(t, root, "sys/capabilities-accessor", data{
		"accessor": auth.Accessor, "paths": []string{"secret/data/go-caps", "sys/seal"},
	})
	equal(t, len(both["secret/data/go-caps"].([]any)), 3)
	equal(t, both["sys/seal"].([]any)[0].(string), "deny")
	equal(t, strings.Join(must[[]string](t)(root.Sys().CapabilitiesSelf("sys/seal")), " "), "root")
	_, err := root.Sys().Capabilities("hvs.none", "secret/data/go-caps")
	status(t, err, http.StatusBadRequest)
}

func TestPasswordPolicies(t *testing.T) {
	root := rootClient(t)
	policy := `length = 24
		rule "charset" { charset = "abcdefgh" min-chars = 4 }
		rule "charset" { charset = "0123456789" min-chars = 3 }`
	path := "sys/policies/password/go-digits"
	t.Cleanup(func() { _, _ = root.Logical().Delete(path) })
	write(t, root, path, data{"policy": policy})
	equal(t, read(t, root, path)["policy"].(string), policy)
	equal(t, strings.Contains(keys(t, root, "sys/policies/password"), "go-digits"), true)
	password := read(t, root, path+"/generate")["password"].(string)
	equal(t, len(password), 24)
	equal(t, strings.Trim(password, "abcdefgh0123456789"), "")
	equal(t, read(t, root, path+"/generate")["password"].(string) == password, false)
	_, err := root.Logical().Write(path, data{"policy": "length = 2"})
	status(t, err, http.StatusBadRequest)
}
