package clients

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

func TestInitUnsealSeal(t *testing.T) {
	address, _ := newAddress(t)
	client := clientAt(t, address)
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
	leader := must[*vault.LeaderResponse](t)(sys.Leader())
	equal(t, leader.HAEnabled, false)
	check(t, sys.Seal())
	_, err = client.Logical().Read("cubbyhole/x")
	status(t, err, http.StatusServiceUnavailable)
}

func TestHealth(t *testing.T) {
	health := must[*vault.HealthResponse](t)(rootClient(t).Sys().Health())
	equal(t, health.Initialized && !health.Sealed && !health.Standby, true)
	equal(t, strings.HasPrefix(health.Version, "1."), true)
	equal(t, health.ReplicationPerformanceMode, "disabled")
	equal(t, health.ServerTimeUTC > 0 && health.ClusterID != "", true)
}

func TestRotateConfig(t *testing.T) {
	root := rootClient(t)
	check(t, root.Sys().Rotate())
	before := read(t, root, "sys/rotate/config")
	equal(t, before["enabled"].(bool), true)
	write(t, root, "sys/rotate/config", data{"max_operations": 2_000_000, "interval": "48h"})
	after := read(t, root, "sys/rotate/config")
	equal(t, number(t, after["max_operations"]), 2_000_000)
	equal(t, after["interval"].(string), "48h0m0s")
	_, err := root.Logical().Write("sys/rotate/config", data{"max_operations": -1})
	status(t, err, http.StatusBadRequest)
	write(t, root, "sys/rotate/config", data{"max_operations": before["max_operations"], "interval": "0"})
}

// rekey gives the keys that an operation waits for, and answers what came of the last one.
func rekey(t *testing.T, sys *vault.Sys, nonce string, keys []string) *vault.RekeyUpdateResponse {
	t.Helper()
	var done *vault.RekeyUpdateResponse
	for _, key := range keys {
		done = must[*vault.RekeyUpdateResponse](t)(sys.RekeyUpdate(key, nonce))
	}
	equal(t, done.Complete, true)
	return done
}

func TestRekey(t *testing.T) {
	own := ownInitialised(t)
	sys := own.root.Sys()
	equal(t, must[*vault.RekeyStatusResponse](t)(sys.RekeyStatus()).Started, false)
	request := &vault.RekeyInitRequest{SecretShares: 3, SecretThreshold: 2, RequireVerification: true}
	_, err := as(t, own.root, "").Sys().RekeyInit(request)
	status(t, err, http.StatusForbidden)
	cancelled := must[*vault.RekeyStatusResponse](t)(sys.RekeyInit(request))
	_, err = sys.RekeyInit(request)
	status(t, err, http.StatusBadRequest)
	check(t, sys.RekeyCancel())
	equal(t, must[*vault.RekeyStatusResponse](t)(sys.RekeyStatus()).Started, false)

	begun := must[*vault.RekeyStatusResponse](t)(sys.RekeyInit(request))
	equal(t, begun.Nonce != cancelled.Nonce && begun.VerificationRequired, true)
	_, err = sys.RekeyUpdate(own.keys[0], cancelled.Nonce)
	status(t, err, http.StatusBadRequest)
	fresh := rekey(t, sys, begun.Nonce, own.keys[:2])
	equal(t, len(fresh.KeysB64), 3)
	equal(t, must[*vault.RekeyVerificationStatusResponse](t)(sys.RekeyVerificationStatus()).N, 3)
	// Unverified, the old keys are still the ones that count.
	_, err = sys.RekeyVerificationUpdate(own.keys[0], fresh.VerificationNonce)
	check(t, err)
	_, err = sys.RekeyVerificationUpdate(own.keys[1], fresh.VerificationNonce)
	status(t, err, http.StatusBadRequest)
	check(t, sys.Seal())
	unseal(t, own.root, own.keys[:2])
	equal(t, must[*vault.RekeyStatusResponse](t)(sys.RekeyStatus()).Started, false)

	begun = must[*vault.RekeyStatusResponse](t)(sys.RekeyInit(request))
	fresh = rekey(t, sys, begun.Nonce, own.keys[1:])
	var verified *vault.RekeyVerificationUpdateResponse
	for _, key := range fresh.Keys[:2] {
		verified = must[*vault.RekeyVerificationUpdateResponse](t)(sys.RekeyVerificationUpdate(key, fresh.VerificationNonce))
	}
	equal(t, verified.Complete, true)
	check(t, sys.Seal())
	_, err = sys.Unseal(own.keys[0])
	check(t, err)
	_, err = sys.Unseal(own.keys[1])
	status(t, err, http.StatusBadRequest)
	unseal(t, own.root, fresh.Keys[1:])
	generateRoot(t, own.root, fresh.Keys[:2])
}

func generateRoot(t *testing.T, client *vault.Client, keys []string) {
	t.Helper()
	sys := client.Sys()
	equal(t, must[*vault.GenerateRootStatusResponse](t)(sys.GenerateRootStatus()).Started, false)
	must[*vault.GenerateRootStatusResponse](t)(sys.GenerateRootInit("", ""))
	check(t, sys.GenerateRootCancel())
	attempt := must[*vault.GenerateRootStatusResponse](t)(sys.GenerateRootInit("", ""))
	equal(t, len(attempt.OTP), attempt.OTPLength)
	must[*vault.GenerateRootStatusResponse](t)(sys.GenerateRootUpdate(keys[0], attempt.Nonce))
	done := must[*vault.GenerateRootStatusResponse](t)(sys.GenerateRootUpdate(keys[1], attempt.Nonce))
	equal(t, done.Complete, true)
	token := must[[]byte](t)(base64.RawStdEncoding.DecodeString(done.EncodedToken))
	for index := range token {
		token[index] ^= attempt.OTP[index]
	}
	self := must[*vault.Secret](t)(as(t, client, string(token)).Auth().Token().LookupSelf())
	equal(t, must[[]string](t)(self.TokenPolicies())[0], "root")
}

func TestLeaderAndSteppingDown(t *testing.T) {
	root := rootClient(t)
	check(t, root.Sys().StepDown())
	ha := must[*vault.HAStatusResponse](t)(root.Sys().HAStatus())
	equal(t, len(ha.Nodes), 1)
	equal(t, ha.Nodes[0].ActiveNode, true)
}
