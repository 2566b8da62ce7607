package pgkv

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"entrepot/store/kv"
)

// oldestServer is the oldest version that is accepted, as server_version_num.
const oldestServer = 150000

// Errors of Open.
var (
	// ErrUnsafe: the server may lose or tear what it said is committed.
	ErrUnsafe = errors.New("pgkv: unsafe server settings")
	// ErrFormat: the schema holds a store of another format.
	ErrFormat = errors.New("pgkv: unknown format")
	// ErrLocks: the server's advisory locks do not exclude, as behind a pooler
	// that shares connections between transactions.
	ErrLocks = errors.New("pgkv: advisory locks do not exclude")
	// ErrServer: the server is too old, or is a standby that cannot write.
	ErrServer = errors.New("pgkv: unusable server")
)

// Open opens the store in a PostgreSQL database and makes it when the schema
// holds none. dsn is a connection string as libpq takes it, a URL or key=value
// pairs. Open fails with ErrServer, ErrUnsafe, ErrFormat or ErrLocks when the
// database is not fit; see there.
func Open(ctx context.Context, dsn string, opt Options) (*Engine, error) {
	opt = opt.withDefaults()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("pgkv: %w", err)
	}
	configure(cfg, opt)
	e := newEngine(cfg, opt)
	if err := e.prepareStore(ctx); err != nil {
		return nil, fmt.Errorf("pgkv: opening: %w", err)
	}
	cfg.AfterConnect = e.connected
	if e.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("pgkv: opening: %w", err)
	}
	if err := e.pool.Ping(ctx); err != nil {
		e.pool.Close()
		return nil, fmt.Errorf("pgkv: opening: %w", err)
	}
	return e, nil
}

// configure sets what the engine relies on in every connection.
func configure(cfg *pgxpool.Config, opt Options) {
	cfg.MaxConns = int32(min(opt.MaxConns, 10_000))
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // the first trip tells as well
	conn := cfg.ConnConfig
	conn.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn.BuildContextWatcherHandler = func(pg *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: time.Second}
	}
	for name, value := range map[string]string{
		"search_path":                         "pg_catalog",
		"client_min_messages":                 "warning",
		"statement_timeout":                   "0",
		"lock_timeout":                        "0",
		"idle_in_transaction_session_timeout": strconv.FormatInt(opt.Timeout.Milliseconds(), 10),
		// Every access is by the primary key, and a plan is made once: tables
		// that were empty then must not be read whole ever after.
		"plan_cache_mode":   "force_generic_plan",
		"enable_seqscan":    "off",
		"enable_bitmapscan": "off",
		"enable_hashjoin":   "off",
		"enable_mergejoin":  "off",
		"jit":               "off",
	} {
		conn.RuntimeParams[name] = value
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "entrepot"
	}
}

// prepareStore checks the server and its locks and makes the store.
func (e *Engine) prepareStore(ctx context.Context) error {
	a, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer closeQuietly(ctx, a)
	if err := checkServer(ctx, a, e.opt.AllowUnsafe); err != nil {
		return err
	}
	if err := e.create(ctx, a); err != nil {
		return err
	}
	b, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer closeQuietly(ctx, b)
	return e.proveLocks(ctx, a, b)
}

// connect opens a connection outside the pool.
func (e *Engine) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, e.cfg.ConnConfig.Copy())
}

// closeQuietly says goodbye: a connection that cannot be closed is gone.
func closeQuietly(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// checkServer refuses servers that are old, cannot write, or are not durable.
func checkServer(ctx context.Context, conn *pgx.Conn, allowUnsafe bool) error {
	var version int
	var standby bool
	var fsync, pages, commit string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int4, pg_is_in_recovery(),
		current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')`).
		Scan(&version, &standby, &fsync, &pages, &commit)
	switch {
	case err != nil:
		return err
	case version < oldestServer:
		return fmt.Errorf("%w: version %d, needed is %d", ErrServer, version/10000, oldestServer/10000)
	case standby:
		return fmt.Errorf("%w: it is a standby", ErrServer)
	case allowUnsafe:
		return nil
	}
	for name, value := range map[string]string{"fsync": fsync, "full_page_writes": pages, "synchronous_commit": commit} {
		if value == "off" {
			return fmt.Errorf("%w: %s is off", ErrUnsafe, name)
		}
	}
	return nil
}

// create makes the store in its schema unless there is one, whose format it
// checks.
func (e *Engine) create(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var schema, store bool
		_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, e.hash("open", nil))
		if err == nil {
			err = tx.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL`,
				pgx.Identifier{e.opt.Schema}.Sanitize(), pgx.Identifier{e.opt.Schema, "format"}.Sanitize()).Scan(&schema, &store)
		}
		if err != nil {
			return err
		}
		if store {
			return e.checkFormat(ctx, tx)
		}
		if !schema {
			if _, err := tx.Exec(ctx, `CREATE SCHEMA `+pgx.Identifier{e.opt.Schema}.Sanitize()); err != nil {
				return err
			}
		}
		for _, sql := range creation(e.opt.Schema) {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("making the tables: %w", err)
			}
		}
		_, err = tx.Exec(ctx, inSchema(e.opt.Schema, `INSERT INTO S.format (version) VALUES ($1)`), Format)
		return err
	})
}

// checkFormat refuses a store of another format.
func (e *Engine) checkFormat(ctx context.Context, tx pgx.Tx) error {
	var version int
	err := tx.QueryRow(ctx, inSchema(e.opt.Schema, `SELECT version FROM S.format`)).Scan(&version)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%w: schema %q names none", ErrFormat, e.opt.Schema)
	case err != nil:
		return err
	case version != Format:
		return fmt.Errorf("%w: schema %q has format %d, this program knows format %d", ErrFormat, e.opt.Schema, version, Format)
	}
	return nil
}

// proveLocks takes a lock on one connection and makes sure that another
// cannot have it meanwhile, and can afterwards.
func (e *Engine) proveLocks(ctx context.Context, a, b *pgx.Conn) error {
	hash := e.hash("proof", binary.BigEndian.AppendUint32(nil, a.PgConn().PID()))
	try := func(sql string) (got bool, err error) {
		err = b.QueryRow(ctx, sql, hash).Scan(&got) // a transaction of its own: given back at once
		return got, err
	}
	const exclusive, shared = `SELECT pg_try_advisory_xact_lock($1)`, `SELECT pg_try_advisory_xact_lock_shared($1)`
	for _, proof := range []struct {
		take, try string
		want      bool
	}{
		{`SELECT pg_advisory_xact_lock($1)`, exclusive, false},
		{`SELECT pg_advisory_xact_lock($1)`, shared, false},
		{`SELECT pg_advisory_xact_lock_shared($1)`, exclusive, false},
		{`SELECT pg_advisory_xact_lock_shared($1)`, shared, true},
	} {
		err := pgx.BeginFunc(ctx, a, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, proof.take, hash); err != nil {
				return err
			}
			got, err := try(proof.try)
			if err == nil && got != proof.want {
				err = fmt.Errorf("%w: %s while another held %s gave %v", ErrLocks, proof.try, proof.take, got)
			}
			return err
		})
		if err != nil {
			return err
		}
		if got, err := try(exclusive); err != nil || !got {
			return errors.Join(err, fmt.Errorf("%w: a lock outlived its transaction", ErrLocks))
		}
	}
	return nil
}

// connected makes a connection of the pool ready.
func (e *Engine) connected(ctx context.Context, conn *pgx.Conn) error {
	pg := conn.PgConn()
	l := &link{pg: pg}
	if err := l.prepare(ctx, &e.sql); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, inSchema(e.opt.Schema,
		`INSERT INTO S.alive (one, since) VALUES (true, gen_random_uuid()) ON CONFLICT DO NOTHING`))
	if err != nil {
		return err
	}
	if l.epoch, _, err = e.epoch(ctx, conn); err != nil {
		return err
	}
	l.shard, err = e.claimShard(ctx, conn)
	pg.CustomData()[linkKey] = l
	return err
}

// epoch returns what changes when the server crashes or another takes its
// place, and whether the server can write.
func (e *Engine) epoch(ctx context.Context, conn *pgx.Conn) (epoch string, primary bool, err error) {
	err = conn.QueryRow(ctx, `SELECT NOT pg_is_in_recovery(),
		CASE WHEN pg_is_in_recovery() THEN '' ELSE substring(pg_walfile_name(pg_current_wal_lsn()) FOR 8) END`).Scan(&primary, &epoch)
	if err != nil || !primary {
		return "", primary, err
	}
	var since string
	err = conn.QueryRow(ctx, inSchema(e.opt.Schema, `SELECT coalesce((SELECT since::text FROM S.alive), '')`)).Scan(&since)
	return epoch + " " + since, true, err
}

// claimShard returns a shard that no other connection to the store uses, or
// shares one where all are taken.
func (e *Engine) claimShard(ctx context.Context, conn *pgx.Conn) (int16, error) {
	var shard int16
	err := conn.QueryRow(ctx, `SELECT s::int2 FROM generate_series(0, $2::int8 - 1) AS s WHERE pg_try_advisory_lock($1::int8 + s) LIMIT 1`,
		e.hash("shard", nil)&^(shards-1), shards).Scan(&shard)
	if errors.Is(err, pgx.ErrNoRows) {
		return int16(conn.PgConn().PID() % shards), nil
	}
	return shard, err
}

// hash returns the 64 bits that stand for a lock of this store among the
// server's advisory locks. Two locks of the same hash exclude each other more
// than they must, which is harmless.
func (e *Engine) hash(kind string, row []byte) int64 {
	h := make([]byte, 0, 256)
	h = append(append(append(h, e.opt.Schema...), 0), kind...)
	sum := sha256.Sum256(append(append(h, 0), row...))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// lockHash returns the hash of a lock key.
func (e *Engine) lockHash(k kv.Key) int64 {
	return e.hash("row", append([]byte{byte(k.Table)}, k.Row...))
}
