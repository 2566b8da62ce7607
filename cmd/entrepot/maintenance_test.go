package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
)

// entrepot runs a command line on a data directory and returns the exit code
// and everything it printed.
func entrepot(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var both bytes.Buffer
	code = run(t.Context(), args, nil, strings.NewReader("password"), &both, &both)
	return code, both.String()
}

// filled makes a data directory with an object in the database and one in a
// file, whose path it returns.
func filled(t *testing.T) (data, file string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	if code, out := entrepot(t, "user", "add", "anna", "--data", data, "--account", "press", "--password-file", "-"); code != exitOK {
		t.Fatal(out)
	}
	write(t, data)
	files, err := filepath.Glob(filepath.Join(data, blobsName, "??", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return data, files[0]
}

func write(t *testing.T, data string) {
	t.Helper()
	c := defaults()
	c.Data = data
	o, err := open(t.Context(), c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := auth.WithPrincipal(context.WithoutCancel(t.Context()), auth.Principal{User: "anna", Account: "press", Role: auth.RoleOwner})
	ref := gateway.Ref{Account: "press", Container: "photos"}
	if _, err := o.gateway.Containers.Create(ctx, ref, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"small": 10, "big": 100_000} {
		ref.Object = name
		body := bytes.NewReader(bytes.Repeat([]byte{'x'}, size))
		if _, err := o.gateway.Objects.Put(ctx, ref, body, gateway.PutOptions{Size: int64(size)}); err != nil {
			t.Fatal(err)
		}
	}
}

func spoil(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCheckExitsByWhatItFinds(t *testing.T) {
	data, file := filled(t)
	if code, out := entrepot(t, "check", "--data", data, "--content"); code != exitOK || !strings.Contains(out, "\nsound\n") {
		t.Errorf("%d\n%s", code, out)
	}
	spoil(t, file, 500)
	if code, out := entrepot(t, "check", "--data", data); code != exitOK {
		t.Errorf("a check of records alone read content: %d\n%s", code, out)
	}
	if code, out := entrepot(t, "check", "--data", data, "--content", "--repair"); code != exitFailed || !strings.Contains(out, `object "big"`) {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out := entrepot(t, "events", "--data", data); code != exitOK || !strings.Contains(out, "damage") {
		t.Errorf("%d\n%s", code, out)
	}
	spoil(t, file, 500) // the file is put right
	if code, out := entrepot(t, "check", "--data", data, "--content", "--repair"); code != exitOK || !strings.Contains(out, "(repaired)") {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestCheckRefusesATornDatabaseWithItsName(t *testing.T) {
	data, _ := filled(t)
	db := filepath.Join(data, databaseName)
	content, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	clear(content[:2*os.Getpagesize()])
	if err := os.WriteFile(db, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := entrepot(t, "check", "--data", data); code != exitFailed || !strings.Contains(out, db) {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestBackupAndRestoreFromTheCommandLine(t *testing.T) {
	data, file := filled(t)
	backup, restored := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	if code, out := entrepot(t, "backup", backup, "--data", data, "--copy"); code != exitOK || !strings.Contains(out, "1 copied") {
		t.Fatalf("%d\n%s", code, out)
	}
	spoil(t, file, 500)
	if code, out := entrepot(t, "restore", backup, "--data", data); code != exitFailed || !strings.Contains(out, "not empty") {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out := entrepot(t, "restore", backup, "--data", restored); code != exitOK || !strings.Contains(out, "\nsound\n") {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out := entrepot(t, "check", "--data", restored, "--content"); code != exitOK {
		t.Errorf("%d\n%s", code, out)
	}
	spoil(t, filepath.Join(backup, blobsName, filepath.Base(filepath.Dir(file)), filepath.Base(file)), 500)
	if code, out := entrepot(t, "restore", backup, "--data", restored+"2"); code != exitFailed || !strings.Contains(out, "SHA-256") {
		t.Errorf("%d\n%s", code, out)
	}
	if code, out := entrepot(t, "restore", backup, "--data", restored+"3", "--skip-damaged"); code != exitFailed ||
		!strings.Contains(out, "1 pieces of content are damaged") || !strings.Contains(out, "the content is missing") {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestSweepRemovesAForgottenFile(t *testing.T) {
	data, file := filled(t)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(filepath.Dir(file), strings.Repeat("0", 30)+filepath.Base(filepath.Dir(file)))
	if err := os.WriteFile(orphan, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ flags, want string }{
		{"--dry-run", "1 without a record, 0 removed"}, {"--grace=1h", "1 without a record, 0 removed"},
		{"--grace=0", "1 without a record, 1 removed"}, {"--grace=0", "0 without a record, 0 removed"},
	} {
		if code, out := entrepot(t, "sweep", "--data", data, step.flags); code != exitOK || !strings.Contains(out, step.want) {
			t.Errorf("%s: %d\n%s", step.flags, code, out)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
