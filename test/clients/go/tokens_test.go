package clients

import (
	"net/http"
	"testing"
	"time"

	vault "github.com/hashicorp/vault/api"
)

func TestTokens(t *testing.T) {
	root := rootClient(t)
	request := &vault.TokenCreateRequest{Policies: []string{"default"}, TTL: "1h", Metadata: map[string]string{"a": "b"}}
	parent := must[*vault.Secret](t)(root.Auth().Token().Create(request)).Auth
	tokens := root.Auth().Token()
	look := must[*vault.Secret](t)(tokens.LookupAccessor(parent.Accessor))
	equal(t, look.Data["id"].(string), "")
	equal(t, must[time.Duration](t)(look.TokenTTL()) > 59*time.Minute, true)
	equal(t, must[*vault.Secret](t)(tokens.RenewAccessor(parent.Accessor, 60)).Auth.LeaseDuration, 60)
	check(t, tokens.RevokeAccessor(parent.Accessor))
	_, err := tokens.Lookup(parent.ClientToken)
	status(t, err, http.StatusForbidden)
	role := map[string]any{"allowed_policies": "default", "orphan": true, "token_period": "1h"}
	must[*vault.Secret](t)(root.Logical().Write("auth/token/roles/go", role))
	byRole := must[*vault.Secret](t)(tokens.CreateWithRole(&vault.TokenCreateRequest{}, "go"))
	equal(t, byRole.Auth.LeaseDuration, 3600)
	equal(t, must[*vault.Secret](t)(tokens.Lookup(byRole.Auth.ClientToken)).Data["orphan"].(bool), true)
	check(t, tokens.RevokeTree(byRole.Auth.ClientToken))
}

// A watcher keeps a token alive by itself, until it cannot be renewed any more.
func TestLifetimeWatcher(t *testing.T) {
	root := rootClient(t)
	request := &vault.TokenCreateRequest{Policies: []string{"default"}, TTL: "2s", ExplicitMaxTTL: "4s"}
	secret := must[*vault.Secret](t)(root.Auth().Token().Create(request))
	client := must[*vault.Client](t)(root.Clone())
	client.SetToken(secret.Auth.ClientToken)
	watcher := must[*vault.LifetimeWatcher](t)(client.NewLifetimeWatcher(&vault.LifetimeWatcherInput{Secret: secret}))
	equal(t, renewals(t, watcher) > 0, true)
}

// renewals counts those of a watcher until it ends by itself.
func renewals(t *testing.T, watcher *vault.LifetimeWatcher) int {
	t.Helper()
	go watcher.Start()
	defer watcher.Stop()
	count := 0
	late := time.After(20 * time.Second)
	for {
		select {
		case <-watcher.RenewCh():
			count++
		case err := <-watcher.DoneCh():
			check(t, err)
			return count
		case <-late:
			t.Fatal("the watcher went on beyond the maximum")
		}
	}
}

func TestBatchTokens(t *testing.T) {
	root := rootClient(t)
	auth := createToken(t, root, &vault.TokenCreateRequest{Policies: []string{"default"}, Type: "batch", TTL: "5m"})
	equal(t, auth.Renewable || auth.Accessor != "", false)
	own := as(t, root, auth.ClientToken)
	self := must[*vault.Secret](t)(own.Auth().Token().LookupSelf())
	equal(t, self.Data["type"].(string), "batch")
	_, err := own.Auth().Token().RenewSelf(60)
	status(t, err, http.StatusBadRequest)
	status(t, own.Auth().Token().RevokeSelf(""), http.StatusBadRequest)
	status(t, root.Auth().Token().RevokeTree(auth.ClientToken), http.StatusBadRequest)
	_, err = own.Auth().Token().Create(&vault.TokenCreateRequest{})
	status(t, err, http.StatusForbidden)
	_, err = own.Logical().Write("cubbyhole/x", data{"x": "y"})
	equal(t, err != nil, true)
}

// A batch token ends with the service token that made it.
func TestBatchTokenOfAParent(t *testing.T) {
	root := rootClient(t)
	makes := `path "auth/token/create" { capabilities = ["update"] }`
	check(t, root.Sys().PutPolicy("go-makes", makes))
	t.Cleanup(func() { _ = root.Sys().DeletePolicy("go-makes") })
	parent := createToken(t, root, &vault.TokenCreateRequest{Policies: []string{"default", "go-makes"}})
	request := &vault.TokenCreateRequest{Policies: []string{"default"}, Type: "batch"}
	child := as(t, root, createToken(t, as(t, root, parent.ClientToken), request).ClientToken)
	must[*vault.Secret](t)(child.Auth().Token().LookupSelf())
	check(t, root.Auth().Token().RevokeTree(parent.ClientToken))
	_, err := child.Auth().Token().LookupSelf()
	status(t, err, http.StatusForbidden)
}

func TestPeriodicTokens(t *testing.T) {
	root := rootClient(t)
	auth := createToken(t, root, &vault.TokenCreateRequest{Policies: []string{"default"}, Period: "10m"})
	equal(t, auth.LeaseDuration, 600)
	own := as(t, root, auth.ClientToken)
	equal(t, must[*vault.Secret](t)(own.Auth().Token().RenewSelf(10)).Auth.LeaseDuration, 600)
	self := must[*vault.Secret](t)(own.Auth().Token().LookupSelf())
	equal(t, number(t, self.Data["period"]), 600)
	bound := createToken(t, root, &vault.TokenCreateRequest{Period: "10m", ExplicitMaxTTL: "2m"})
	equal(t, bound.LeaseDuration, 120)
}

func TestOrphansAndTheirParents(t *testing.T) {
	root := rootClient(t)
	tokens := root.Auth().Token()
	parent := as(t, root, createToken(t, root, &vault.TokenCreateRequest{}).ClientToken)
	child := createToken(t, parent, &vault.TokenCreateRequest{})
	grandchild := createToken(t, as(t, root, child.ClientToken), &vault.TokenCreateRequest{})
	orphan := must[*vault.Secret](t)(parent.Auth().Token().CreateOrphan(&vault.TokenCreateRequest{})).Auth
	equal(t, must[*vault.Secret](t)(tokens.Lookup(orphan.ClientToken)).Data["orphan"].(bool), true)
	// The child goes, what is below it becomes an orphan; then the parent goes with all that is still below it.
	check(t, tokens.RevokeOrphan(child.ClientToken))
	equal(t, must[*vault.Secret](t)(tokens.Lookup(grandchild.ClientToken)).Data["orphan"].(bool), true)
	second := createToken(t, parent, &vault.TokenCreateRequest{})
	check(t, tokens.RevokeTree(parent.Token()))
	_, err := tokens.Lookup(second.ClientToken)
	status(t, err, http.StatusForbidden)
	for _, left := range []string{orphan.ClientToken, grandchild.ClientToken} {
		check(t, tokens.RevokeTree(left))
	}
}

func TestTokenUses(t *testing.T) {
	root := rootClient(t)
	own := as(t, root, createToken(t, root, &vault.TokenCreateRequest{Policies: []string{"default"}, NumUses: 2}).ClientToken)
	equal(t, number(t, must[*vault.Secret](t)(own.Auth().Token().LookupSelf()).Data["num_uses"]), 1)
	must[*vault.Secret](t)(own.Auth().Token().LookupSelf())
	_, err := own.Auth().Token().LookupSelf()
	status(t, err, http.StatusForbidden)
}

func TestTokenRoles(t *testing.T) {
	root := rootClient(t)
	check(t, root.Sys().PutPolicy("go-role", `path "secret/data/go" { capabilities = ["read"] }`))
	t.Cleanup(func() { _ = root.Sys().DeletePolicy("go-role") })
	path := "auth/token/roles/go-full"
	write(t, root, path, data{
		"allowed_policies": "go-role", "disallowed_policies": "root", "path_suffix": "nightly", "renewable": false,
		"token_explicit_max_ttl": "20m", "token_num_uses": 3, "token_no_default_policy": true, "token_type": "service",
		"token_bound_cidrs": "127.0.0.1/32", "allowed_entity_aliases": "ci-*",
	})
	t.Cleanup(func() { _, _ = root.Logical().Delete(path) })
	equal(t, read(t, root, path)["path_suffix"].(string), "nightly")
	tokens := root.Auth().Token()
	made := must[*vault.Secret](t)(tokens.CreateWithRole(&vault.TokenCreateRequest{EntityAlias: "ci-one"}, "go-full")).Auth
	look := must[*vault.Secret](t)(tokens.LookupAccessor(made.Accessor)).Data
	equal(t, look["path"].(string), "auth/token/create/go-full/nightly")
	equal(t, number(t, look["explicit_max_ttl"]), 1200)
	equal(t, number(t, look["num_uses"]), 3)
	equal(t, look["bound_cidrs"].([]any)[0].(string), "127.0.0.1")
	equal(t, made.EntityID != "" && !made.Renewable, true)
	equal(t, len(made.Policies), 1)
	_, err := tokens.CreateWithRole(&vault.TokenCreateRequest{Policies: []string{"default"}}, "go-full")
	status(t, err, http.StatusBadRequest)
	_, err = tokens.CreateWithRole(&vault.TokenCreateRequest{EntityAlias: "other"}, "go-full")
	status(t, err, http.StatusBadRequest)
	write(t, root, path, data{"token_bound_cidrs": "203.0.113.0/24"})
	elsewhere := must[*vault.Secret](t)(tokens.CreateWithRole(&vault.TokenCreateRequest{}, "go-full")).Auth
	_, err = as(t, root, elsewhere.ClientToken).Auth().Token().LookupSelf()
	status(t, err, http.StatusForbidden)
}

func TestAccessorsAndTidy(t *testing.T) {
	root := rootClient(t)
	auth := createToken(t, root, &vault.TokenCreateRequest{Policies: []string{"default"}})
	found := must[*vault.Secret](t)(root.Logical().List("auth/token/accessors")).Data["keys"].([]any)
	has := func() (is bool) {
		for _, each := range found {
			is = is || each.(string) == auth.Accessor
		}
		return
	}
	equal(t, has(), true)
	check(t, root.Auth().Token().RevokeAccessor(auth.Accessor))
	found = must[*vault.Secret](t)(root.Logical().List("auth/token/accessors")).Data["keys"].([]any)
	equal(t, has(), false)
	tidied := must[*vault.Secret](t)(root.Logical().Write("auth/token/tidy", nil))
	equal(t, len(tidied.Warnings), 1)
	_, err := withPolicy(t, root, "go-accessors", `path "auth/token/accessors" { capabilities = ["list"] }`).Logical().List("auth/token/accessors")
	status(t, err, http.StatusForbidden)
}
