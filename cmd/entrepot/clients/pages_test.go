package clients_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The examples of the pages are what a reader pastes, one after the other: each
// block that is marked to be run, in one shell, against a new gateway. A status
// that is a failure, and a command that fails, fails the page.
func TestExamplesOfThePagesRun(t *testing.T) {
	need(t, "curl", "curl")
	blocks := regexp.MustCompile("(?s)<!-- run: sh -->\n```sh\n(.*?)```")
	for page, least := range map[string]int{"swift.md": 4, "admin-api.md": 2, "operations.md": 1} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("../../../docs/" + page)
			if err != nil {
				t.Fatal(err)
			}
			found := blocks.FindAllSubmatch(text, -1)
			if len(found) < least {
				t.Fatalf("%d blocks to run, want %d", len(found), least)
			}
			s := start(t, setting{})
			dir := t.TempDir()
			script := strings.Builder{}
			script.WriteString("set -eu\ncurl() { command curl -fsS \"$@\"; }\nentrepot() { '" + binary + "' \"$@\"; }\n")
			for _, block := range found {
				script.WriteString(strings.ReplaceAll(string(block[1]), "http://127.0.0.1:8080", s.url))
			}
			for name, text := range map[string]string{"beach.jpg": strings.Repeat("sand", 50), "src/main.c": "int main;", "example.sh": script.String()} {
				file := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			command{args: []string{"sh", "example.sh"}, dir: dir, env: []string{"ENTREPOT_DATA=" + s.data, "PW=" + adminPassword}}.must(t)
		})
	}
}
