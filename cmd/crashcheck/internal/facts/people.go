package facts

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"entrepot/cmd/crashcheck/internal/wire"
)

// people are application passwords and accounts, which the administration
// makes and ends. A fact is "valid" or "ended" of one password, as the drive
// finds out, or the state of one account as Swift shows it.
type people struct {
	ids   map[string]string // of passwords, by the names of their facts
	wrong atomic.Int32      // ended passwords that were tried
}

// mostWrong is how many ended passwords are tried in one run; the gateway
// throttles who tries more.
const mostWrong = 2

func (s *people) setup(ctx context.Context, b *book) error {
	s.ids = map[string]string{}
	if err := b.container(ctx, "pass"); err != nil {
		return err
	}
	a := b.Admin.Call(ctx, "application.create", map[string]any{"id": "facts", "first_party": true}, nil)
	if a.Outcome() != wire.OK || a.Err != nil {
		return fmt.Errorf("making an application: status %d, %w", a.Status, a.Err)
	}
	return nil
}

func (s *people) step(ctx context.Context, b *book) {
	f, ok := b.any()
	switch {
	case !ok || len(b.facts) < 8 && b.rng.IntN(3) == 0:
		if b.rng.IntN(2) == 0 {
			s.password(ctx, b)
		} else {
			s.account(ctx, b)
		}
	case s.ids[f.name] == "":
		s.changeAccount(ctx, b, f)
	default:
		s.end(ctx, b, f)
	}
}

// password makes a password; one whose answer never came is known to nobody.
func (s *people) password(ctx context.Context, b *book) {
	var made struct{ ID, Password string }
	a := b.Own.Call(ctx, "app_password.create", map[string]any{"application": "facts", "container": "pass"}, &made)
	if b.judge("create", "password", a) != wire.OK {
		return
	}
	name := "password " + b.next()
	s.ids[name] = made.ID
	b.add(name, func(ctx context.Context) (string, error) { return s.try(ctx, b, made.ID, made.Password) }, "valid")
}

// try finds out whether a password is valid: the list of passwords tells, and
// the drive has to agree.
func (s *people) try(ctx context.Context, b *book, id, password string) (string, error) {
	var list struct{ Passwords []struct{ ID string } }
	if err := b.unread("app_password.list", b.Own.Call(ctx, "app_password.list", map[string]any{}, &list), http.StatusOK); err != nil {
		return "", err
	}
	listed := false
	for _, p := range list.Passwords {
		listed = listed || p.ID == id
	}
	if !listed && s.wrong.Add(1) > mostWrong {
		return "ended", nil
	}
	a := b.Own.Do(ctx, wire.Request{
		Door: wire.DAV, Method: "PROPFIND", Container: "pass", Password: password, Header: map[string]string{"Depth": "0"},
	})
	switch err := b.unread("PROPFIND with a password of an application", a,
		http.StatusMultiStatus, http.StatusUnauthorized, http.StatusTooManyRequests); {
	case err != nil:
		return "", err
	case a.Status == http.StatusTooManyRequests: // after a few runs of the same, whatever the password
	case listed == (a.Status == http.StatusUnauthorized):
		return fmt.Sprintf("listed: %v, and the drive answers %d", listed, a.Status), nil
	}
	if listed {
		return "valid", nil
	}
	return "ended", nil
}

// end ends a password. One that was seen to have ended is forgotten.
func (s *people) end(ctx context.Context, b *book, f *fact) {
	if text, certain := f.certain(); !certain || text == "ended" {
		if certain {
			b.drop(f)
		}
		return
	}
	if b.rng.IntN(4) > 0 {
		return
	}
	a := b.Own.Call(ctx, "app_password.delete", map[string]any{"id": s.ids[f.name]}, nil)
	f.apply(b.judge("end", f.name, a), func(string) []string { return []string{"ended"} })
}

// account makes an account.
func (s *people) account(ctx context.Context, b *book) {
	name := "acc" + b.next()
	f := b.add(name, func(ctx context.Context) (string, error) {
		a := b.Admin.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodHead, Path: "/v1/AUTH_" + name})
		if err := b.unread("HEAD of an account", a, http.StatusNoContent, http.StatusNotFound, http.StatusGone); err != nil {
			return "", err
		}
		if a.Status != http.StatusNoContent {
			return absent, nil // at first 410, and 404 when all of it is removed
		}
		return a.Header.Get("X-Account-Meta-Quota-Bytes"), nil
	}, absent)
	a := b.Admin.Call(ctx, "account.create", map[string]any{"account": name, "quota": 5000}, nil)
	f.apply(b.judge("account", name, a), func(string) []string { return []string{"5000"} })
}

// changeAccount changes an account's quota, or deletes it.
func (s *people) changeAccount(ctx context.Context, b *book, f *fact) {
	text, certain := f.certain()
	if !certain || text == absent {
		return
	}
	if b.rng.IntN(5) == 0 {
		a := b.Admin.Call(ctx, "account.delete", map[string]any{"account": f.name}, nil)
		f.apply(b.judge("delete account", f.name, a), func(string) []string { return []string{absent} })
		return
	}
	quota := 1 + b.rng.IntN(1_000_000)
	a := b.Admin.Call(ctx, "account.update", map[string]any{"account": f.name, "quota": quota}, nil)
	f.apply(b.judge("quota", f.name, a), func(string) []string { return []string{fmt.Sprint(quota)} })
}
