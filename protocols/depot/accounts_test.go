package depot_test

import (
	"testing"
	"time"

	"entrepot/gateway"
)

func TestDepotsOfSuspendedAccountsAreStillManaged(t *testing.T) {
	inBoth(t, gateway.Config{}, func(t *testing.T, r *rig, do func(request) answer) {
		err := r.f.Gateway.Accounts.Update(r.f.Local(), owner, gateway.AccountChange{State: gateway.AccountSuspended})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []request{req("getdepotdata", "username", owner), on17("getspacedata"), on17("setdepot", "disclimit", "7000000000")} {
			if got := do(q); got.code != 0 {
				t.Errorf("%s", got.text)
			}
		}
		if got := r.depot(17).StorageLimit; got != 7000000000 {
			t.Errorf("the limit is %d", got)
		}
	})
}

func TestDepotsOfDeletedAccountsAreGone(t *testing.T) {
	inBoth(t, gateway.Config{RemovalDelay: time.Hour}, func(t *testing.T, r *rig, do func(request) answer) {
		if err := r.f.Gateway.Accounts.Delete(r.f.Local(), owner); err != nil {
			t.Fatal(err)
		}
		before := r.f.Fingerprint()
		for _, q := range []request{
			on17("setdepot", "disclimit", "7000000000"), on17("createspace", "spacename", "new"), on17("activatedepot"), on17("deletedepot"),
			on17("deletespace", "spaceid", "41"), req("createdepot", "username", owner, "disclimit", "5"),
		} {
			if got := do(q); got.code > -30301 || got.code < -30303 {
				t.Errorf("%d %s", got.code, got.text)
			}
		}
		if r.f.Fingerprint() != before {
			t.Error("something was changed")
		}
	})
}
