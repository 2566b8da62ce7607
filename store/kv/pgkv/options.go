package pgkv

import (
	"log/slog"
	"time"

	"entrepot/store/kv"
)

// Defaults of Options.
const (
	DefaultSchema   = "entrepot"
	DefaultMaxConns = 32
	DefaultTimeout  = 30 * time.Second
	DefaultPatience = 15 * time.Second
)

// Options tune an Engine. The zero value is right for production.
type Options struct {
	// Logger receives retries and resolved outcomes; nil discards.
	Logger *slog.Logger

	// Schema is the database schema that holds the store. Stores in different
	// schemas of one database do not meet. "" means DefaultSchema.
	Schema string

	// MaxConns is the largest number of connections: how many transactions may
	// be under way at once, of which three quarters may be Updates. 0 means
	// DefaultMaxConns.
	MaxConns int

	// Counters names the tables in which Add may be used. Reads of all other
	// tables need not look for counters, and an Add there fails its Update.
	// All programs on one store must name the same. nil means every table.
	Counters []kv.Table

	// Timeout is how long one round trip may take, the wait for locks included.
	// A transaction that does nothing for as long is ended by the server, so
	// that a gateway which was stopped and continued cannot finish it. 0 means
	// DefaultTimeout.
	Timeout time.Duration

	// Patience is how long a transaction goes on trying while the server is
	// away, and how long the outcome of a lost COMMIT is asked for. 0 means
	// DefaultPatience.
	Patience time.Duration

	// AllowUnsafe accepts servers that may lose or tear committed
	// transactions in a crash. For tests only.
	AllowUnsafe bool
}

// withDefaults returns o with zero fields replaced.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Schema == "" {
		o.Schema = DefaultSchema
	}
	if o.MaxConns <= 0 {
		o.MaxConns = DefaultMaxConns
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Patience <= 0 {
		o.Patience = DefaultPatience
	}
	return o
}

// counterTables returns which tables may hold counters.
func (o Options) counterTables() *[256]bool {
	var set [256]bool
	for i := range set {
		set[i] = o.Counters == nil
	}
	for _, t := range o.Counters {
		set[t] = true
	}
	return &set
}
