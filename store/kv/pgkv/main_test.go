package pgkv_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/kvtest"
	"entrepot/store/kv/pgkv"
	"entrepot/store/kv/pgkv/pgtest"
)

// server is the cluster that the tests of this package share, each in a
// schema of its own. It is started by the first test that needs it.
var server struct {
	once    sync.Once
	dir     string
	cluster *pgtest.Cluster
	err     error
	schemas atomic.Int64
}

func TestMain(m *testing.M) {
	os.Exit(kvtest.Main(m, func() {
		if server.cluster != nil {
			server.cluster.Close()
		}
		if server.dir != "" {
			_ = os.RemoveAll(server.dir)
		}
	}))
}

// cluster returns the shared server.
func cluster(t testing.TB) *pgtest.Cluster {
	t.Helper()
	server.once.Do(func() {
		if server.dir, server.err = os.MkdirTemp("", "pgkv"); server.err == nil {
			server.cluster, server.err = pgtest.New(server.dir)
		}
	})
	pgtest.Need(t, server.err)
	return server.cluster
}

// schema returns a name that no other test uses.
func schema() string { return fmt.Sprintf("Store %d", server.schemas.Add(1)) }

// open returns a new engine on the shared server.
func open(t testing.TB) kv.Engine { return openWith(t, pgkv.Options{}) }

// openWith returns an engine with options in a new schema, unless they name
// one.
func openWith(t testing.TB, opt pgkv.Options) *pgkv.Engine {
	t.Helper()
	if opt.Schema == "" {
		opt.Schema = schema()
	}
	e, err := pgkv.Open(t.Context(), cluster(t).DSN(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// reopen closes an engine and opens its schema again.
func reopen(t testing.TB, e kv.Engine) kv.Engine {
	t.Helper()
	name := e.(*pgkv.Engine).Schema()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return openWith(t, pgkv.Options{Schema: name})
}
