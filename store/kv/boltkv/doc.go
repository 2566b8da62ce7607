// Package boltkv is the embedded engine: one bbolt file and its log, one
// process, no server. It is the only importer of go.etcd.io/bbolt.
//
// All rows lie in one bucket, keyed by the byte of their table followed by
// their own bytes: each bucket that a commit touches would cost a leaf and
// the path to it, and tables are neighbours in one tree for free.
//
// One goroutine, the combiner, runs all writers. It takes every writer that
// queued while the last commit was under way and commits them together, so
// company costs nothing and a lone writer waits for nobody. A few writers that
// keep coming back are waited for, each for a tenth of a millisecond at most:
// company.go says when. Each writer's function runs on an overlay of its own over the
// overlay of those before it, both over the state that was last committed;
// bbolt's tree is changed only once a batch is complete, in the order of the
// keys, each counter once. Whoever fails or panics is undone alone.
//
// A commit is durable when its record stands in the log, a file of its own
// beside the database, after one sync of blocks that the log already had. Only
// then bbolt writes its pages, without a sync, and readers see them. Now and
// then a checkpoint syncs the pages beside the writers, and notes in the log
// that recovery begins there. Until the next one is noted, a read transaction
// keeps bbolt from using the pages of that state again: whatever part of later
// writes is lost, recovery finds it whole, repeats the records and removes the
// log. A clean Close leaves a plain bbolt file without a log. wal.go says what
// happens when, format.go how a log is laid out, recover.go how Open uses one.
//
// A commit, a checkpoint or a sync that fails ends writing for the life of the
// process: the kernel may have dropped the pages that it could not write, so
// neither the file nor a second sync can be trusted to tell what happened.
// Reads go on. A full volume is met before the log is written and ends
// nothing: the transaction fails with kv.ErrNoSpace.
//
// bbolt's list of free pages is not written with each commit, where it costs
// a megabyte once many rows were deleted, but once when the engine is closed.
// After a crash it is found again by a walk over the tree at open, about a
// second for each million of rows.
//
// bbolt's pages have no checksums, and bbolt meets damage with panics, in that
// walk on a goroutine of its own. So Open walks first, by itself, wherever
// bbolt is going to, and refuses a damaged file with its name and the page
// (0.4 s for each million of rows in memory). Damage that only a reader meets is an error of that reader: panics of
// bbolt and faults of the map are caught (fault.go). CheckPages looks at all
// pages of an open database, Backup copies it.
package boltkv
