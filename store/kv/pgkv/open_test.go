package pgkv_test

import (
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"entrepot/store/kv"
	"entrepot/store/kv/kvtest"
	"entrepot/store/kv/pgkv"
	"entrepot/store/kv/pgkv/pgtest"
)

// execute runs SQL on the shared server.
func execute(t *testing.T, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), cluster(t).DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// refused opens and wants an error.
func refused(t *testing.T, dsn string, opt pgkv.Options, want error) {
	t.Helper()
	e, err := pgkv.Open(t.Context(), dsn, opt)
	if err == nil {
		_ = e.Close()
	}
	if !errors.Is(err, want) {
		t.Errorf("Open = %v, want %v", err, want)
	}
}

func TestOpenRefusesOtherFormats(t *testing.T) {
	e := openWith(t, pgkv.Options{})
	name := e.Schema()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	table := pgx.Identifier{name, "format"}.Sanitize()
	execute(t, `UPDATE `+table+` SET version = version + 1`)
	refused(t, cluster(t).DSN(), pgkv.Options{Schema: name}, pgkv.ErrFormat)
	execute(t, `DELETE FROM `+table)
	refused(t, cluster(t).DSN(), pgkv.Options{Schema: name}, pgkv.ErrFormat)
}

func TestOpenRefusesUnsafeSettings(t *testing.T) {
	dsn := with(t, "synchronous_commit", "off") // of the session, as ALTER ROLE would
	refused(t, dsn, pgkv.Options{Schema: schema()}, pgkv.ErrUnsafe)
	e, err := pgkv.Open(t.Context(), dsn, pgkv.Options{Schema: schema(), AllowUnsafe: true})
	if err != nil {
		t.Fatalf("Open with AllowUnsafe = %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	own := pgtest.Start(t)
	for _, setting := range []string{"fsync=off", "full_page_writes=off"} {
		if err := own.Stop(false); err != nil {
			t.Fatal(err)
		}
		if err := own.Start(setting); err != nil {
			t.Fatal(err)
		}
		refused(t, own.DSN(), pgkv.Options{}, pgkv.ErrUnsafe)
	}
}

func TestOpenProvesThatLocksExclude(t *testing.T) {
	e := openWith(t, pgkv.Options{})
	defer func() { _ = e.Close() }()
	if err := e.ProveLocksOnOneConnection(t.Context()); !errors.Is(err, pgkv.ErrLocks) {
		t.Errorf("the proof on connections that share their locks = %v", err)
	}
}

func TestEnginesOpenOneNewStoreAtOnce(t *testing.T) {
	name := schema()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			e, err := pgkv.Open(t.Context(), cluster(t).DSN(), pgkv.Options{Schema: name})
			if err != nil {
				t.Errorf("Open = %v", err)
				return
			}
			if err := write(t.Context(), e, key("%p", e)); err != nil {
				t.Error(err)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	e := openWith(t, pgkv.Options{Schema: name})
	defer func() { _ = e.Close() }()
	if rows, counted := count(t, e); len(rows) != 6 || counted != 6 {
		t.Errorf("%d rows, counted %d", len(rows), counted)
	}
}

func TestOrdinaryRoleSuffices(t *testing.T) {
	role := pgx.Identifier{"role of " + schema()}
	execute(t, `CREATE ROLE `+role.Sanitize()+` LOGIN PASSWORD 'secret'`)
	execute(t, `GRANT CREATE ON DATABASE postgres TO `+role.Sanitize())
	dsn, err := url.Parse(cluster(t).DSN())
	if err != nil {
		t.Fatal(err)
	}
	dsn.User = url.UserPassword(role[0], "secret")
	cuts := []cut{cutBefore, cutAfter}
	p := newProxy(t, dsn.Host, func() cut {
		if len(cuts) == 0 {
			return noCut
		}
		next := cuts[0]
		cuts = cuts[1:]
		return next
	})
	dsn.Host = p.addr()
	e, err := pgkv.Open(t.Context(), dsn.String(), pgkv.Options{Schema: schema()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if err := write(t.Context(), e, key("a")); err != nil {
		t.Error(err)
	}
	if rows, counted := count(t, e); len(rows) != 1 || counted != 1 {
		t.Errorf("rows are %v, counted %d", rows, counted)
	}
}

func TestViewsRunWhileUpdatesWaitForALock(t *testing.T) {
	e := openWith(t, pgkv.Options{MaxConns: 4})
	defer func() { _ = e.Close() }()
	held, release := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	var wg sync.WaitGroup
	hold := func() error {
		return e.Update(t.Context(), []kv.Lock{{Key: key("hot")}}, func(tx kv.Tx) error {
			if _, err := tx.Get(key("a")); err != nil {
				return err
			}
			if first.CompareAndSwap(false, true) {
				close(held)
				<-release
			}
			return nil
		})
	}
	for range 8 {
		wg.Go(func() {
			if err := hold(); err != nil {
				t.Error(err)
			}
		})
	}
	<-held
	for range 3 {
		count(t, e)
	}
	close(release)
	wg.Wait()
}

func TestStoresInTwoSchemasDoNotMeet(t *testing.T) {
	a, b := openWith(t, pgkv.Options{}), openWith(t, pgkv.Options{})
	defer func() { _, _ = a.Close(), b.Close() }()
	err := a.Update(t.Context(), []kv.Lock{{Key: key("same")}}, func(tx kv.Tx) error {
		if _, err := tx.Get(key("same")); err != nil {
			return err
		}
		return write(t.Context(), b, key("same")) // under the same lock of another store
	})
	if err != nil {
		t.Fatal(err)
	}
	if rows, _ := count(t, a); len(rows) != 0 {
		t.Errorf("one store has the other's rows: %v", rows)
	}
}

func TestAddOutsideTheCounterTablesFails(t *testing.T) {
	e := openWith(t, pgkv.Options{Counters: []kv.Table{counterTable}})
	defer func() { _ = e.Close() }()
	err := e.Update(t.Context(), nil, func(tx kv.Tx) error { tx.Add(key("n"), 1); return nil })
	if !errors.Is(err, kv.ErrLimit) {
		t.Errorf("Update = %v", err)
	}
	if err := write(t.Context(), e, key("a")); err != nil {
		t.Error(err)
	}
	if rows, counted := count(t, e); len(rows) != 1 || counted != 1 {
		t.Errorf("rows are %v, counted %d", rows, counted)
	}
}

func FuzzEngineWithNamedCounterTablesEqualsAModel(f *testing.F) {
	kvtest.Fuzz(f, func(t testing.TB) kv.Engine {
		return openWith(t, pgkv.Options{Counters: []kv.Table{counterTable}})
	})
}

func TestCloseWaitsForTransactionsUnderWay(t *testing.T) {
	e := openWith(t, pgkv.Options{})
	inside, closed := make(chan struct{}), make(chan error, 1)
	go func() {
		<-inside
		closed <- e.Close()
	}()
	err := e.View(t.Context(), func(r kv.Reader) error {
		if _, err := r.Get(key("a")); err != nil {
			return err
		}
		close(inside)
		select {
		case err := <-closed:
			return errors.Join(errors.New("Close did not wait"), err)
		case <-time.After(20 * time.Millisecond):
		}
		_, err := r.Get(key("b"))
		return err
	})
	if err := errors.Join(err, <-closed); err != nil {
		t.Error(err)
	}
}
