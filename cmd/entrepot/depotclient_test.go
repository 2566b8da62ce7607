package main

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDepotTrustsThePrivateAuthorityOfCAFile calls a gateway whose certificate
// no authority of this machine signed.
func TestDepotTrustsThePrivateAuthorityOfCAFile(t *testing.T) {
	asked := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/RPC2" || r.URL.Query().Get("checksum") == "" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		_, _ = io.WriteString(w, `<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>hosturl</name>`+
			`<value><string>https://here.example/</string></value></member></struct></value></param></params></methodResponse>`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	salt := file("salt", "0123456789abcdef")
	good := file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	for _, c := range []struct {
		name, ca, says string
		code           int
	}{
		{"none", "", "certificate", exitUnreachable},
		{"the authority's", good, "https://here.example/", 0},
		{"of something else", file("bad.pem", "no certificate"), "holds no certificate", exitUsage},
		{"that is not there", filepath.Join(dir, "gone.pem"), "gone.pem", exitUsage},
	} {
		args := []string{"depot", "host", "erika", "--data", dir, "--url", server.URL, "--salt-file", salt}
		if c.ca != "" {
			args = append(args, "--ca-file", c.ca)
		}
		var out bytes.Buffer
		if code := run(t.Context(), args, nil, strings.NewReader(""), &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("a file %s: exit code %d, %s", c.name, code, &out)
		}
	}
	if asked != 1 {
		t.Errorf("the gateway was asked %d times", asked)
	}
}
