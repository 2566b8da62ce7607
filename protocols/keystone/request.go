package keystone

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// domain is the one domain there is.
type domain struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// ours tells whether a domain, given by ID, by name or not at all, is the one
// there is.
func (d *domain) ours() bool {
	return d == nil || (d.ID == "" || d.ID == domainID) && (d.Name == "" || strings.EqualFold(d.Name, domainName))
}

const (
	domainID   = "default"
	domainName = "Default"
)

type userDoc struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Domain   *domain `json:"domain"`
	Password *string `json:"password"`
}

// name is the login name: IDs are names here.
func (u *userDoc) login() string {
	if u == nil {
		return ""
	}
	if u.ID != "" {
		return u.ID
	}
	return u.Name
}

type projectDoc struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Domain *domain `json:"domain"`
}

type authDoc struct {
	Auth *struct {
		Identity *struct {
			Methods  []string `json:"methods"`
			Password *struct {
				User *userDoc `json:"user"`
			} `json:"password"`
			Token *struct {
				ID string `json:"id"`
			} `json:"token"`
			ApplicationCredential *struct {
				ID     string   `json:"id"`
				Name   string   `json:"name"`
				User   *userDoc `json:"user"`
				Secret *string  `json:"secret"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope json.RawMessage `json:"scope"`
	} `json:"auth"`
}

type authV2Doc struct {
	Auth *struct {
		PasswordCredentials *struct {
			Username string  `json:"username"`
			UserID   string  `json:"userId"`
			Password *string `json:"password"`
		} `json:"passwordCredentials"`
		Token *struct {
			ID string `json:"id"`
		} `json:"token"`
		TenantName string `json:"tenantName"`
		TenantID   string `json:"tenantId"`
	} `json:"auth"`
}

// A scopeKind says what a token is asked for.
type scopeKind uint8

const (
	ownProject   scopeKind = iota // nothing was said: the user's own
	namedProject                  // a project
	noProject                     // unscoped, or a domain or the system
)

// A request is a decoded call for a token. Exactly one of password,
// token and application password is given, as method says.
type request struct {
	method     string // "password", "token", "application_credential"
	user       string // "" with a token
	password   auth.Secret
	token      string
	credential string // ID of the application password, "" when it was named
	scope      scopeKind
	project    string
	foreign    bool // a domain that does not exist was named
}

func malformed(text string) error { return errs.New("keystone", errs.Invalid, "", text) }

// readBody reads a bounded body.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return b, nil
	case asMaxBytes(err, &tooLarge):
		return nil, errs.Wrap("keystone.body", errs.TooLarge, "", err)
	}
	return nil, errs.Wrap("keystone.body", errs.Incomplete, "", err)
}

// decode reads one JSON value into to, and refuses what stands behind it.
func decode(body []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(to); err != nil {
		return malformed("The request body is not the JSON that is expected.")
	}
	if _, err := d.Token(); err != io.EOF {
		return malformed("There is something behind the JSON of the request body.")
	}
	return nil
}

// parseV3 decodes the body of POST /v3/auth/tokens (Identity API v3, section
// "Authentication and token management").
func parseV3(body []byte) (request, error) {
	var doc authDoc
	if err := decode(body, &doc); err != nil {
		return request{}, err
	}
	if doc.Auth == nil || doc.Auth.Identity == nil || len(doc.Auth.Identity.Methods) != 1 {
		return request{}, malformed("Expecting to find one method in auth.identity.methods.")
	}
	id := doc.Auth.Identity
	q := request{method: id.Methods[0]}
	switch {
	case q.method == "password" && id.Password != nil && id.Password.User.login() != "" && id.Password.User.Password != nil:
		u := id.Password.User
		q.user, q.password, q.foreign = u.login(), auth.NewSecret(*u.Password), !u.Domain.ours()
	case q.method == "token" && id.Token != nil && id.Token.ID != "":
		q.token = id.Token.ID
	case q.method == "application_credential" && id.ApplicationCredential != nil && id.ApplicationCredential.Secret != nil:
		a := id.ApplicationCredential
		if a.ID == "" && (a.Name == "" || a.User.login() == "") {
			return request{}, malformed("An application credential needs its id, or its name and user.")
		}
		q.credential, q.user, q.password = a.ID, a.User.login(), auth.NewSecret(*a.Secret)
		q.foreign = a.User != nil && !a.User.Domain.ours()
	case slices.Contains([]string{"password", "token", "application_credential"}, q.method):
		return request{}, malformed("Expecting to find the credentials of the method " + q.method + ".")
	default:
		return request{}, errs.New("keystone", errs.Unauthenticated, "", "")
	}
	return q, q.readScope(doc.Auth.Scope)
}

// readScope reads what the token is asked for.
func (q *request) readScope(raw json.RawMessage) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if string(raw) == `"unscoped"` {
		q.scope = noProject
		return nil
	}
	var doc struct {
		Project *projectDoc     `json:"project"`
		Domain  json.RawMessage `json:"domain"`
		System  json.RawMessage `json:"system"`
		Trust   json.RawMessage `json:"OS-TRUST:trust"`
	}
	if err := decode(raw, &doc); err != nil {
		return malformed("auth.scope is not understood.")
	}
	switch {
	case doc.Project != nil && doc.Project.ID+doc.Project.Name != "":
		q.scope, q.project = namedProject, doc.Project.ID
		if q.project == "" {
			q.project = doc.Project.Name
			q.foreign = q.foreign || !doc.Project.Domain.ours()
		}
	case len(doc.Domain) > 0 || len(doc.System) > 0:
		q.scope = noProject
	case len(doc.Trust) > 0:
		return errs.New("keystone", errs.Unauthenticated, "", "")
	case doc.Project != nil:
		return malformed("Expecting to find id or name in auth.scope.project.")
	}
	return nil
}

// parseV2 decodes the body of POST /v2.0/tokens.
func parseV2(body []byte) (request, error) {
	var doc authV2Doc
	if err := decode(body, &doc); err != nil {
		return request{}, err
	}
	if doc.Auth == nil {
		return request{}, malformed("Expecting to find auth in request body.")
	}
	q := request{method: "password", project: doc.Auth.TenantID}
	if q.project == "" {
		q.project = doc.Auth.TenantName
	}
	if q.project != "" {
		q.scope = namedProject
	}
	switch c := doc.Auth.PasswordCredentials; {
	case c != nil && c.Username+c.UserID != "" && c.Password != nil:
		q.user, q.password = c.UserID, auth.NewSecret(*c.Password)
		if q.user == "" {
			q.user = c.Username
		}
	case c == nil && doc.Auth.Token != nil && doc.Auth.Token.ID != "":
		q.method, q.token = "token", doc.Auth.Token.ID
	default:
		return request{}, malformed("Expecting to find passwordCredentials or token in auth.")
	}
	return q, nil
}
