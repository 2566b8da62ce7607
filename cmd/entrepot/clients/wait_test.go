package clients_test

import (
	"testing"
	"time"
)

// patience is how long a test waits for what comes about by itself. It is for
// machines that are very slow: nothing waits longer than it takes.
const patience = 5 * time.Minute

// waitFor returns when done says so. what completes "waited in vain for …".
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
