package gateway

import (
	"context"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// The properties of accounts and containers that hold the keys of temporary
// URLs and upload forms: X-Account-Meta-Temp-URL-Key and so on.
var signingKeys = [...]string{"temp-url-key", "temp-url-key-2"}

// SignedBy finds the key with which a request for ref was signed: signs is
// asked with each key of the account, then of the container. wide tells that
// it is one of the account. errs.Unauthenticated when no key signs, and where
// account or container are missing and so have none.
func (a *Accounts) SignedBy(ctx context.Context, ref Ref, signs func(auth.Secret) bool) (wide bool, err error) {
	var account store.Account
	var container store.Container
	err = a.store.View(ctx, func(v *store.View) (err error) {
		if account, _, err = v.Account(ref.Account); err != nil {
			return err
		}
		container, _, err = v.ContainerNamed(ref.Account, ref.Container)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, level := range []struct {
		keys Properties
		wide bool
	}{{account.Properties, true}, {container.Properties, false}} {
		for _, name := range signingKeys {
			if key := level.keys[name]; key != "" && signs(auth.NewSecret(key)) {
				return level.wide, nil
			}
		}
	}
	return false, errs.New("accounts.SignedBy", errs.Unauthenticated, "", "")
}

// grantAccess is what a signed request may do with the object that it names.
func grantAccess(g *auth.Grant, ref Ref) Access {
	if !g.Covers(ref.Account, ref.Container, ref.Object) {
		return Access{}
	}
	return Access{Read: g.Read, Write: g.Write}
}
