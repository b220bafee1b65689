package clients

import (
	"errors"
	"net/http"
	"testing"

	vault "github.com/hashicorp/vault/api"
)

func TestKVv1(t *testing.T) {
	root := rootClient(t)
	enable(t, root, "go-kv1", "kv", map[string]string{"version": "1"})
	kv := root.KVv1("go-kv1")
	check(t, kv.Put(ctx, "a/b", data{"x": "y"}))
	equal(t, must[*vault.KVSecret](t)(kv.Get(ctx, "a/b")).Data["x"].(string), "y")
	check(t, kv.Delete(ctx, "a/b"))
	_, err := kv.Get(ctx, "a/b")
	equal(t, errors.Is(err, vault.ErrSecretNotFound), true)
}

func TestKVv2Versions(t *testing.T) {
	kv := rootClient(t).KVv2("secret")
	first := must[*vault.KVSecret](t)(kv.Put(ctx, "go/app", data{"user": "ada", "password": "one"}))
	equal(t, first.VersionMetadata.Version, 1)
	second := must[*vault.KVSecret](t)(kv.Patch(ctx, "go/app", data{"password": "two"}))
	equal(t, second.VersionMetadata.Version, 2)
	_, err := kv.Put(ctx, "go/app", data{"x": "y"}, vault.WithCheckAndSet(1))
	status(t, err, http.StatusBadRequest)
	third := must[*vault.KVSecret](t)(kv.Patch(ctx, "go/app", data{"host": "db"}, vault.WithMergeMethod(vault.KVMergeMethodReadWrite)))
	equal(t, third.VersionMetadata.Version, 3)
	read := must[*vault.KVSecret](t)(kv.Get(ctx, "go/app"))
	equal(t, read.Data["user"].(string)+read.Data["password"].(string)+read.Data["host"].(string), "adatwodb")
	equal(t, must[*vault.KVSecret](t)(kv.GetVersion(ctx, "go/app", 1)).Data["password"].(string), "one")
	back := must[*vault.KVSecret](t)(kv.Rollback(ctx, "go/app", 1))
	equal(t, back.VersionMetadata.Version, 4)
	equal(t, len(must[[]vault.KVVersionMetadata](t)(kv.GetVersionsAsList(ctx, "go/app"))), 4)
	check(t, kv.DeleteMetadata(ctx, "go/app"))
	_, err = kv.Get(ctx, "go/app")
	equal(t, errors.Is(err, vault.ErrSecretNotFound), true)
	_, err = kv.Patch(ctx, "go/app", data{"x": "y"})
	equal(t, errors.Is(err, vault.ErrSecretNotFound), true)
}

func TestKVv2DeleteUndeleteDestroy(t *testing.T) {
	kv := rootClient(t).KVv2("secret")
	must[*vault.KVSecret](t)(kv.Put(ctx, "go/gone", data{"x": "1"}))
	must[*vault.KVSecret](t)(kv.Put(ctx, "go/gone", data{"x": "2"}))
	check(t, kv.Delete(ctx, "go/gone"))
	deleted := must[*vault.KVSecret](t)(kv.Get(ctx, "go/gone"))
	equal(t, deleted.Data == nil && !deleted.VersionMetadata.DeletionTime.IsZero(), true)
	check(t, kv.Undelete(ctx, "go/gone", []int{2}))
	equal(t, must[*vault.KVSecret](t)(kv.Get(ctx, "go/gone")).Data["x"].(string), "2")
	check(t, kv.DeleteVersions(ctx, "go/gone", []int{1}))
	check(t, kv.Destroy(ctx, "go/gone", []int{1}))
	check(t, kv.Undelete(ctx, "go/gone", []int{1}))
	destroyed := must[*vault.KVSecret](t)(kv.GetVersion(ctx, "go/gone", 1))
	equal(t, destroyed.Data == nil && destroyed.VersionMetadata.Destroyed, true)
}

func TestKVv2Metadata(t *testing.T) {
	kv := rootClient(t).KVv2("secret")
	put := vault.KVMetadataPutInput{MaxVersions: 3, CASRequired: true, CustomMetadata: data{"owner": "ada"}}
	check(t, kv.PutMetadata(ctx, "go/meta", put))
	_, err := kv.Put(ctx, "go/meta", data{"x": "y"})
	status(t, err, http.StatusBadRequest)
	for version := range 5 {
		must[*vault.KVSecret](t)(kv.Put(ctx, "go/meta", data{"x": version}, vault.WithCheckAndSet(version)))
	}
	patch := vault.KVMetadataPatchInput{CustomMetadata: data{"owner": nil, "team": "b"}}
	check(t, kv.PatchMetadata(ctx, "go/meta", patch))
	metadata := must[*vault.KVMetadata](t)(kv.GetMetadata(ctx, "go/meta"))
	equal(t, len(metadata.Versions), 3)
	equal(t, metadata.CurrentVersion, 5)
	equal(t, metadata.OldestVersion, 3)
	equal(t, metadata.CASRequired, true)
	equal(t, len(metadata.CustomMetadata), 1)
	equal(t, metadata.CustomMetadata["team"].(string), "b")
}
