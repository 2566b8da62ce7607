package boltkv_test

import (
	"path/filepath"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
	"entrepot/store/kv/kvtest"
)

// open returns a new engine in a directory of the test's.
func open(t testing.TB) kv.Engine {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "store.db"))
}

// openAt opens the engine at path with the options of production.
func openAt(t testing.TB, path string) *boltkv.Engine {
	t.Helper()
	e, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// reopen closes an engine and opens its file again.
func reopen(t testing.TB, e kv.Engine) kv.Engine {
	t.Helper()
	path := e.(*boltkv.Engine).Path()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return openAt(t, path)
}

func TestEnginePassesTheSuite(t *testing.T) { kvtest.Run(t, open, reopen) }

func FuzzEngineEqualsAModel(f *testing.F) { kvtest.Fuzz(f, open) }
