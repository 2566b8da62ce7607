package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Deps are what the face works with.
type Deps struct {
	Accounts     *gateway.Accounts
	Containers   *gateway.Containers   // nil: the methods of containers and tickets are not there
	Applications *gateway.Applications // nil: the methods of applications are not there
	Credentials  *gateway.Credentials  // goes with Applications
	Replication  *gateway.Replication  // nil: its methods are not there
	Snapshots    *gateway.Snapshots    // nil: its methods are not there
	Depots       *gateway.Depots       // nil: depot.calls is not there
	// Maintenance looks after the store; nil: its methods are not there.
	Maintenance Maintenance
	// Hash makes the stored text of a password; nil: auth.HashPassword. It is
	// called once at a time.
	Hash func(password string) (string, error)
	// Changed is told of a user whose password changed, so that what is
	// remembered of the old one can be dropped; nil: nobody is told.
	Changed func(user string)
	// StorageURL is the scheme, host and port of the Swift door in tickets;
	// "": those of the request.
	StorageURL string
	// Address is the scheme, host and port at which the machine itself reaches
	// the doors; "": nothing listens.
	Address string
	Version string    // of the program
	Random  io.Reader // of new keys and passwords
	Now     func() time.Time
	Log     *slog.Logger // nil: nothing is logged
}

// A Face answers calls. By itself it trusts whoever reaches it; a Door asks
// first. It is safe for concurrent use.
type Face struct {
	deps    Deps
	methods map[string]method
	hashing sync.Mutex // one slow hash at a time
}

// New returns a face.
func New(d Deps) *Face {
	if d.Hash == nil {
		d.Hash = auth.HashPassword
	}
	if d.Changed == nil {
		d.Changed = func(string) {}
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Face{deps: d, methods: table(d)}
}

// ServeHTTP answers the calls of whoever works at the machine itself: it asks
// for no credentials. The path does not matter.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	f.answer(w, r.WithContext(auth.WithPrincipal(r.Context(), auth.Local())), true)
}

// answer reads a request of a known caller, carries its calls out in order and
// writes the answers. local lets the methods of the machine itself.
func (f *Face) answer(w http.ResponseWriter, r *http.Request, local bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		f.fail(w, r, bodyFailure(err))
		return
	}
	in, err := parse(body)
	if err != nil {
		f.fail(w, r, err)
		return
	}
	var out []response
	for i := range in.calls {
		c := &in.calls[i]
		result, err := f.do(withBase(r), c, local)
		if c.notification() && !c.unread() {
			continue
		}
		resp := response{Version: "2.0", ID: c.ID, Result: result}
		if len(resp.ID) == 0 {
			resp.ID = null
		}
		if err != nil {
			resp.Result, resp.Error = nil, failure(err)
		}
		out = append(out, resp)
	}
	switch {
	case len(out) == 0:
		w.WriteHeader(http.StatusNoContent)
	case in.batch:
		f.write(w, r, http.StatusOK, out)
	default:
		f.write(w, r, http.StatusOK, out[0])
	}
}

// bodyFailure tells a body that is too long from one that did not come.
func bodyFailure(err error) error {
	if _, ok := err.(*http.MaxBytesError); ok {
		return &Failure{Code: codeInvalid, Message: "a request has at most 1 MiB", Data: &FailureData{http.StatusRequestEntityTooLarge}}
	}
	return errs.Wrap("admin.body", errs.Incomplete, "", err)
}

// do carries one call out. A change that fails is written down with who tried.
func (f *Face) do(ctx context.Context, c *call, local bool) (any, error) {
	if c.bad != nil {
		return nil, c.bad
	}
	event := httpkit.EventOf(ctx)
	event.Op = c.Method
	m, ok := f.methods[c.Method]
	if !ok || m.local && !local {
		return nil, badCall(codeMethod, "there is no such method")
	}
	result, target, err := m.run(f, ctx, c.Params)
	if err == nil {
		return result, nil
	}
	event.Err = err
	f.deps.Log.InfoContext(ctx, "administrative call failed", "method", c.Method, "user", auth.PrincipalOf(ctx).User, "err", err)
	if m.changes {
		if err := f.deps.Accounts.NoteFailed(ctx, c.Method, target, asError(err)); err != nil {
			f.deps.Log.WarnContext(ctx, "the administrators' log was not written", "err", err)
		}
	}
	return nil, err
}

// asError gives a failure that the face found itself a kind for the log.
func asError(err error) error {
	if f, ok := err.(*Failure); ok {
		return errs.New("admin", errs.Invalid, "", f.Message)
	}
	return err
}

// fail answers what is no call: the HTTP status is the failure's own.
func (f *Face) fail(w http.ResponseWriter, r *http.Request, err error) {
	httpkit.EventOf(r.Context()).Err = err
	told := failure(err)
	if told.Status() == http.StatusUnauthorized {
		w.Header().Set("Www-Authenticate", `Basic realm="administration", charset="UTF-8"`)
	}
	f.write(w, r, told.Status(), response{Version: "2.0", ID: null, Error: told})
}

// write writes an answer.
func (f *Face) write(w http.ResponseWriter, r *http.Request, status int, answer any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		f.deps.Log.DebugContext(r.Context(), "administrative answer not sent", "err", err)
	}
}

// hash makes the stored text of a password, one at a time: it is slow and
// takes memory on purpose.
func (f *Face) hash(password string) (string, error) {
	if password == "" || len(password) > auth.MaxPassword {
		return "", badCall(codeParams, "a password has 1 to 1024 bytes")
	}
	f.hashing.Lock()
	defer f.hashing.Unlock()
	return f.deps.Hash(password)
}
