package pgkv

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// A link is one connection with its prepared statements.
type link struct {
	pg         *pgconn.PgConn
	statements [statements]*pgconn.StatementDescription
	shard      int16  // the row of each counter that this connection changes
	epoch      string // life of the server: changes with each crash and fail-over
}

// linkKey is where a connection keeps its link.
const linkKey = "pgkv"

// linkOf returns the link of a connection that connected has seen.
func linkOf(pg *pgconn.PgConn) *link { return pg.CustomData()[linkKey].(*link) }

// prepare prepares all statements in one round trip.
func (l *link) prepare(ctx context.Context, sql *[statements]string) error {
	p := l.pg.StartPipeline(ctx)
	for i, text := range sql {
		p.SendPrepare(statementName(statement(i)), text, nil)
	}
	err := p.Sync()
	for i := range l.statements {
		if err != nil {
			break
		}
		var answer any
		if answer, err = p.GetResults(); err != nil {
			err = fmt.Errorf("preparing statement %d: %w", i, err)
			break
		}
		described, ok := answer.(*pgconn.StatementDescription)
		if !ok {
			err = fmt.Errorf("preparing statement %d: unexpected answer %T", i, answer)
			break
		}
		described.Name = statementName(statement(i)) // the answer does not repeat it
		l.statements[i] = described
	}
	if closed := p.Close(); err == nil {
		err = closed
	}
	return err
}

// statementName returns the name that a statement has on the server.
func statementName(s statement) string { return "s" + strconv.Itoa(int(s)) }

// A step is one statement of a round trip.
type step struct {
	statement statement
	params    [][]byte
	// row takes one row of the answer; its slices die when it returns.
	row func(values [][]byte) error
	// done takes the command's tag.
	done func(tag pgconn.CommandTag)
}

// binaryFormat says that all parameters or columns are binary.
func binaryFormat() []int16 { return []int16{1} }

// trip sends steps to the server in one go and waits for all answers. The
// first error of a step is returned, and the server skips all steps behind
// it; other errors mean that the connection is gone.
func (l *link) trip(ctx context.Context, steps []step) error {
	p := l.pg.StartPipeline(ctx)
	binary := binaryFormat()
	for _, s := range steps {
		p.SendQueryStatement(l.statements[s.statement], s.params, binary, binary)
	}
	if err := p.Sync(); err != nil {
		_ = p.Close() // it repeats the error
		return err
	}
	err := receive(p, steps)
	if closed := p.Close(); err == nil {
		err = closed
	}
	return err
}

// receive reads the answers to steps. A PgError of one step does not end the
// reading.
func receive(p *pgconn.Pipeline, steps []step) error {
	var failed error
	for at := 0; ; at++ {
		results, err := p.GetResults()
		if err == nil {
			switch r := results.(type) {
			case nil, *pgconn.PipelineSync:
				return failed
			case *pgconn.ResultReader:
				err = read(r, steps[at])
			default:
				err = fmt.Errorf("unexpected answer %T", results)
			}
		}
		var refused *pgconn.PgError
		switch {
		case err == nil:
		case !errors.As(err, &refused):
			return errors.Join(failed, err)
		case failed == nil:
			failed = err
		}
	}
}

// read takes the rows of one step.
func read(r *pgconn.ResultReader, s step) error {
	var err error
	for r.NextRow() {
		if s.row != nil && err == nil {
			err = s.row(r.Values())
		}
	}
	tag, closed := r.Close()
	if closed != nil {
		return closed
	}
	if s.done != nil {
		s.done(tag)
	}
	return err
}
