package boltkv

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"

	"entrepot/store/kv"
)

// Backup writes the whole database as it was last committed to w, then calls
// then with a reader of the same state. It works beside writers, but space is
// not used again until it is over. What it wrote is a database that Open
// opens; the bytes are not the file's own, whose meta pages differ.
func (e *Engine) Backup(ctx context.Context, w io.Writer, then func(kv.Reader) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := e.db.Begin(false)
	if err != nil {
		return fmt.Errorf("boltkv: backup: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // a view's end cannot fail
	if _, err := tx.WriteTo(untilDone{ctx, w}); err != nil {
		return fmt.Errorf("boltkv: backup: %w", err)
	}
	defer catchFault(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r := viewer{limits: kv.DefaultLimits}
	r.rows.reset(tx)
	return then(&r)
}

// untilDone writes until a context ends.
type untilDone struct {
	ctx context.Context // of the one call that writes
	w   io.Writer
}

// Write implements io.Writer.
func (u untilDone) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}
