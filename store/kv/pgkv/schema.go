package pgkv

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// Format is the number of the layout that this program reads and writes.
const Format = 1

// shards is how many rows make up one counter.
const shards = 32

// A statement names one of the prepared statements of a connection.
type statement int

// The statements. Ranges have an inclusive first and an exclusive last key.
const (
	beginUpdate    statement = iota
	beginView                //
	commit                   //
	rollback                 //
	takeLocks                // hashes, shared → void, transaction ID
	ownID                    // → transaction ID
	getRows                  // keys → number of the key, value
	getCounters              // keys → number of the key, value
	scanUp                   // from, to, limit, keys only → key, value
	scanDown                 //
	countersUp               // from, to, limit → key, value
	countersDown             //
	rollUp                   // from, to, delimiter, skip, limit, keys only → key, value, length of the run's name
	rollDown                 //
	rollCountersUp           //
	rollCountersDown
	putRows        // keys, values
	deleteRows     // keys
	deleteCounters // keys
	addCounters    // shard, keys, deltas
	deleteRange    // from, to, limit → whether rows are left
	deleteRangeAll // the same where the table may hold counters
	movePrefix     // from, from's end, to, to's end, offset of the rest, limit + 1, growth, longest key
	statements     // number of statements; not a statement
)

// sqlOf returns the text of every statement for a schema.
func sqlOf(schema string) [statements]string {
	const move = `
WITH found AS MATERIALIZED (
	SELECT count(*) AS n, coalesce(max(length(key)), 0) AS longest
	FROM (SELECT key FROM S.rows WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $6::int8) AS matching
), taken AS MATERIALIZED (
	SELECT EXISTS (SELECT FROM S.rows WHERE key >= $3 AND key < $4 AND NOT (key >= $1 AND key < $2))
		OR EXISTS (SELECT FROM S.counters WHERE key >= $1 AND key < $2)
		OR EXISTS (SELECT FROM S.counters WHERE key >= $3 AND key < $4) AS taken
), gone AS (
	DELETE FROM S.rows WHERE key >= $1 AND key < $2
		AND (SELECT n < $6::int8 AND longest + $7::int8 <= $8::int8 AND NOT taken FROM found, taken)
	RETURNING key, value
), put AS (
	INSERT INTO S.rows (key, value)
	SELECT $3::bytea || substring(key FROM $5::int4), value FROM gone ORDER BY key
	RETURNING 1
)
SELECT n, longest::int8, taken, (SELECT count(*) FROM put) FROM found, taken`
	const clear = `
WITH rest AS MATERIALIZED (
	SELECT key FROM S.rows WHERE key >= $1 AND key < $2 ORDER BY key OFFSET $3::int8 LIMIT 1
), gone AS (
	DELETE FROM S.rows WHERE key >= $1 AND key < coalesce((SELECT key FROM rest), $2)
)
SELECT EXISTS (SELECT FROM rest)`
	const clearAll = `
WITH rest AS MATERIALIZED (
	SELECT key FROM (
		(SELECT key FROM S.rows WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3::int8 + 1)
		UNION ALL
		(SELECT DISTINCT key FROM S.counters WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3::int8 + 1)
	) AS both_kinds ORDER BY key OFFSET $3::int8 LIMIT 1
), gone AS (
	DELETE FROM S.rows WHERE key >= $1 AND key < coalesce((SELECT key FROM rest), $2)
), gone_counters AS (
	DELETE FROM S.counters WHERE key >= $1 AND key < coalesce((SELECT key FROM rest), $2)
)
SELECT EXISTS (SELECT FROM rest)`
	const scan = `SELECT key, CASE WHEN $4::bool THEN NULL ELSE value END FROM S.rows WHERE key >= $1 AND key < $2 ORDER BY key `
	const sums = `SELECT key, int8send(sum(n)::int8) FROM S.counters WHERE key >= $1 AND key < $2 GROUP BY key ORDER BY key `
	list := [statements]string{
		beginUpdate: `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`,
		beginView:   `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`,
		commit:      `COMMIT`,
		rollback:    `ROLLBACK`,
		takeLocks: `SELECT CASE WHEN shared THEN pg_advisory_xact_lock_shared(hash) ELSE pg_advisory_xact_lock(hash) END, pg_current_xact_id()
			FROM unnest($1::int8[], $2::bool[]) AS wanted(hash, shared)`,
		ownID: `SELECT pg_current_xact_id()`,
		getRows: `SELECT wanted.i, r.value FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted(key, i)
			JOIN S.rows AS r ON r.key = wanted.key`,
		getCounters: `SELECT wanted.i, int8send(sum(c.n)::int8) FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted(key, i)
			JOIN S.counters AS c ON c.key = wanted.key GROUP BY wanted.i`,
		scanUp:           scan + `LIMIT $3::int8`,
		scanDown:         scan + `DESC LIMIT $3::int8`,
		countersUp:       sums + `LIMIT $3::int8`,
		countersDown:     sums + `DESC LIMIT $3::int8`,
		rollUp:           `SELECT * FROM S.rows_up($1, $2, $3, $4, $5, $6)`,
		rollDown:         `SELECT * FROM S.rows_down($1, $2, $3, $4, $5, $6)`,
		rollCountersUp:   `SELECT * FROM S.counters_up($1, $2, $3, $4, $5, $6)`,
		rollCountersDown: `SELECT * FROM S.counters_down($1, $2, $3, $4, $5, $6)`,
		putRows: `INSERT INTO S.rows (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[])
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
		deleteRows:     `DELETE FROM S.rows WHERE key = ANY ($1::bytea[])`,
		deleteCounters: `DELETE FROM S.counters WHERE key = ANY ($1::bytea[])`,
		addCounters: `INSERT INTO S.counters (key, shard, n) SELECT key, $1::int2, n FROM unnest($2::bytea[], $3::int8[]) AS added(key, n)
			ON CONFLICT (key, shard) DO UPDATE SET n = S.counters.n + excluded.n`,
		deleteRange:    clear,
		deleteRangeAll: clearAll,
		movePrefix:     move,
	}
	for i := range list {
		list[i] = inSchema(schema, list[i])
	}
	return list
}

// inSchema puts the quoted name of the schema for each "S." in sql.
func inSchema(schema, sql string) string {
	return strings.ReplaceAll(sql, "S.", pgx.Identifier{schema}.Sanitize()+".")
}

// creation returns the statements that make an empty store.
func creation(schema string) []string {
	list := []string{
		// Values are sealed or random: compressing them is work for nothing. A
		// row of small content stays in one page.
		`CREATE TABLE S.rows (key bytea PRIMARY KEY, value bytea NOT NULL) WITH (fillfactor = 90, toast_tuple_target = 8160)`,
		`ALTER TABLE S.rows ALTER key SET STORAGE EXTERNAL, ALTER value SET STORAGE EXTERNAL`,
		// Room in each page lets a counter be changed in place, without its index.
		`CREATE TABLE S.counters (key bytea, shard int2, n int8 NOT NULL, PRIMARY KEY (key, shard))
			WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)`,
		`CREATE TABLE S.format (version int4 NOT NULL)`,
		`CREATE UNLOGGED TABLE S.alive (one bool PRIMARY KEY CHECK (one), since uuid NOT NULL)`,
		keyAfter,
	}
	rows := `SELECT t.key, CASE WHEN bare THEN NULL ELSE t.value END AS value FROM S.rows AS t WHERE t.key >= lo AND t.key < hi ORDER BY t.key`
	counters := `SELECT t.key, CASE WHEN bare THEN NULL ELSE int8send(sum(t.n)::int8) END AS value FROM S.counters AS t
		WHERE t.key >= lo AND t.key < hi GROUP BY t.key ORDER BY t.key`
	up := []string{"inside", "r.key < stop", "seek", "lo", "stop", "S.key_after(substring(r.key FOR run), hi)"}
	down := []string{"inside", "r.key >= stop", "seek", "hi", "stop", "substring(r.key FOR run)"}
	for _, f := range []struct {
		name, source string
		words        []string
	}{
		{"rows_up", rows, up}, {"rows_down", rows + " DESC", down},
		{"counters_up", counters, up}, {"counters_down", counters + " DESC", down},
	} {
		words := []string{"{name}", f.name, "{source}", f.source}
		for i := 0; i < len(f.words); i += 2 {
			words = append(words, "{"+f.words[i]+"}", f.words[i+1])
		}
		list = append(list, strings.NewReplacer(words...).Replace(roll))
	}
	for i := range list {
		list[i] = inSchema(schema, list[i])
	}
	return list
}

// keyAfter returns the smallest key behind all that begin with a prefix.
const keyAfter = `
CREATE FUNCTION S.key_after(prefix bytea, otherwise bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	FOR i IN REVERSE length(prefix) - 1 .. 0 LOOP
		IF get_byte(prefix, i) < 255 THEN
			RETURN set_byte(substring(prefix FOR i + 1), i, get_byte(prefix, i) + 1);
		END IF;
	END LOOP;
	RETURN otherwise;
END $$`

// roll is a scan that shows the first row of each run of rows that agree up
// to the delimiter. It steps over three more rows of a run and seeks past the
// rest, so that neither large runs nor many small ones are dear. n bounds the
// rows shown.
const roll = `
CREATE FUNCTION S.{name}(lo bytea, hi bytea, delim bytea, skip int4, n int4, bare bool)
RETURNS TABLE (k bytea, v bytea, run int4) LANGUAGE plpgsql STABLE AS $$
DECLARE
	r record;
	stop bytea;
	steps int4;
	found_at int4;
	again bool;
BEGIN
	LOOP
		again := false;
		FOR r IN {source} LOOP
			IF {inside} THEN
				steps := steps + 1;
				IF steps > 3 THEN
					again := true;
					{seek} := stop;
					EXIT;
				END IF;
				CONTINUE;
			END IF;
			k := r.key;
			v := r.value;
			run := 0;
			stop := NULL;
			found_at := position(delim IN substring(r.key FROM skip + 1));
			IF found_at > 0 THEN
				run := skip + found_at - 1 + length(delim);
				stop := {stop};
				steps := 0;
			END IF;
			RETURN NEXT;
			n := n - 1;
			IF n <= 0 THEN
				RETURN;
			END IF;
		END LOOP;
		EXIT WHEN NOT again;
	END LOOP;
END $$`
