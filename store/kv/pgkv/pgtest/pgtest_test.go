package pgtest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"entrepot/store/kv/pgkv/pgtest"
)

// ask runs a query that answers with one text.
func ask(t *testing.T, c *pgtest.Cluster, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var answer string
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestClusterIsDurableAndOutlivesStopsAndCrashes(t *testing.T) {
	c := pgtest.Start(t)
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		if v := ask(t, c, `SELECT current_setting('`+name+`')`); v != "on" {
			t.Errorf("%s is %s", name, v)
		}
	}
	ask(t, c, `WITH made AS (SELECT lo_from_bytea(1234567, 'kept')) SELECT 'made' FROM made`)
	for _, crash := range []bool{false, true} {
		if err := c.Stop(crash); err != nil {
			t.Fatalf("Stop(%v) = %v", crash, err)
		}
		if conn, err := pgx.Connect(t.Context(), c.DSN()); err == nil {
			_ = conn.Close(t.Context())
			t.Fatal("a stopped server accepts connections")
		}
		if err := c.Stop(crash); err != nil {
			t.Errorf("second Stop = %v", err)
		}
		if err := c.Start("work_mem=5MB"); err != nil {
			t.Fatal(err)
		}
		if v := ask(t, c, `SELECT current_setting('work_mem') || convert_from(lo_get(1234567), 'UTF8')`); v != "5MBkept" {
			t.Errorf("after a stop (crash: %v): %q", crash, v)
		}
	}
}

func TestMissingServerSkipsUnlessItIsRequired(t *testing.T) {
	if !strings.Contains(pgtest.ErrMissing.Error(), pgtest.Package) {
		t.Errorf("%q does not name the package", pgtest.ErrMissing)
	}
	t.Setenv("TEST_CLIENTS", "")
	for _, required := range []bool{false, true} {
		if required {
			t.Setenv("TEST_CLIENTS", "require")
		}
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			pgtest.Need(r, errors.Join(errors.New("cannot start"), pgtest.ErrMissing))
		}()
		<-done
		if r.skipped == required || r.failed != required {
			t.Errorf("required: %v, skipped: %v, failed: %v", required, r.skipped, r.failed)
		}
	}
}

// A recorder notes how a test would end.
type recorder struct {
	testing.TB
	skipped, failed bool
}

func (r *recorder) Helper()      {}
func (r *recorder) Skip(...any)  { r.skipped = true }
func (r *recorder) Fatal(...any) { r.failed = true }
