package clients_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// pasted returns the commands that a first start prints.
func pasted(t *testing.T, printed string) string {
	t.Helper()
	_, rest, found := strings.Cut(printed, "\nTry:\n")
	commands, _, ended := strings.Cut(rest, "\n\nready ")
	if !found || !ended {
		t.Fatalf("no commands in\n%s", printed)
	}
	return commands
}

// People copy the commands of the first start into a shell.
func TestFirstStartPrintsCommandsThatWork(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	need(t, "curl", "curl")
	for name, set := range map[string]setting{
		"made password":             {password: "-"},
		"password from environment": {password: adminPassword},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, set)
			commands := pasted(t, s.printed())
			if n := len(lines(commands)); n != 5 {
				t.Errorf("%d lines of commands, want 5:\n%s", n, commands)
			}
			if set.password != "-" && strings.Contains(s.printed(), adminPassword) {
				t.Error("a password from the environment is printed")
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("# Read me\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			script := command{dir: dir, args: []string{"sh", "-e"}, stdin: commands + "\n"}
			if set.password != "-" {
				script.env = []string{"ENTREPOT_ADMIN_PASSWORD=" + adminPassword}
			}
			got := script.must(t)
			if !strings.HasPrefix(got, "README.md\n# Read me\n<?xml") || !strings.Contains(got, "<depot") && !strings.Contains(got, "-30301") {
				t.Errorf("the commands print %q", got)
			}
		})
	}
}

func TestSecretsAreForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	s.expect(201, admin, "PUT", "/dav/box/a", string(content(1, 100000)))
	secrets := 0
	err := filepath.WalkDir(s.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if filepath.Base(filepath.Dir(path)) == "secrets" {
			secrets++
			if info.Mode() != 0o600 {
				t.Errorf("%s has mode %v, want 0600", path, info.Mode())
			}
		}
		return nil
	})
	if err != nil || secrets < 2 {
		t.Errorf("%d secrets, %v", secrets, err)
	}
}

func TestSecondStartKeepsPasswordAndPrintsNone(t *testing.T) {
	t.Parallel()
	first := start(t, setting{password: "-"})
	found := regexp.MustCompile(`user admin, password (\S+)  \(shown only now\)`).FindStringSubmatch(first.printed())
	if found == nil {
		t.Fatalf("no password in\n%s", first.printed())
	}
	made := login{"admin", found[1]}
	first.expect(201, made, "MKCOL", "/dav/box/", "")
	first.expect(201, made, "PUT", "/dav/box/a", "kept")
	first.stop()

	// A password in the environment does not replace the one that is there.
	second := start(t, setting{data: first.data, password: "another"})
	for _, never := range []string{made.password, "another", "first start. Administrator"} {
		if strings.Contains(second.printed(), never) {
			t.Errorf("the second start prints %q:\n%s", never, second.printed())
		}
	}
	if got := second.expect(200, made, "GET", "/dav/box/a", ""); got.body != "kept" {
		t.Errorf("after the restart the file has %q", got.body)
	}
	second.expect(401, login{"admin", "another"}, "GET", "/dav/box/a", "")
	second.stop()
	if !strings.Contains(second.printed(), "ENTREPOT_ADMIN_PASSWORD counts at the first start only") {
		t.Errorf("the second start does not say that the password in the environment is not used:\n%s", second.printed())
	}
}

// Every administrative command works on a store that is served, through the
// socket, and on one that is not.
func TestUserAndKeyCommandsWithAndWithoutServer(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	key := regexp.MustCompile(`^\S{16,}\n$`)
	administer := func(name string) {
		t.Helper()
		s.addUser(name, "shop", "owner", name+"'s password")
		if got := s.entrepot("", "key", "add", "--application", "app of "+name); !key.MatchString(got) {
			t.Errorf("key add prints %q", got)
		}
		if printed := (command{stdin: "x\n", args: []string{binary, "user", "add", name, "--account", "shop", "--password-file", "-", "--data", s.data}}).fails(t); !strings.Contains(printed, "exists already") {
			t.Errorf("adding a user again prints %q", printed)
		}
		if got := s.entrepot("", "user", "list", "--account", "shop"); !regexp.MustCompile(`(?m)^` + name + ` +shop +owner +enabled +yes `).MatchString(got) {
			t.Errorf("user list prints %q", got)
		}
	}
	administer("running")
	s.expect(207, login{"running", "running's password"}, "PROPFIND", "/dav/", "", "Depth: 0")
	tok := s.token(login{"running", "running's password"})

	// A new password counts at once, and ends the tokens of the old one.
	made := strings.TrimSpace(s.entrepot("", "user", "passwd", "running"))
	s.expect(401, login{"running", "running's password"}, "PROPFIND", "/dav/", "", "Depth: 0")
	s.expect(207, login{"running", made}, "PROPFIND", "/dav/", "", "Depth: 0")
	s.expect(401, login{}, "GET", "/v1/AUTH_shop", "", tok)
	s.stop()

	administer("stopped")
	s.entrepot("changed\n", "user", "passwd", "stopped", "--password-file", "-")
	again := start(t, setting{data: s.data})
	again.expect(207, login{"running", made}, "PROPFIND", "/dav/", "", "Depth: 0")
	again.expect(207, login{"stopped", "changed"}, "PROPFIND", "/dav/", "", "Depth: 0")
	again.expect(401, login{"stopped", "stopped's password"}, "PROPFIND", "/dav/", "", "Depth: 0")
}

func TestConfigShowsSettingsWithoutSecrets(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "entrepot.toml")
	if err := os.WriteFile(file, []byte("listen = '127.0.0.1:1234'\n[log]\nlevel = 'warn'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := command{args: []string{binary, "config", "--config", file, "--data", "/somewhere"}, env: []string{
		"ENTREPOT_DEPOT_SALT=open sesame", "ENTREPOT_ADMIN_PASSWORD=" + adminPassword, "ENTREPOT_LOG_LEVEL=error",
	}}.must(t)
	for _, want := range []string{`listen = "127.0.0.1:1234"`, `data = "/somewhere"`, `level = "error"`, `depot salt: from the environment`} {
		if !strings.Contains(got, want) {
			t.Errorf("config does not print %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "sesame") || strings.Contains(got, adminPassword) {
		t.Errorf("config prints a secret:\n%s", got)
	}
}

func TestMistakesInTheConfigurationStopTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, want := range map[string]string{
		"lissten = 'x'":                 "lissten",
		"[swift]\nalow = []":            "alow",
		"allow = ['not an address']":    "not an address",
		"[log]\nlevel = 'loud'":         "log.level",
		"listen = ":                     "entrepot.toml",
		"tls_cert = 'only this one'":    "tls_key",
		"[depot]\nrate_limit = 'quick'": "rate_limit",
	} {
		file := filepath.Join(dir, "entrepot.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		data := filepath.Join(dir, "data")
		_, printed, code := (command{args: []string{binary, "serve", "--config", file, "--data", data, "--listen", "127.0.0.1:0"}}).run(t)
		if code != 2 || !strings.Contains(printed, want) {
			t.Errorf("%q: code %d, prints %q, which lacks %q", text, code, printed, want)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%q: the data directory was made all the same", text)
		}
	}
	_, printed, code := (command{args: []string{binary, "config"}, env: []string{"ENTREPOT_LISTN=x"}}).run(t)
	if code != 2 || !strings.Contains(printed, "ENTREPOT_LISTN") {
		t.Errorf("unknown variable: code %d, prints %q", code, printed)
	}
}

func TestSecondServerOnTheSameDataIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	began := time.Now()
	_, printed, code := (command{args: []string{binary, "serve", "--data", s.data, "--listen", "127.0.0.1:0"}}).run(t)
	if code != 1 || !strings.Contains(printed, "another process") || !strings.Contains(printed, s.data) {
		t.Errorf("code %d, prints %q", code, printed)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the refusal took %v", took)
	}
	s.expect(207, admin, "PROPFIND", "/dav/", "", "Depth: 0")
}

func TestTakenPortIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	data := filepath.Join(t.TempDir(), "data")
	_, printed, code := (command{args: []string{binary, "serve", "--data", data, "--listen", strings.TrimPrefix(s.url, "http://")}}).run(t)
	if code != 1 || !strings.Contains(printed, "address already in use") {
		t.Errorf("code %d, prints %q", code, printed)
	}
}
