package httpauth

import (
	"net/http"
	"net/netip"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// An Authenticator turns the credentials of one request into a Principal. No
// credentials of its kind: the anonymous Principal and no error. Wrong or
// malformed ones: errs.Unauthenticated, or what auth.Service says.
type Authenticator interface {
	Authenticate(r *http.Request) (auth.Principal, error)
}

// authenticatorFunc makes a function an Authenticator.
type authenticatorFunc func(*http.Request) (auth.Principal, error)

func (f authenticatorFunc) Authenticate(r *http.Request) (auth.Principal, error) { return f(r) }

// Basic asks s about user and password of Basic credentials (RFC 7617). Their
// principals are marked Ambient, since browsers repeat them by themselves.
func Basic(s *auth.Service) Authenticator {
	return authenticatorFunc(func(r *http.Request) (auth.Principal, error) {
		value, ok, err := authorization(r, "Basic")
		if err != nil || !ok {
			return auth.Principal{}, err
		}
		user, password, err := ParseBasic(value)
		if err != nil {
			return auth.Principal{}, err
		}
		p, err := s.Password(r.Context(), user, password, clientAddr(r))
		p.Ambient = err == nil
		return p, err
	})
}

// Bearer asks s about the token, or the application password, of Bearer
// credentials (RFC 6750).
func Bearer(s *auth.Service) Authenticator {
	return authenticatorFunc(func(r *http.Request) (auth.Principal, error) {
		value, ok, err := authorization(r, "Bearer")
		if err != nil || !ok {
			return auth.Principal{}, err
		}
		if auth.IsApplicationPassword(value) {
			return s.ApplicationPassword(r.Context(), value, clientAddr(r))
		}
		return s.Token(r.Context(), value, clientAddr(r))
	})
}

// ApplicationPassword asks s about application passwords only, as the password
// of Basic credentials or as a bearer token: for doors whose other credentials
// do not come in the Authorization header. Other credentials there count as
// none.
func ApplicationPassword(s *auth.Service) Authenticator {
	basic, bearer := Basic(s), Bearer(s)
	return authenticatorFunc(func(r *http.Request) (auth.Principal, error) {
		scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		value = strings.Trim(value, " ")
		switch {
		case strings.EqualFold(scheme, "Bearer") && auth.IsApplicationPassword(value):
			return bearer.Authenticate(r)
		case strings.EqualFold(scheme, "Basic"):
			if _, password, err := ParseBasic(value); err == nil && auth.IsApplicationPassword(password) {
				return basic.Authenticate(r)
			}
		}
		return auth.Principal{}, nil
	})
}

// apiKeyHeader carries the key of the calling application, canonically.
const apiKeyHeader = "X-Teracloud-Api-Key"

// APIKey returns the application key of a request: the value of the
// X-TeraCLOUD-API-KEY header, or the matrix parameter api_key, which the caller
// cut out of the path ("" when there is none). "" when there is neither; two
// that are not the same key are errs.Forbidden with errs.BadKey. Its form and
// what it is worth are judged by auth.Service.
func APIKey(r *http.Request, parameter string) (string, error) {
	values := r.Header[apiKeyHeader]
	if parameter != "" {
		values = append([]string{parameter}, values...)
	}
	key := ""
	for _, v := range values {
		if key != "" && v != "" && !strings.EqualFold(key, v) {
			return "", errs.New("httpauth.APIKey", errs.Forbidden, errs.BadKey, "two different API keys are given")
		}
		if key == "" {
			key = v
		}
	}
	return key, nil
}

// Labelled asks a who the caller is, and then s about the application whose key
// the X-TeraCLOUD-API-KEY header shows (auth.Service.Label): a key that is
// revoked, unknown or malformed, or an application that the caller's account
// stopped, is errs.Forbidden. Requests without the header are a's alone, and so
// are those of nobody, whose key says nothing.
func Labelled(s *auth.Service, a Authenticator) Authenticator {
	return authenticatorFunc(func(r *http.Request) (auth.Principal, error) {
		p, err := a.Authenticate(r)
		if err != nil || p.User == "" || r.Header[apiKeyHeader] == nil {
			return p, err
		}
		switch key, err := APIKey(r, ""); {
		case err != nil:
			return auth.Principal{}, err
		case key == "":
			return p, nil
		default:
			return s.Label(r.Context(), p, key, clientAddr(r))
		}
	})
}

// SwiftToken asks s about the token in X-Auth-Token or, when that is absent or
// empty, X-Storage-Token (OpenStack Object Storage API v1).
func SwiftToken(s *auth.Service) Authenticator {
	return authenticatorFunc(func(r *http.Request) (auth.Principal, error) {
		for _, name := range []string{"X-Auth-Token", "X-Storage-Token"} {
			value, err := single(r, name)
			if err != nil {
				return auth.Principal{}, err
			}
			if value != "" {
				return s.Token(r.Context(), value, clientAddr(r))
			}
		}
		return auth.Principal{}, nil
	})
}

// First asks each of list in turn; the first that finds credentials of its
// kind decides, right or wrong. If none does, the request is anonymous.
func First(list ...Authenticator) Authenticator {
	return authenticatorFunc(func(r *http.Request) (auth.Principal, error) {
		for _, a := range list {
			p, err := a.Authenticate(r)
			if err != nil || !p.Anonymous() {
				return p, err
			}
		}
		return auth.Principal{}, nil
	})
}

// clientAddr returns the address that the front found, else the peer's.
func clientAddr(r *http.Request) netip.Addr {
	if addr := AddrOf(r.Context()); addr.IsValid() {
		return addr
	}
	return peer(r)
}
