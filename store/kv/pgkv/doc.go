// Package pgkv is the engine of several gateways on one store: the rows lie
// in a PostgreSQL database (version 15 or later). It is the only importer of
// github.com/jackc/pgx.
//
// All rows lie in one table, keyed by the byte of their kv.Table followed by
// their own bytes. PostgreSQL compares bytea values byte by byte, whatever
// the database's encoding and collation are. Counters lie in a second table,
// each of them as up to 32 rows of which a connection always changes its own,
// so that writers who add to the same counter do not wait for each other.
//
// # Transactions
//
// An Update costs two round trips when it reads once. The first carries
// BEGIN, the locks and the first read; the second carries everything that was
// written, and COMMIT. So fn runs up to its first read before the locks are
// held, which a pure function cannot tell. Locks are advisory locks that end
// with the transaction, on 64-bit hashes of the lock keys, taken in the order
// of the hashes. The isolation is READ COMMITTED: a statement sees what was
// committed before it began, hence all that transactions with conflicting
// locks did. Deadlocks and lost connections before COMMIT make fn run again.
//
// Writes are kept in an overlay until the commit. A Scan, DeleteRange or
// MovePrefix of a table that the transaction wrote to sends what was written
// ahead in the same round trip, so the database itself shows a transaction
// its own writes; a Get looks into the overlay.
//
// A View is a REPEATABLE READ transaction that begins with its first read.
// Its end is not waited for.
//
// # A lost COMMIT
//
// When the connection breaks between COMMIT and its answer, the outcome is
// asked for by the transaction's ID over a new connection, and a transaction
// that is still in progress is ended first. Committed: Update returns nil.
// Aborted: fn runs again. IDs that were given out shortly before a crash may
// be given out again after it; an unlogged table, which a crash empties,
// tells that the server crashed in between. Only where that leaves a doubt,
// or where the server stays away for longer than Options.Patience, does
// Update return kv.ErrUnknown.
//
// Writing never stops for good, as it does in an embedded engine: a server
// whose sync fails goes down by itself and recovers from its log.
package pgkv
