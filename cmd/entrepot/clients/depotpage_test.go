package clients_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// example returns the code of docs/depot-api.md that is marked to be run by a
// program.
func example(t *testing.T, program string) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/depot-api.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- run: " + program + " -->\n```[a-z]+\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatalf("docs/depot-api.md has nothing for %s to run", program)
	}
	return string(block[1])
}

// runExample runs an example of the page against the gateway.
func (s *server) runExample(t *testing.T, code, suffix string, argv ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "example"+suffix)
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	return command{
		args: append(argv, file), env: []string{"SALT=" + s.salt(), "URL=" + s.url + "/yvva/api/api.htm"},
	}.must(t)
}

func TestDepotPagesShellExampleRuns(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	need(t, "md5sum", "coreutils")
	s := start(t, setting{})
	printed := s.runExample(t, example(t, "sh"), ".sh", "sh")
	replies := regexp.MustCompile(`(?s)<teamdrive>.*?</teamdrive>`).FindAllString(printed, -1)
	if len(replies) != 2 {
		t.Fatalf("printed %s", printed)
	}
	var made, found depotReply
	if err := xml.Unmarshal([]byte(replies[0]), &made); err != nil || made.ID == "" {
		t.Errorf("%v in %s", err, replies[0])
	}
	if err := xml.Unmarshal([]byte(replies[1]), &found); err != nil || len(found.Depot) != 1 || found.Depot[0].ID != made.ID {
		t.Errorf("%v in %s", err, replies[1])
	}
}

func TestDepotPagesPythonExampleRuns(t *testing.T) {
	t.Parallel()
	need(t, "python3", "python3")
	s := start(t, setting{})
	printed := s.runExample(t, example(t, "python3"), ".py", "python3")
	if !regexp.MustCompile(`^-30305 Decreasing Depot failed\n\d+ 5369757696 alice,bob\n$`).MatchString(printed) {
		t.Errorf("printed %s", printed)
	}
}

func TestDepotPagesGoExampleRuns(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	printed := s.runExample(t, example(t, "go"), ".go", "go", "run")
	id := strings.TrimSpace(printed)
	if got := s.depot(t, "getdepotdata", "<username>gopher</username>"); len(got.Depot) != 1 || got.Depot[0].ID != id || got.Depot[0].Limit != 5<<30 {
		t.Errorf("printed %s, there is %+v", printed, got)
	}
}

// The commands that a person pastes at the first start sign their request by
// themselves.
func TestDepotCommandLineReachesAServedGateway(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	listen := "ENTREPOT_LISTEN=" + strings.TrimPrefix(s.url, "http://")
	entrepot := func(args ...string) string {
		return strings.TrimSpace(command{args: append([]string{binary, "depot", "--data", s.data}, args...), env: []string{listen}}.must(t))
	}
	id := entrepot("create", "erika", "--storage", "5MiB")
	s.entrepot("erika's\n", "user", "passwd", "erika", "--password-file", "-")
	erika := login{"erika", "erika's"}
	space := entrepot("create-space", "erika", id, "pictures")
	s.expect(201, erika, "PUT", "/dav/pictures/a.bin", string(content(1, 1<<20)))
	if got := entrepot("spaces", "erika"); !strings.Contains(got, space) || !strings.Contains(got, "1.0 MiB") {
		t.Errorf("spaces: %s", got)
	}
	entrepot("delete-space", "erika", id, space, "--yes")
	s.expect(404, erika, "GET", "/dav/pictures/a.bin", "")
	s.expect(201, erika, "MKCOL", "/dav/letters/", "")
	if got := entrepot("spaces", "erika"); strings.Count(got, "activated") != 1 {
		t.Errorf("a space that WebDAV made: %s", got)
	}
}

// The settings that the page of operations shows are understood.
func TestDepotSettingsOfTheOperationsPageAreUnderstood(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```toml\n.*?(\\[depot\\]\n.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/operations.md shows no settings of the depot API")
	}
	file := filepath.Join(t.TempDir(), "entrepot.toml")
	if err := os.WriteFile(file, block[1], 0o600); err != nil {
		t.Fatal(err)
	}
	printed := command{args: []string{binary, "config", "--config", file}}.must(t)
	for _, line := range []string{`big_int = "i8"`, "log_days = 90", `url = "https://us.example.org/"`} {
		if !strings.Contains(printed, line) {
			t.Errorf("%s is not among\n%s", line, printed)
		}
	}
}

func TestPythonPutsCallsTogether(t *testing.T) {
	t.Parallel()
	need(t, "python3", "python3")
	s := start(t, setting{})
	printed := command{
		args: []string{"python3", "testdata/multicall.py"}, env: []string{"SALT=" + s.salt(), "URL=" + s.url + "/RPC2", "PYTHONIOENCODING=utf-8"},
	}.must(t)
	if want := "True Größe & <Co>\nInvalid Request (5)\n[['struct', 'struct']] 26\n"; printed != want {
		t.Errorf("printed %q, want %q", printed, want)
	}
}

// The proof that the page recommends, computed by openssl.
func TestShellSignsWithAnHMAC(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	need(t, "openssl", "openssl")
	const key = "a key of at least thirty-two characters"
	s := start(t, setting{env: []string{"ENTREPOT_DEPOT_HMAC_KEY=" + key}})
	script := `REQUEST="<teamdrive><command>getdepotdata</command><requesttime>$(date +%s)</requesttime><username>admin</username></teamdrive>"
PROOF=$(printf '%s' "$REQUEST" | openssl dgst -sha256 -hmac "$KEY" | sed 's/.* //')
curl -sS --data-binary "$REQUEST" "$URL?hmac=$PROOF"`
	for key, want := range map[string]string{key: "<isdefault>true</isdefault>", key + "x": "<secondarycode>2</secondarycode>"} {
		printed := command{args: []string{"sh", "-c", script}, env: []string{"KEY=" + key, "URL=" + s.url + "/RPC2"}}.must(t)
		if !strings.Contains(printed, want) {
			t.Errorf("with the key %q: %s", key, printed)
		}
	}
}
