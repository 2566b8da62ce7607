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

// APIKey asks s about the application key of a request: the value of the
// X-TeraCLOUD-API-KEY header, or the matrix parameter api_key, which the caller
// cut out of the path ("" when there is none). A key labels an application and
// stands for nobody. Without one found is false; two different ones are
// errs.Unauthenticated with errs.BadKey.
func APIKey(r *http.Request, s *auth.Service, parameter string) (key auth.KeyRecord, found bool, err error) {
	header, err := single(r, "X-Teracloud-Api-Key")
	if err != nil {
		return auth.KeyRecord{}, true, err
	}
	if header != "" && parameter != "" && !strings.EqualFold(header, parameter) {
		return auth.KeyRecord{}, true, errs.New("httpauth.APIKey", errs.Unauthenticated, errs.BadKey, "two different API keys are given")
	}
	value := header
	if value == "" {
		value = parameter
	}
	if value == "" {
		return auth.KeyRecord{}, false, nil
	}
	key, err = s.APIKey(r.Context(), value, clientAddr(r))
	return key, true, err
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
