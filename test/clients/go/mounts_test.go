package clients

import (
	"net/http"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

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
	equal(t, must[map[string]*vault.MountOutput](t)(sys.ListMounts())["go/moved/"].Description, "Apps")
	check(t, sys.Unmount("go/moved"))
	equal(t, must[map[string]*vault.MountOutput](t)(sys.ListMounts())["go/moved/"] == nil, true)
	check(t, sys.EnableAuthWithOptions("go-auth", &vault.EnableAuthOptions{Type: "approle"}))
	equal(t, must[map[string]*vault.AuthMount](t)(sys.ListAuth())["go-auth/"].Type, "approle")
	check(t, sys.TuneMount("auth/go-auth", vault.MountConfigInput{DefaultLeaseTTL: "20m"}))
	equal(t, must[*vault.MountConfigOutput](t)(sys.MountConfig("auth/go-auth")).DefaultLeaseTTL, 1200)
	check(t, sys.DisableAuth("go-auth"))
}

func TestTuneMount(t *testing.T) {
	root := rootClient(t)
	enable(t, root, "go-tuned", "kv", nil)
	described := "Tuned"
	tune := vault.MountConfigInput{
		Description: &described, DefaultLeaseTTL: "10m", MaxLeaseTTL: "1h", ListingVisibility: "unauth",
		AuditNonHMACRequestKeys: []string{"name"}, AuditNonHMACResponseKeys: []string{"kind"},
		PassthroughRequestHeaders: []string{"X-Forwarded-By"}, AllowedResponseHeaders: []string{"X-Kind"},
	}
	check(t, root.Sys().TuneMount("go-tuned", tune))
	config := must[*vault.MountConfigOutput](t)(root.Sys().MountConfig("go-tuned"))
	equal(t, config.DefaultLeaseTTL, 600)
	equal(t, config.MaxLeaseTTL, 3600)
	equal(t, config.ListingVisibility, "unauth")
	equal(t, config.AuditNonHMACRequestKeys[0]+config.AuditNonHMACResponseKeys[0], "namekind")
	equal(t, config.PassthroughRequestHeaders[0]+config.AllowedResponseHeaders[0], "X-Forwarded-ByX-Kind")
	equal(t, must[map[string]*vault.MountOutput](t)(root.Sys().ListMounts())["go-tuned/"].Description, described)
	status(t, root.Sys().TuneMount("go-tuned", vault.MountConfigInput{DefaultLeaseTTL: "2h"}), http.StatusBadRequest)
	// What is not named stays as it was.
	check(t, root.Sys().TuneMount("go-tuned", vault.MountConfigInput{DefaultLeaseTTL: "20m"}))
	config = must[*vault.MountConfigOutput](t)(root.Sys().MountConfig("go-tuned"))
	equal(t, config.DefaultLeaseTTL, 1200)
	equal(t, config.MaxLeaseTTL, 3600)
	equal(t, config.ListingVisibility, "unauth")
	status(t, root.Sys().TuneMount("go-none", vault.MountConfigInput{}), http.StatusBadRequest)
	enable(t, root, "go-upgraded", "kv", nil)
	check(t, root.KVv1("go-upgraded").Put(ctx, "a", data{"x": "y"}))
	upgrade := vault.MountConfigInput{Options: map[string]string{"version": "2"}}
	check(t, root.Sys().TuneMount("go-upgraded", upgrade))
	equal(t, must[*vault.KVSecret](t)(root.KVv2("go-upgraded").Get(ctx, "a")).Data["x"].(string), "y")
}

func TestRemount(t *testing.T) {
	root := rootClient(t)
	enable(t, root, "go-from", "kv", map[string]string{"version": "1"})
	t.Cleanup(func() { _ = root.Sys().Unmount("go-to") })
	check(t, root.KVv1("go-from").Put(ctx, "a", data{"x": "y"}))
	begun := must[*vault.MountMigrationOutput](t)(root.Sys().StartRemount("go-from", "go-to"))
	moved := must[*vault.MountMigrationStatusOutput](t)(root.Sys().RemountStatus(begun.MigrationID))
	equal(t, moved.MigrationInfo.MigrationStatus, "success")
	equal(t, moved.MigrationInfo.SourceMount+moved.MigrationInfo.TargetMount, "go-from/go-to/")
	equal(t, must[*vault.KVSecret](t)(root.KVv1("go-to").Get(ctx, "a")).Data["x"].(string), "y")
	_, err := root.Sys().StartRemount("go-from", "go-elsewhere")
	status(t, err, http.StatusBadRequest)
	_, err = root.Sys().StartRemount("go-to", "secret")
	status(t, err, http.StatusBadRequest)
	_, err = root.Sys().StartRemount("sys", "go-sys")
	status(t, err, http.StatusBadRequest)
	// To another namespace: the client polls the status until the data has arrived.
	team := namespace(t, root, "go-remount")
	check(t, root.Sys().Remount("go-to", "go-remount/moved"))
	equal(t, must[*vault.KVSecret](t)(team.KVv1("moved").Get(ctx, "a")).Data["x"].(string), "y")
	check(t, team.Sys().Unmount("moved"))
}
