package gateway_test

import (
	"context"
	"sync/atomic"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/kv"
)

// A counting engine counts its views: each is a round trip or more on an engine
// over the network.
type counting struct {
	kv.Engine
	views atomic.Int64
}

func (c *counting) View(ctx context.Context, fn func(kv.Reader) error) error {
	c.views.Add(1)
	return c.Engine.View(ctx, fn)
}

func TestApplicationPasswordInUseCostsNoLookUp(t *testing.T) {
	engine := &counting{Engine: gatewaytest.Adversary(t)}
	f := gatewaytest.NewWith(t, gatewaytest.Options{Engine: engine})
	password := newPhone(t, f, gateway.NewCredential{})
	digest, a := auth.CredentialDigest(password), f.Gateway.Accounts
	if _, err := a.Credential(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	hits := 0
	for range 20 { // background work may look at the store meanwhile
		before := engine.views.Load()
		if rec, err := a.Credential(t.Context(), digest); err != nil || rec.User != "tester" || rec.Ended || rec.Stopped {
			t.Fatal(rec, err)
		}
		if engine.views.Load() == before {
			hits++
		}
	}
	if hits == 0 {
		t.Error("each look-up asks the store")
	}
	// The next user of the name is not who the password was for.
	list, err := f.Gateway.Credentials.List(f.Ctx("tester"), "tester")
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if err := f.Gateway.Accounts.DeleteUser(f.Local(), "tester"); err != nil {
		t.Fatal(err)
	}
	f.AddUser("tester", "test", "other", auth.RoleOwner)
	if _, err := f.Auth.ApplicationPassword(t.Context(), password, auth.Principal{}.Address); errs.Of(err) != errs.Unauthenticated {
		t.Errorf("the password of a deleted user: %v", err)
	}
}
