//go:build e2e

package clients_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// xmlrpc-c's command-line client knows no structs, which commands need; what
// it can call is signed by computing the body that it is going to send.
func TestE2EXMLRPCCommandAsksForHelp(t *testing.T) {
	need(t, "xmlrpc", "libxmlrpc-core-c3-dev")
	need(t, "md5sum", "coreutils")
	s := start(t, setting{})
	printed := s.runExample(t, example(t, "xmlrpc"), ".sh", "sh")
	if !strings.Contains(printed, "disclimit") || !strings.Contains(printed, "-30306") {
		t.Errorf("printed %s", printed)
	}
}

// The library behind that command knows structs, and each call is signed by
// the program.
func TestE2EXMLRPCLibraryAdministersDepots(t *testing.T) {
	need(t, "xmlrpc-c-config", "libxmlrpc-core-c3-dev")
	need(t, "gcc", "gcc")
	need(t, "md5sum", "coreutils")
	s := start(t, setting{})
	program := filepath.Join(t.TempDir(), "depot")
	// The library brings its curl along; the package does not bring curl's.
	libs := strings.ReplaceAll(command{args: []string{"xmlrpc-c-config", "client", "--libs"}}.must(t), "-lcurl", "")
	command{args: append([]string{"gcc", "-Wall", "-o", program, "testdata/depot.c"}, strings.Fields(libs)...)}.must(t)
	out, _, code := command{args: []string{program, s.url + "/RPC2", "cecil"}, env: []string{"SALT=" + s.salt()}}.run(t)
	if code != 1 || !regexp.MustCompile(`^(\d+) (\d+) 5368709120\nfault -30301 .*No Depot for User\n$`).MatchString(out) {
		t.Errorf("exit code %d, printed %s", code, out)
	}
}
