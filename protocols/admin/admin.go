package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// maxBody bounds a request, in bytes.
const maxBody = 64 << 10

// Methods of the face.
const (
	MethodUserAdd    = "user.add"
	MethodUserPasswd = "user.passwd"
	MethodUserList   = "user.list"
	MethodKeyAdd     = "key.add"
)

// User is a login as user.add takes it.
type User struct {
	Name     string `json:"name"`
	Account  string `json:"account"` // made when it does not exist
	Role     string `json:"role"`
	Password string `json:"password,omitempty"` // none: cannot log in
}

// Passwd is what user.passwd takes.
type Passwd struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// List is what user.list takes: a page of logins, of one account or of all,
// behind a name.
type List struct {
	Account string `json:"account,omitempty"`
	After   string `json:"after,omitempty"`
	Limit   int    `json:"limit,omitempty"` // 1 to 1,000; 0: 1,000
}

// Listed is one login in the answer of user.list.
type Listed struct {
	Name     string    `json:"name"`
	Account  string    `json:"account"`
	Role     string    `json:"role"`
	Created  time.Time `json:"created"`
	Password bool      `json:"password"` // has one
}

// NewKey is what key.add takes, and Key its answer: the only time that the key
// itself is seen.
type NewKey struct {
	Application string `json:"application"`
}

// Key is the answer of key.add.
type Key struct {
	Key string `json:"key"`
}

// Deps are what the face works with.
type Deps struct {
	Accounts     *gateway.Accounts
	Applications *gateway.Applications
	// Maintenance looks after the store; nil: its methods are not there.
	Maintenance Maintenance
	// Hash makes the stored text of a password; nil: auth.HashPassword.
	Hash func(password string) (string, error)
	// Changed is told of a user whose password changed, so that what is
	// remembered of the old one can be dropped; nil: nobody is told.
	Changed func(user string)
	Log     *slog.Logger
}

// A Face answers the operators' calls. It trusts whoever reaches it.
type Face struct{ deps Deps }

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
	return &Face{d}
}

type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *Failure        `json:"error,omitempty"`
}

// ServeHTTP answers one call. The HTTP status is 200 whatever the outcome,
// but for what is no JSON-RPC at all.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	req, err := decode(http.MaxBytesReader(w, r.Body, maxBody))
	out := response{Version: "2.0", ID: req.ID}
	if err == nil {
		out.Result, err = f.call(auth.WithPrincipal(r.Context(), auth.Local()), req)
	}
	if err != nil {
		out.Result, out.Error = nil, failure(err)
		f.deps.Log.Info("administrative call failed", "method", req.Method, "err", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		f.deps.Log.Debug("administrative answer not sent", "err", err)
	}
}

// decode reads a request: one JSON object and nothing behind it.
func decode(body io.Reader) (request, error) {
	dec := json.NewDecoder(body)
	var req request
	if err := dec.Decode(&req); err != nil {
		return request{}, badCall(codeParse, "the request is no JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return request{}, badCall(codeParse, "something follows the request")
	}
	if req.Version != "2.0" || req.Method == "" {
		return request{ID: req.ID}, badCall(codeInvalid, "a call has jsonrpc 2.0 and a method")
	}
	return req, nil
}

// params reads the parameters of a call; unknown ones are refused.
func params[T any](raw json.RawMessage) (T, error) {
	var p T
	if len(raw) == 0 {
		return p, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, badCall(codeParams, "the parameters do not fit the method")
	}
	return p, nil
}

func (f *Face) call(ctx context.Context, req request) (any, error) {
	switch req.Method {
	case MethodUserAdd:
		return then(req.Params, func(p User) (any, error) { return struct{}{}, f.addUser(ctx, p) })
	case MethodUserPasswd:
		return then(req.Params, func(p Passwd) (any, error) { return struct{}{}, f.setPassword(ctx, p) })
	case MethodUserList:
		return then(req.Params, func(p List) (any, error) { return f.listUsers(ctx, p) })
	case MethodKeyAdd:
		return then(req.Params, func(p NewKey) (any, error) { return f.addKey(ctx, p) })
	}
	if result, ok, err := f.maintain(ctx, req.Method, req.Params); ok {
		return result, err
	}
	return nil, badCall(codeMethod, "there is no method "+req.Method)
}

func then[T any](raw json.RawMessage, do func(T) (any, error)) (any, error) {
	p, err := params[T](raw)
	if err != nil {
		return nil, err
	}
	return do(p)
}

func (f *Face) addUser(ctx context.Context, u User) error {
	hash := ""
	if u.Password != "" {
		var err error
		if hash, err = f.deps.Hash(u.Password); err != nil {
			return err
		}
	}
	return f.deps.Accounts.AddUser(ctx, gateway.NewUser{
		Name: u.Name, Account: u.Account, Role: auth.Role(u.Role), PasswordHash: hash,
	})
}

func (f *Face) setPassword(ctx context.Context, p Passwd) error {
	hash, err := f.deps.Hash(p.Password)
	if err != nil {
		return err
	}
	if err := f.deps.Accounts.SetPassword(ctx, p.Name, hash); err != nil {
		return err
	}
	f.deps.Changed(p.Name)
	return nil
}

const maxList = 1000

func (f *Face) listUsers(ctx context.Context, l List) ([]Listed, error) {
	if l.Limit < 0 || l.Limit > maxList {
		return nil, badCall(codeParams, "limit is 1 to 1000")
	}
	if l.Limit == 0 {
		l.Limit = maxList
	}
	users, err := f.deps.Accounts.Users(ctx, l.Account, l.After, l.Limit)
	out := make([]Listed, len(users))
	for i, u := range users {
		out[i] = Listed{Name: u.Name, Account: u.Account, Role: string(u.Role), Created: u.Created, Password: u.HasPassword}
	}
	return out, err
}

func (f *Face) addKey(ctx context.Context, k NewKey) (Key, error) {
	ctx = auth.WithPrincipal(ctx, auth.Principal{User: "local:operator", Role: auth.RoleAdmin})
	if _, err := f.deps.Applications.Create(ctx, gateway.NewApplication{ID: k.Application}); err != nil && errs.Of(err) != errs.Exists {
		return Key{}, err
	}
	key, _, err := f.deps.Applications.IssueKey(ctx, k.Application, nil)
	return Key{Key: key.Reveal()}, err
}
