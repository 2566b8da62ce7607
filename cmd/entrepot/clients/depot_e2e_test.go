//go:build e2e

package clients_test

import (
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
