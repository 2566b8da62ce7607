package depot

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/depot/wire"
	"entrepot/protocols/internal/httpkit"
)

// A Face serves the depot API. It is safe for concurrent use.
type Face struct {
	cfg    Config
	depots *gateway.Depots
	log    *slog.Logger
	now    func() time.Time
	limits *callers
	// lockout denies addresses after wrong proofs.
	lockout *auth.Lockout

	commands map[string]command
	methods  map[string]method
}

// New makes the face, whose wrong proofs are counted beside the wrong passwords
// of who. Secrets that are too short and paths that cannot be routed are
// errs.Invalid; the manual's salt is only warned of.
func New(cfg Config, depots *gateway.Depots, who *auth.Service, log *slog.Logger, now func() time.Time) (*Face, error) {
	cfg, err := cfg.settle(log)
	if err != nil {
		return nil, err
	}
	lockout, err := who.Lockout("depot", cfg.Lockout)
	if err != nil {
		return nil, err
	}
	return &Face{
		cfg: cfg, depots: depots, log: log, now: now, limits: newCallers(cfg.Rate), lockout: lockout,
		commands: commands(), methods: methods(),
	}, nil
}

// Routes registers the API's paths.
func (f *Face) Routes(r *mux.Router) {
	for _, path := range f.cfg.Paths {
		r.Path(path).Handler(httpkit.WithRules(f, httpkit.Rule{Path: path, Methods: http.MethodPost, Access: httpkit.Proof}))
	}
}

// ServeHTTP answers one request. The order of the checks is fixed: API on,
// method, address, encoding and size, proof, XML, shape, command, time, replay,
// parameters, and then the state of things.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := f.now()
	addr := httpauth.AddrOf(r.Context())
	if !f.cfg.Keys.Enabled() {
		f.text(w, r, http.StatusNotFound, errs.New("depot.route", errs.NotFound, "", "There is nothing here."))
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		f.text(w, r, http.StatusMethodNotAllowed, errs.New("depot.route", errs.Invalid, "", "Only POST is understood here."))
		return
	}
	if !f.cfg.Allow.Contains(addr) || f.lockout.Denied(r.Context(), addr, start) {
		f.deny(w, r, start)
		return
	}
	if !f.limits.take(addr, start) {
		w.Header().Set("Retry-After", "1")
		f.text(w, r, http.StatusTooManyRequests, errs.New("depot.route", errs.RateLimited, "", "Too many requests; try later."))
		return
	}
	body, status, err := f.body(w, r)
	if err != nil {
		f.text(w, r, status, err)
		return
	}
	x := &exchange{Face: f, body: body, start: start, enc: wire.Encoder{Dialect: wire.Sniff(body), BigInt: f.cfg.BigInt}}
	if verdict := auth.VerifyDepot(r.URL.Query(), body, f.cfg.Keys); verdict != auth.DepotProven {
		f.lockout.Failed(r.Context(), addr, start)
		x.fail(w, r, wire.Fault{Primary: wire.InvalidRequest, Secondary: int(verdict)})
		return
	}
	x.proven = true
	operator := auth.Principal{Operator: true, Address: addr}
	r = r.WithContext(auth.WithPrincipal(r.Context(), operator))
	var reply []byte
	err = httpkit.Guard("depot.call", func() (err error) {
		reply, err = x.answer(r.Context())
		return err
	})
	if err != nil {
		httpkit.LogPanic(r.Context(), f.log, err)
		x.fail(w, r, err)
		return
	}
	f.logCall(r, x, wire.Fault{})
	writeXML(w, reply)
}

// deny answers an address that may not call. Of its body only as much is read
// as tells the dialect, and the connection ends.
func (f *Face) deny(w http.ResponseWriter, r *http.Request, start time.Time) {
	stop := f.limitTime(w)
	head := make([]byte, wire.SniffBytes)
	n := readSome(r.Body, head)
	stop()
	w.Header().Set("Connection", "close")
	x := &exchange{Face: f, start: start, enc: wire.Encoder{Dialect: wire.Sniff(head[:n])}}
	x.fail(w, r, errs.New("depot.route", errs.Forbidden, errs.BadAddress, ""))
}

// fail answers a failure in the dialect of the request, or in HTTP's where the
// API has no code for it.
func (x *exchange) fail(w http.ResponseWriter, r *http.Request, err error) {
	o := outcomeOf(err, x.badLimit)
	httpkit.EventOf(r.Context()).Err = asError(err)
	x.logCall(r, x, o.fault)
	if o.status != 0 {
		if o.status == http.StatusTooManyRequests || o.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		httpkit.WriteText(w, o.status, http.StatusText(o.status))
		return
	}
	writeXML(w, x.enc.Fault(o.fault))
}

// text answers what never reaches the API.
func (f *Face) text(w http.ResponseWriter, r *http.Request, status int, err error) {
	httpkit.EventOf(r.Context()).Err = err
	httpkit.WriteText(w, status, errs.TextOf(err))
}

func writeXML(w http.ResponseWriter, reply []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/xml; charset=UTF-8")
	h.Set("Content-Length", strconv.Itoa(len(reply)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(reply) // a caller that is gone cannot be told
}

// line is the line of the API's log that says how the last command ended.
func (x *exchange) line(ctx context.Context, fault wire.Fault) gateway.DepotAPICall {
	return gateway.DepotAPICall{
		Time: x.start, Address: httpauth.AddrOf(ctx).String(), Dialect: x.enc.Dialect.String(), Command: x.command,
		User: x.user, Depot: x.depot, Primary: fault.Primary, Secondary: fault.Secondary, Took: x.now().Sub(x.start),
		Denied: !x.proven,
	}
}

// logCall writes the line that says who called what, into the log of the API,
// which is kept in the store, and that of the process. It never holds the
// body, a proof or a document. Changes that were carried out wrote theirs
// themselves.
func (f *Face) logCall(r *http.Request, x *exchange, fault wire.Fault) {
	e := httpkit.EventOf(r.Context())
	if x.command != "" {
		e.Op = "depots." + x.command
	}
	if f.cfg.NoLog {
		return
	}
	if !x.noted || fault != (wire.Fault{}) {
		f.depots.LogCall(x.line(r.Context(), fault))
	}
	f.log.LogAttrs(r.Context(), slog.LevelInfo, "depot call",
		slog.String("req", e.ReqID), slog.String("face", "depot"),
		slog.String("addr", httpauth.AddrOf(r.Context()).String()),
		slog.String("dialect", x.enc.Dialect.String()), slog.String("command", x.command),
		slog.String("user", x.user), slog.Uint64("depot", x.depot),
		slog.Int("primary", fault.Primary), slog.Int("secondary", fault.Secondary),
		slog.Duration("dur", f.now().Sub(x.start)))
}
