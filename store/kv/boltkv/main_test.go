package boltkv_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain turns the test program into the victim of a crash test when it
// was started as one.
func TestMain(m *testing.M) {
	if path := os.Getenv(victimEnv); path != "" {
		victim(path)
		return
	}
	goleak.VerifyTestMain(m)
}
