package kvtest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main runs the tests of a package and afterwards ends what they share, and
// fails where goroutines are left over. Those that are about to end get a
// minute for it: slow machines need it. The result is the exit code.
func Main(m *testing.M, end func()) int {
	code := m.Run()
	end()
	if code != 0 {
		return code
	}
	err := goleak.Find()
	for limit := time.Now().Add(time.Minute); err != nil && time.Now().Before(limit); {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
