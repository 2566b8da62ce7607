package pgkv

import "context"

// CommitName returns the name of the prepared COMMIT, by which a proxy finds
// it in the stream.
func CommitName() string { return statementName(commit) }

// ProveLocksOnOneConnection runs the proof of the locks with a second
// connection that is the first.
func (e *Engine) ProveLocksOnOneConnection(ctx context.Context) error {
	conn, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer closeQuietly(ctx, conn)
	return e.proveLocks(ctx, conn, conn)
}

// AfterCrash is what is concluded from a transaction's status after a crash.
func AfterCrash(status string) (committed bool, doubt bool) {
	committed, err := afterCrash(status)
	return committed, err != nil
}
