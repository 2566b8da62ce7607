package gatewaytest

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"entrepot/store"
	"entrepot/store/kv"
	"entrepot/store/kv/pgkv"
)

// usual returns the engine of fixtures that name none: the adversarial memory
// engine, or one of its own on the PostgreSQL server that TEST_POSTGRES names,
// so that all tests can be run there as well ("make postgres").
func usual(tb testing.TB) kv.Engine {
	dsn := os.Getenv("TEST_POSTGRES")
	if dsn == "" {
		return Adversary(tb)
	}
	tb.Helper()
	e, err := pgkv.Open(tb.Context(), dsn, pgkv.Options{
		Schema: "test_" + strings.ToLower(rand.Text()), Counters: store.CounterTables(), MaxConns: 8,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	return e
}
