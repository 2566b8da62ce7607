package depotlist

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// maxBody bounds a request, in bytes.
const maxBody = 16 << 10

// A Face serves /depots. It is safe for concurrent use.
type Face struct {
	depots    *gateway.Depots
	documents *gateway.Documents
	who       httpauth.Authenticator
}

// New makes the face; logins checks passwords and tokens, documents may be
// nil: then none is valid.
func New(depots *gateway.Depots, documents *gateway.Documents, logins *auth.Service) *Face {
	return &Face{depots: depots, documents: documents, who: httpauth.Labelled(logins, httpauth.First(httpauth.Basic(logins), httpauth.Bearer(logins)))}
}

// Depot is a depot as its users see it. Limits of 0 are none.
type Depot struct {
	ID           string    `json:"depotid"`
	Owner        string    `json:"owner"`
	Account      string    `json:"account"`
	Active       bool      `json:"active"`
	Created      time.Time `json:"created"`
	StorageLimit int64     `json:"disclimit"`
	StorageUsed  int64     `json:"discused"`
	TrafficLimit int64     `json:"trafficlimit"`
	TrafficUsed  int64     `json:"trafficused"`
}

// Invitation asks its reader to take a depot into his list.
type Invitation struct {
	ID       string    `json:"depotid"`
	Owner    string    `json:"owner"`
	Time     time.Time `json:"time"`
	Message  string    `json:"message"`
	Document string    `json:"depotdocument"`
}

// Key is what depot documents can be checked with.
type Key struct {
	URL     string `json:"url"`
	ID      string `json:"kid"`
	Ed25519 string `json:"ed25519"` // base64
}

// A handler answers one request with a value to be written as JSON; nil is no
// content.
type handler func(r *http.Request) (any, error)

// Routes registers the face's paths.
func (f *Face) Routes(r *mux.Router) {
	for _, route := range []struct {
		path    string
		access  httpkit.Access
		methods map[string]handler
	}{
		{"/depots", httpkit.Caller, map[string]handler{http.MethodGet: f.list}},
		{"/depots/invitations", httpkit.Caller, map[string]handler{http.MethodGet: f.invitations}},
		{"/depots/invitations/{depot}", httpkit.Caller, map[string]handler{http.MethodPut: f.accept, http.MethodDelete: f.remove}},
		{"/depots/claims", httpkit.Caller, map[string]handler{http.MethodPost: f.claim}},
		{"/depots/claims/{depot}", httpkit.Caller, map[string]handler{http.MethodDelete: f.remove}},
		{"/depots/key", httpkit.Public, map[string]handler{http.MethodGet: f.key}},
	} {
		var served http.Handler = f.serve(route.methods)
		if route.access == httpkit.Caller {
			served = httpauth.Middleware(f.who, f.fail)(f.known(served))
		}
		methods := strings.Join(slices.Sorted(maps.Keys(route.methods)), " ")
		r.Path(route.path).Handler(httpkit.WithRules(served, httpkit.Rule{Path: route.path, Methods: methods, Access: route.access}))
	}
}

// known refuses callers without a name.
func (f *Face) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if auth.PrincipalOf(r.Context()).User == "" {
			f.fail(w, r, errs.New("depotlist", errs.Unauthenticated, "", ""))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serve answers a path by its methods.
func (f *Face) serve(methods map[string]handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		do := methods[r.Method]
		if do == nil {
			w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
			write(w, http.StatusMethodNotAllowed, failure{"This method is not understood here."})
			return
		}
		result, err := do(r)
		switch {
		case err != nil:
			f.fail(w, r, err)
		case result == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			write(w, http.StatusOK, result)
		}
	}
}

func (f *Face) list(r *http.Request) (any, error) {
	depots, err := f.depots.Mine(r.Context())
	out := make([]Depot, len(depots))
	for i, d := range depots {
		out[i] = shown(d)
	}
	return map[string]any{"depots": out}, err
}

func (f *Face) invitations(r *http.Request) (any, error) {
	list, err := f.depots.Invitations(r.Context())
	out := make([]Invitation, len(list))
	for i, v := range list {
		out[i] = Invitation{
			ID: strconv.FormatUint(v.Depot.ID, 10), Owner: v.Depot.Owner, Time: v.Time, Message: v.Message,
			Document: f.documents.Make(v.Depot),
		}
	}
	return map[string]any{"invitations": out}, err
}

func (f *Face) accept(r *http.Request) (any, error) {
	id, err := depotOf(r)
	if err != nil {
		return nil, err
	}
	d, err := f.depots.Accept(r.Context(), id)
	return shown(d), err
}

func (f *Face) remove(r *http.Request) (any, error) {
	id, err := depotOf(r)
	if err != nil {
		return nil, err
	}
	return nil, f.depots.Disclaim(r.Context(), id)
}

func (f *Face) claim(r *http.Request) (any, error) {
	document, err := decode(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	claim, err := f.documents.Open(document)
	if err != nil {
		return nil, err
	}
	d, err := f.depots.Claim(r.Context(), claim)
	return shown(d), err
}

// decode reads the body of a claim: a JSON object with the document, and
// nothing behind it.
func decode(body io.Reader) (document string, err error) {
	bad := errs.New("depotlist.decode", errs.Invalid, "", `The body is a JSON object: {"document":"…"}.`)
	text, err := io.ReadAll(body)
	if err != nil {
		return "", errs.Wrap("depotlist.decode", errs.Incomplete, "", err)
	}
	if len(text) > maxBody {
		return "", errs.New("depotlist.decode", errs.TooLarge, "", "The body is too large.")
	}
	var claim struct {
		Document *string `json:"document"`
	}
	if err := json.Unmarshal(text, &claim); err != nil || claim.Document == nil {
		return "", bad
	}
	return *claim.Document, nil
}

func (f *Face) key(*http.Request) (any, error) {
	key, kid := f.documents.PublicKey()
	if key == nil {
		return nil, errs.New("depotlist.key", errs.NotFound, "", "This gateway signs no documents.")
	}
	return Key{URL: f.documents.URL(), ID: kid, Ed25519: base64.StdEncoding.EncodeToString(key)}, nil
}

// depotOf reads the number of a depot in the path.
func depotOf(r *http.Request) (uint64, error) {
	id, err := strconv.ParseUint(mux.Vars(r)["depot"], 10, 63)
	if err != nil || id == 0 {
		return 0, errs.New("depotlist", errs.NotFound, errs.NoDepot, "There is no such depot.")
	}
	return id, nil
}

func shown(d gateway.Depot) Depot {
	return Depot{
		ID: strconv.FormatUint(d.ID, 10), Owner: d.Owner, Account: d.Account, Active: d.Active, Created: d.Created,
		StorageLimit: d.StorageLimit, StorageUsed: d.StorageUsed, TrafficLimit: d.TrafficLimit, TrafficUsed: d.TrafficUsed,
	}
}

// write sends a value as JSON.
func write(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers and times always encode
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that is gone cannot be told
}

// fail answers a failure.
func (f *Face) fail(w http.ResponseWriter, r *http.Request, err error) {
	httpkit.EventOf(r.Context()).Err = err
	status := statuses[errs.Of(err)]
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="entrepot", charset="UTF-8"`)
	}
	text := errs.TextOf(err)
	if text == "" {
		text = http.StatusText(status)
	}
	write(w, status, failure{text})
}
