package clients

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	vault "github.com/hashicorp/vault/api"
)

func TestRateLimit(t *testing.T) {
	root := rootClient(t)
	enable(t, root, "go-limited", "kv", map[string]string{"version": "1"})
	check(t, root.KVv1("go-limited").Put(ctx, "a", data{"x": "y"}))
	path := "sys/quotas/rate-limit/go-limited"
	write(t, root, "sys/quotas/config", data{"enable_rate_limit_response_headers": true})
	write(t, root, path, data{"path": "go-limited/", "rate": 2, "interval": "2s"})
	t.Cleanup(func() { _, _ = root.Logical().Delete(path) })
	found := read(t, root, path)
	equal(t, found["path"].(string), "go-limited/")
	equal(t, number(t, found["interval"]), 2)
	equal(t, keys(t, root, "sys/quotas/rate-limit"), "go-limited")

	refused := func(client *vault.Client) (header http.Header) {
		t.Helper()
		for range 20 {
			reply, err := client.RawRequest(client.NewRequest("GET", "/v1/go-limited/a"))
			if err != nil {
				status(t, err, http.StatusTooManyRequests)
				return reply.Header
			}
		}
		t.Fatal("twenty requests are not above two in two seconds")
		return
	}
	header := refused(root)
	equal(t, header.Get("X-Ratelimit-Limit"), "2")
	equal(t, header.Get("X-Ratelimit-Remaining"), "0")
	equal(t, must[int](t)(strconv.Atoi(header.Get("Retry-After"))) <= 2, true)
	// What its mount does not hold is not limited.
	must[*vault.Secret](t)(root.Auth().Token().LookupSelf())
	// The client waits by itself as it is told, and then gets its answer.
	patient := as(t, root, root.Token())
	patient.SetMaxRetries(5)
	patient.SetMinRetryWait(50 * time.Millisecond)
	refusals := 0
	patient.SetCheckRetry(counting(&refusals))
	for range 4 {
		must[*vault.KVSecret](t)(patient.KVv1("go-limited").Get(ctx, "a"))
	}
	equal(t, refusals > 0, true)
	write(t, root, "sys/quotas/config", data{"enable_rate_limit_response_headers": false})
	_, err := root.Logical().Write("sys/quotas/rate-limit/go-wrong", data{"path": "no-such-mount/", "rate": 1})
	status(t, err, http.StatusBadRequest)
	_, err = root.Logical().Write("sys/quotas/rate-limit/go-wrong", data{"rate": -1})
	status(t, err, http.StatusBadRequest)
}

func TestLeaseCount(t *testing.T) {
	root := rootClient(t)
	check(t, root.Sys().EnableAuthWithOptions("go-counted", &vault.EnableAuthOptions{Type: "userpass"}))
	t.Cleanup(func() { _ = root.Sys().DisableAuth("go-counted") })
	write(t, root, "auth/go-counted/users/ada", data{"password": "pw-4711"})
	quota := "sys/quotas/lease-count/go-counted"
	write(t, root, quota, data{"path": "auth/go-counted", "max_leases": 2})
	t.Cleanup(func() { _, _ = root.Logical().Delete(quota) })
	login := func() (*vault.Secret, error) {
		return as(t, root, "").Logical().Write("auth/go-counted/login/ada", data{"password": "pw-4711"})
	}
	first := must[*vault.Secret](t)(login()).Auth
	must[*vault.Secret](t)(login())
	_, err := login()
	status(t, err, http.StatusTooManyRequests)
	equal(t, number(t, read(t, root, quota)["counter"]), 2)
	check(t, root.Auth().Token().RevokeAccessor(first.Accessor))
	must[*vault.Secret](t)(login())
}

func TestUserLockout(t *testing.T) {
	root := rootClient(t)
	check(t, root.Sys().EnableAuthWithOptions("go-locked", &vault.EnableAuthOptions{Type: "userpass"}))
	t.Cleanup(func() { _ = root.Sys().DisableAuth("go-locked") })
	check(t, root.Sys().TuneMount("auth/go-locked", vault.MountConfigInput{
		UserLockoutConfig: &vault.UserLockoutConfigInput{LockoutThreshold: "2", LockoutDuration: "1h"},
	}))
	write(t, root, "auth/go-locked/users/ada", data{"password": "pw-4711"})
	login := func(password string) error {
		_, err := as(t, root, "").Logical().Write("auth/go-locked/login/ada", data{"password": password})
		return err
	}
	check(t, login("pw-4711"))
	status(t, login("wrong"), http.StatusBadRequest)
	check(t, login("pw-4711"))
	for range 2 {
		status(t, login("wrong"), http.StatusBadRequest)
	}
	status(t, login("pw-4711"), http.StatusForbidden)
	accessor := must[map[string]*vault.AuthMount](t)(root.Sys().ListAuth())["go-locked/"].Accessor
	locked := read(t, root, "sys/locked-users")
	equal(t, number(t, locked["total"]), 1)
	write(t, root, "sys/locked-users/"+accessor+"/unlock/ada", nil)
	check(t, login("pw-4711"))
}

// counting counts the replies that the client tries again for.
func counting(refusals *int) func(context.Context, *http.Response, error) (bool, error) {
	return func(ctx context.Context, reply *http.Response, err error) (bool, error) {
		if reply != nil && reply.StatusCode == http.StatusTooManyRequests {
			*refusals++
		}
		return vault.DefaultRetryPolicy(ctx, reply, err)
	}
}
