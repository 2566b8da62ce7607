package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
)

// withStore writes the configuration of a gateway with a further store.
func withStore(t *testing.T, data, second string) (file string, c config) {
	t.Helper()
	c = defaults()
	c.Data, c.Stores = data, []storeConfig{{ID: 2, Directory: second}}
	file = filepath.Join(t.TempDir(), "entrepot.toml")
	text := fmt.Sprintf("data = %q\n[[stores]]\nid = 2\ndirectory = %q\n", data, second)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, c
}

// inStores calls use with the gateway of a configuration, as a user of it.
func inStores(t *testing.T, c config, use func(context.Context, *gateway.Gateway)) {
	t.Helper()
	o, err := open(t.Context(), c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	use(auth.WithPrincipal(t.Context(), auth.Principal{User: "anna", Account: "press", Role: auth.RoleOwner}), o.gateway)
}

// storeBody is what the tests of several stores put into one of them.
func storeBody(account string) []byte { return bytes.Repeat([]byte(account+" "), 20_000) }

func blobFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// wantBodies reads what storesFilled put.
func wantBodies(t *testing.T, c config) {
	t.Helper()
	inStores(t, c, func(ctx context.Context, g *gateway.Gateway) {
		for _, account := range []string{"press", "press.2"} {
			_, content, err := g.Objects.Open(ctx, gateway.Ref{Account: account, Container: "space", Object: "a"}, gateway.Conditions{})
			if err != nil {
				t.Errorf("%s: %v", account, err)
				continue
			}
			got, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
			if err != nil || !bytes.Equal(got, storeBody(account)) {
				t.Errorf("%s holds %d bytes, %v", account, len(got), err)
			}
			content.Close()
		}
	})
}

// A backup has the content of all stores. It is restored into one directory,
// which serves all of them, also beside an empty directory of the further one.
func TestBackupAndRestoreOfTwoStores(t *testing.T) {
	root := t.TempDir()
	data, second, backup := filepath.Join(root, "data"), filepath.Join(root, "second"), filepath.Join(root, "backup")
	file, c := withStore(t, data, second)
	if code, out := entrepot(t, "user", "add", "anna", "--data", data, "--account", "press", "--password-file", "-"); code != exitOK {
		t.Fatal(out)
	}
	inStores(t, c, func(ctx context.Context, g *gateway.Gateway) {
		for _, account := range []string{"press", "press.2"} {
			ref := gateway.Ref{Account: account, Container: "space"}
			if _, err := g.Spaces.Create(ctx, ref); err != nil {
				t.Fatal(err)
			}
			ref.Object = "a"
			if _, err := g.Objects.Put(ctx, ref, bytes.NewReader(storeBody(account)), gateway.PutOptions{Size: -1}); err != nil {
				t.Fatal(err)
			}
		}
	})
	if one, two := blobFiles(t, filepath.Join(data, blobsName)), blobFiles(t, second); len(one) != 1 || len(two) != 1 {
		t.Fatalf("the stores hold %q and %q", one, two)
	}
	if code, out := entrepot(t, "backup", backup, "--config", file, "--copy"); code != exitOK || !strings.Contains(out, "2 copied") {
		t.Fatalf("%d\n%s", code, out)
	}
	restored := filepath.Join(root, "restored")
	if code, out := entrepot(t, "restore", backup, "--data", restored); code != exitOK || !strings.Contains(out, "\nsound\n") {
		t.Fatalf("%d\n%s", code, out)
	}
	file, c = withStore(t, restored, filepath.Join(root, "new second"))
	wantBodies(t, c)
	if code, out := entrepot(t, "check", "--config", file, "--content"); code != exitOK || !strings.Contains(out, "\nsound\n") {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out := entrepot(t, "sweep", "--config", file, "--grace=0"); code != exitOK || !strings.Contains(out, "0 without a record") {
		t.Errorf("%d\n%s", code, out)
	}
	wantBodies(t, c)
}
