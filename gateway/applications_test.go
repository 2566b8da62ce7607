package gateway_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
)

// wantErr checks the kind and reason of an error.
func wantErr(t *testing.T, what string, err error, kind errs.Kind, reason errs.Reason) {
	t.Helper()
	if err == nil || errs.Of(err) != kind || errs.ReasonOf(err) != reason {
		t.Errorf("%s: %v, want %v (%s)", what, err, kind, reason)
	}
}

// soundStore fails the test when the store does not check.
func soundStore(t *testing.T, f *gatewaytest.Fixture) {
	t.Helper()
	f.Store.Drain(t.Context())
	_, err := f.Store.Check(t.Context(), store.CheckOptions{Found: func(found store.Finding) { t.Errorf("check: %+v", found) }})
	if err != nil {
		t.Error(err)
	}
}

// use notes that the caller of a context calls through an application.
func use(f *gatewaytest.Fixture, ctx context.Context, id string) error {
	return f.Gateway.Accounts.UseApplication(ctx, auth.PrincipalOf(ctx), id)
}

// withApplication makes the application phone with a key, and returns it.
func withApplication(t *testing.T, f *gatewaytest.Fixture) auth.Secret {
	t.Helper()
	admin := f.Ctx("admin")
	if _, err := f.Gateway.Applications.Create(admin, gateway.NewApplication{ID: "phone", Vendor: "Example"}); err != nil {
		t.Fatal(err)
	}
	key, _, err := f.Gateway.Applications.IssueKey(admin, "phone", nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestApplicationsBelongToAdministrators(t *testing.T) {
	f := gatewaytest.New(t)
	apps := f.Gateway.Applications
	for _, user := range []string{"", "tester", "tester3", "tester6"} {
		kind, reason := errs.Forbidden, errs.NotAdmin
		if user == "" {
			kind, reason = errs.Unauthenticated, ""
		}
		ctx := f.Ctx(user)
		_, err := apps.Create(ctx, gateway.NewApplication{ID: "x"})
		wantErr(t, user+" creates", err, kind, reason)
		_, err = apps.List(ctx, "", 0)
		wantErr(t, user+" lists", err, kind, reason)
		_, err = apps.Get(ctx, "x")
		wantErr(t, user+" looks", err, kind, reason)
		_, _, err = apps.IssueKey(ctx, "x", nil)
		wantErr(t, user+" issues", err, kind, reason)
		_, err = apps.RevokeKey(ctx, "x", "y")
		wantErr(t, user+" revokes", err, kind, reason)
		wantErr(t, user+" deletes", apps.Delete(ctx, "x"), kind, reason)
	}
	for _, id := range []string{"", "a/b", "a;b", "a,b", "a\nb", strings.Repeat("x", 129), "\xff"} {
		_, err := apps.Create(f.Ctx("admin"), gateway.NewApplication{ID: id})
		wantErr(t, "the name "+id, err, errs.Invalid, errs.BadName)
	}
}

func TestKeysRotateTwoAtATime(t *testing.T) {
	f := gatewaytest.New(t)
	admin, apps := f.Ctx("admin"), f.Gateway.Applications
	first := withApplication(t, f)
	second, info, err := apps.IssueKey(admin, "phone", []string{" 10.0.0.0/8", "::ffff:192.0.2.1"})
	if err != nil || info.Last4 != second.Reveal()[28:] || strings.Join(info.Networks, " ") != "10.0.0.0/8 192.0.2.1/32" {
		t.Fatalf("%+v, %v", info, err)
	}
	_, _, err = apps.IssueKey(admin, "phone", nil)
	wantErr(t, "a third key", err, errs.Conflict, errs.TooMany)
	_, _, err = apps.IssueKey(admin, "phone", []string{"10.0.0.0/8", ""})
	wantErr(t, "a malformed address", err, errs.Invalid, "")
	if revoked, err := apps.RevokeKey(admin, "phone", strings.ToLower(first.Reveal()[28:])); err != nil || !revoked.Revoked {
		t.Errorf("%+v, %v", revoked, err)
	}
	_, err = apps.RevokeKey(admin, "phone", "nope")
	wantErr(t, "an unknown key", err, errs.NotFound, errs.NoApplication)
	if _, err := apps.RevokeKey(admin, "phone", info.ID); err != nil {
		t.Error(err)
	}
	for key, reason := range map[auth.Secret]errs.Reason{first: errs.KeyRevoked, second: errs.KeyRevoked} {
		_, err := f.Auth.APIKey(t.Context(), key.Reveal(), gatewaytestAddr)
		wantErr(t, "a revoked key", err, errs.Unauthenticated, reason)
	}
	for range 20 { // revoked ones do not pile up
		_, k, err := apps.IssueKey(admin, "phone", nil)
		if err == nil {
			_, err = apps.RevokeKey(admin, "phone", k.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if app, err := apps.Get(admin, "phone"); err != nil || len(app.Keys) > 17 || app.Name != "phone" || app.Vendor != "Example" {
		t.Errorf("%d keys, %+v, %v", len(app.Keys), app, err)
	}
	soundStore(t, f)
	if err := apps.Delete(admin, "phone"); err != nil {
		t.Fatal(err)
	}
	_, err = f.Auth.APIKey(t.Context(), first.Reveal(), gatewaytestAddr)
	wantErr(t, "a key of a deleted application", err, errs.Unauthenticated, "")
	wantErr(t, "deleting again", apps.Delete(admin, "phone"), errs.NotFound, errs.NoApplication)
	soundStore(t, f)
}

func TestAnAccountSeesAndStopsItsApplications(t *testing.T) {
	f := gatewaytest.New(t)
	apps := f.Gateway.Applications
	withApplication(t, f)
	if _, err := apps.Create(f.Ctx("admin"), gateway.NewApplication{ID: "mypage", FirstParty: true}); err != nil {
		t.Fatal(err)
	}
	owner := f.Ctx("tester")
	wantErr(t, "stopping an unused one", apps.Stop(owner, "test", "phone"), errs.NotFound, errs.NoApplication)
	for _, id := range []string{"phone", "mypage"} {
		if err := use(f, owner, id); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, "using an unknown one", use(f, owner, "zzz"), errs.NotFound, errs.NoApplication)
	wantErr(t, "nobody uses", use(f, f.Ctx(""), "phone"), errs.Unauthenticated, "")
	grants, err := apps.Grants(owner, "test")
	if err != nil || len(grants) != 2 || grants[1].Application != "phone" || grants[1].Stopped || !grants[1].Activated.Equal(f.Clock.Now()) {
		t.Fatalf("%+v, %v", grants, err)
	}
	for range 2 {
		if err := apps.Stop(owner, "test", "phone"); err != nil {
			t.Error(err)
		}
	}
	wantErr(t, "stopping a first-party one", apps.Stop(owner, "test", "mypage"), errs.Forbidden, errs.FirstParty)
	wantErr(t, "using a stopped one", use(f, owner, "phone"), errs.Forbidden, errs.ApplicationStopped)
	if err := use(f, f.Ctx("tester2"), "phone"); err != nil {
		t.Errorf("another account: %v", err)
	}
	if err := apps.Allow(owner, "test", "phone"); err != nil {
		t.Error(err)
	}
	if err := use(f, owner, "phone"); err != nil {
		t.Error(err)
	}
	for _, user := range []string{"tester2", "tester3", "tester6"} {
		_, err := apps.Grants(f.Ctx(user), "test")
		wantErr(t, user+" lists", err, errs.Forbidden, "")
		wantErr(t, user+" stops", apps.Stop(f.Ctx(user), "test", "phone"), errs.Forbidden, "")
	}
}

func TestConsentIsAskedFirstWhereTheGatewaySaysSo(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Consent: true}})
	apps := f.Gateway.Applications
	withApplication(t, f)
	owner := f.Ctx("tester")
	wantErr(t, "without consent", use(f, owner, "phone"), errs.Forbidden, errs.ConsentNeeded)
	if err := apps.Allow(owner, "test", "phone"); err != nil {
		t.Fatal(err)
	}
	if err := use(f, owner, "phone"); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLeftOfADeletedApplication(t *testing.T) {
	f := gatewaytest.New(t)
	apps := f.Gateway.Applications
	password := newPhone(t, f, gateway.NewCredential{})
	if err := apps.Delete(f.Ctx("admin"), "phone"); err != nil {
		t.Fatal(err)
	}
	_, err := f.Auth.ApplicationPassword(t.Context(), password, gatewaytestAddr)
	if err == nil {
		t.Error("the password outlives its application")
	}
	withApplication(t, f) // another of the same name, before the rest of the old one is gone
	if _, err = f.Auth.ApplicationPassword(t.Context(), password, gatewaytestAddr); err == nil {
		t.Error("the password serves a namesake")
	}
	f.Store.Drain(t.Context())
	f.Clock.Advance(time.Second) // what was answered before is remembered for as long
	_, err = f.Auth.ApplicationPassword(t.Context(), password, gatewaytestAddr)
	wantErr(t, "its password, later", err, errs.Unauthenticated, "")
	if grants, err := apps.Grants(f.Ctx("tester"), "test"); err != nil || len(grants) != 0 {
		t.Errorf("%+v, %v", grants, err)
	}
	soundStore(t, f)
}

func TestUseIsWrittenDownOnceAMinute(t *testing.T) {
	f := gatewaytest.New(t)
	apps := f.Gateway.Applications
	password := newPhone(t, f, gateway.NewCredential{})
	owner := f.Ctx("tester")
	use := func() {
		t.Helper()
		if _, err := f.Auth.ApplicationPassword(t.Context(), password, gatewaytestAddr); err != nil {
			t.Fatal(err)
		}
		f.Gateway.FlushUses(t.Context())
	}
	last := func() (time.Time, time.Time) {
		t.Helper()
		list, err := f.Gateway.Credentials.List(owner, "tester")
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		grants, err := apps.Grants(owner, "test")
		if err != nil || len(grants) != 1 || grants[0].Credentials != 1 {
			t.Fatal(grants, err)
		}
		return list[0].LastUsed, grants[0].LastUsed
	}
	if a, b := last(); !a.IsZero() || !b.IsZero() {
		t.Errorf("before: %v, %v", a, b)
	}
	use()
	first := f.Clock.Now()
	f.Clock.Advance(59 * time.Second)
	use()
	if a, b := last(); !a.Equal(first) || !b.Equal(first) {
		t.Errorf("within a minute: %v, %v, want %v", a, b, first)
	}
	f.Clock.Advance(2 * time.Second)
	use()
	if a, b := last(); !a.Equal(f.Clock.Now()) || !b.Equal(f.Clock.Now()) {
		t.Errorf("after it: %v, %v, want %v", a, b, f.Clock.Now())
	}
	soundStore(t, f)
}
