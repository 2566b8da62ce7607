package boltkv_test

import (
	"os"
	"testing"

	"entrepot/store/kv/kvtest"
)

// TestMain turns the test program into the victim of a crash test when it
// was started as one.
func TestMain(m *testing.M) {
	if path := os.Getenv(victimEnv); path != "" {
		victim(path)
		return
	}
	os.Exit(kvtest.Main(m, func() {}))
}
