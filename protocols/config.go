package protocols

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/protocols/internal/httpkit"
)

// Config says how the front treats connections and requests. The zero value
// is a safe configuration: each field of 0 stands for its default.
type Config struct {
	// Proxies are the addresses whose forwarded headers are believed.
	Proxies auth.Networks
	// Allow limits the addresses that are served at all; empty: every one.
	Allow auth.Networks
	// MetricsFrom may read /metrics, besides the machine itself.
	MetricsFrom auth.Networks
	// AllowPlainHTTP serves requests without TLS from everywhere. Otherwise
	// they are served on loopback listeners, behind Proxies, and to a mount's
	// PlainFrom.
	AllowPlainHTTP bool

	HeaderTimeout time.Duration // for request line and headers; default 10 s
	IdleTimeout   time.Duration // between requests of a connection; default 120 s
	Stall         time.Duration // how long a body may stand still; default 60 s
	MinRate       int64         // bytes per second over Stall that count as moving; default 1,024

	MaxTarget      int // bytes of the request target, else 414; default 8,192
	MaxHeaders     int // header lines, else 431; default 200
	MaxHeaderBytes int // bytes of the header block, else 431; default 64 KiB
	// MaxConnections is how many connections one address may hold; more are
	// closed at once. Proxies and the machine itself are not limited. Default
	// 256.
	MaxConnections int
}

// Defaults of Config.
const (
	defaultHeaderTimeout  = 10 * time.Second
	defaultIdleTimeout    = 120 * time.Second
	defaultStall          = 60 * time.Second
	defaultMinRate        = 1024
	defaultMaxTarget      = 8 << 10
	defaultMaxHeaders     = 200
	defaultMaxHeaderBytes = 64 << 10
	defaultMaxConnections = 256
)

// withDefaults returns c with the defaults filled in.
func (c Config) withDefaults() Config {
	fill(&c.HeaderTimeout, defaultHeaderTimeout)
	fill(&c.IdleTimeout, defaultIdleTimeout)
	fill(&c.Stall, defaultStall)
	fill(&c.MinRate, defaultMinRate)
	fill(&c.MaxTarget, defaultMaxTarget)
	fill(&c.MaxHeaders, defaultMaxHeaders)
	fill(&c.MaxHeaderBytes, defaultMaxHeaderBytes)
	fill(&c.MaxConnections, defaultMaxConnections)
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// deadlines returns the rolling deadlines of bodies.
func (c Config) deadlines() httpkit.Deadlines {
	return httpkit.Deadlines{Stall: c.Stall, MinRate: c.MinRate}
}

// Deps are what the front uses of the program around it. Each may be left out.
type Deps struct {
	Log *slog.Logger // nil: nothing is logged
	// Now is the clock of request IDs and durations; nil: the machine's.
	Now func() time.Time
	// Random feeds request IDs; nil: crypto/rand. It is used by many
	// goroutines at once.
	Random io.Reader
	// Ready tells why the gateway cannot serve now, nil when it can; nil: it
	// always can. It is asked by /readyz and must be cheap.
	Ready func(ctx context.Context) error
	// Limited names what does not work although the gateway serves, for
	// /readyz; nil: nothing. It must be cheap.
	Limited func() []string
	// Metrics takes the counters; nil: NewMetrics.
	Metrics *Metrics
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Random == nil {
		d.Random = rand.Reader
	}
	if d.Ready == nil {
		d.Ready = func(context.Context) error { return nil }
	}
	if d.Limited == nil {
		d.Limited = func() []string { return nil }
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics()
	}
	return d
}

// A Face is one protocol. Routes registers its top-level paths, as whole
// segments, on a router that neither cleans nor decodes paths. Every handler
// is an httpkit.WithRules, which says what the route asks of its callers.
type Face interface {
	Routes(r *mux.Router)
}

// A Mount puts a face on the front.
type Mount struct {
	Name string // for log and metrics: "swift", "dav", "depot", …
	Face Face
	// Allow limits the addresses that this door serves; empty: every one.
	Allow auth.Networks
	// PlainFrom are addresses that this door serves over plain HTTP too.
	PlainFrom auth.Networks
}
