package clients

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	vault "github.com/hashicorp/vault/api"
)

func leasingClient(t *testing.T) *vault.Client {
	t.Helper()
	client := clientAt(t, os.Getenv("LEASES_ADDR"))
	client.SetToken(os.Getenv("LEASES_TOKEN"))
	return client
}

func user(t *testing.T, client *vault.Client) *vault.Secret {
	t.Helper()
	return must[*vault.Secret](t)(client.Logical().Read("db/creds/app"))
}

func TestLeases(t *testing.T) {
	client := leasingClient(t)
	sys := client.Sys()
	secret := user(t, client)
	equal(t, secret.Renewable && strings.HasPrefix(secret.LeaseID, "db/creds/app/"), true)
	equal(t, must[*vault.Secret](t)(sys.Renew(secret.LeaseID, 120)).LeaseDuration, 120)
	look := must[*vault.Secret](t)(sys.Lookup(secret.LeaseID)).Data
	equal(t, look["id"].(string), secret.LeaseID)
	equal(t, look["renewable"].(bool), true)
	equal(t, number(t, look["ttl"]) <= 120, true)
	equal(t, strings.Contains(secret.LeaseID, keys(t, client, "sys/leases/lookup/db/creds/app")), true)
	check(t, sys.RevokeWithOptions(&vault.RevokeOptions{LeaseID: secret.LeaseID, Sync: true}))
	_, err := sys.Lookup(secret.LeaseID)
	status(t, err, http.StatusBadRequest)
	_, err = sys.Renew(secret.LeaseID, 60)
	status(t, err, http.StatusBadRequest)
}

func TestLeasesByPrefix(t *testing.T) {
	client := leasingClient(t)
	leases := []string{user(t, client).LeaseID, user(t, client).LeaseID}
	irrevocable := map[string][]string{"type": {"irrevocable"}}
	count := must[*vault.Secret](t)(client.Logical().ReadWithData("sys/leases/count", irrevocable)).Data
	equal(t, number(t, count["lease_count"]), 0)
	prefix := &vault.RevokeOptions{LeaseID: "db/creds", Prefix: true, Sync: true}
	check(t, client.Sys().RevokeWithOptions(prefix))
	for _, id := range leases {
		_, err := client.Sys().Lookup(id)
		status(t, err, http.StatusBadRequest)
	}
	forced := user(t, client).LeaseID
	check(t, client.Sys().RevokeForce("db/creds"))
	_, err := client.Sys().Lookup(forced)
	status(t, err, http.StatusBadRequest)
}

// A lease ends with the token that asked for it.
func TestLeaseOfARevokedToken(t *testing.T) {
	client := leasingClient(t)
	app := withPolicy(t, client, "app", `path "db/creds/app" { capabilities = ["read"] }`)
	secret := user(t, app)
	_, err := app.Sys().Lookup(secret.LeaseID)
	status(t, err, http.StatusForbidden)
	check(t, client.Auth().Token().RevokeTree(app.Token()))
	end := time.After(30 * time.Second)
	for {
		_, err := client.Sys().Lookup(secret.LeaseID)
		if err != nil {
			status(t, err, http.StatusBadRequest)
			return
		}
		select {
		case <-end:
			t.Fatal("the lease outlives its token")
		default:
		}
	}
}

// A watcher keeps a leased secret alive until its mount’s max_lease_ttl.
func TestLifetimeWatcherOfALease(t *testing.T) {
	client := leasingClient(t)
	before := must[*vault.MountConfigOutput](t)(client.Sys().MountConfig("db"))
	equal(t, before.MaxLeaseTTL > 5, true)
	check(t, client.Sys().TuneMount("db", vault.MountConfigInput{DefaultLeaseTTL: "2s", MaxLeaseTTL: "5s"}))
	t.Cleanup(func() {
		_ = client.Sys().TuneMount("db", vault.MountConfigInput{DefaultLeaseTTL: "system", MaxLeaseTTL: "system"})
	})
	secret := user(t, client)
	equal(t, secret.LeaseDuration, 2)
	watcher := must[*vault.LifetimeWatcher](t)(client.NewLifetimeWatcher(&vault.LifetimeWatcherInput{Secret: secret}))
	equal(t, renewals(t, watcher) > 0, true)
}
