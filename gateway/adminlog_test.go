package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// logLines returns the administrators' log, the oldest line first, as
// "caller method target result", read in pages of the given length.
func (w *world) logLines(limit int) (lines []string) {
	w.t.Helper()
	for marker := ""; ; {
		page, next, err := w.g.Accounts.Log(w.Local(), gateway.LogPage{Marker: marker, Limit: limit})
		w.must(err)
		for _, l := range page {
			lines = append(lines, fmt.Sprintf("%s %s %s %s", l.Caller, l.Method, l.Target, l.Result))
		}
		if marker = next; marker == "" {
			slices.Reverse(lines)
			return lines
		}
	}
}

// logged returns the lines that do something adds, in order.
func (w *world) logged(do func()) []string {
	w.t.Helper()
	w.Clock.Advance(time.Second)
	before := len(w.logLines(1000))
	do()
	return w.logLines(1000)[before:]
}

func (w *world) wantLogged(want string, do func()) {
	w.t.Helper()
	got := w.logged(do)
	if want == "" && len(got) == 0 {
		return
	}
	if len(got) != 1 || got[0] != want {
		w.t.Errorf("written down: %q, want %q", got, want)
	}
}

func TestChangesOfApplicationsAreWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.put("o", "x")
	apps, admin := w.g.Applications, w.Ctx("admin")
	w.wantLogged("admin application.create app done", func() {
		_, err := apps.Create(admin, gateway.NewApplication{ID: "app"})
		w.must(err)
	})
	w.wantLogged("", func() { // the second one is refused
		_, err := apps.Create(admin, gateway.NewApplication{ID: "app"})
		wantKind(t, err, errs.Exists, "")
	})
	var key gateway.APIKey
	issued := w.logged(func() {
		_, k, err := apps.IssueKey(admin, "app", nil)
		w.must(err)
		key = k
	})
	if want := []string{"admin application.issue_key app " + key.ID + " done"}; !slices.Equal(issued, want) {
		t.Errorf("%q, want %q", issued, want)
	}
	w.wantLogged("tester grant.allow test app done", func() { w.must(apps.Allow(w.ctx, "test", "app")) })
	var credential gateway.Credential
	made := w.logged(func() {
		c, _, err := w.g.Credentials.Create(w.ctx, gateway.NewCredential{User: "tester", Application: "app", Container: "c"})
		w.must(err)
		credential = c
	})
	if want := []string{"tester app_password.create tester app " + credential.ID + " done"}; !slices.Equal(made, want) {
		t.Errorf("%q, want %q", made, want)
	}
	w.wantLogged("tester app_password.delete tester app "+credential.ID+" done", func() {
		w.must(w.g.Credentials.Delete(w.ctx, "tester", credential.ID))
	})
	w.wantLogged("", func() {
		wantKind(t, w.g.Credentials.Delete(w.ctx, "tester", credential.ID), errs.NotFound, errs.NoCredential)
	})
	w.wantLogged("tester grant.stop test app done", func() { w.must(apps.Stop(w.ctx, "test", "app")) })
	w.wantLogged("admin application.revoke_key app "+key.ID+" done", func() {
		_, err := apps.RevokeKey(admin, "app", key.ID)
		w.must(err)
	})
	w.wantLogged("admin application.delete app done", func() { w.must(apps.Delete(admin, "app")) })
	w.wantLogged("", func() { wantKind(t, apps.Delete(admin, "app"), errs.NotFound, errs.NoApplication) })
}

func TestUsingAnApplicationIsNoLineOfTheLog(t *testing.T) {
	w := newWorld(t)
	_, err := w.g.Applications.Create(w.Local(), gateway.NewApplication{ID: "app"})
	w.must(err)
	w.wantLogged("", func() { w.must(use(w.Fixture, w.ctx, "app")) })
}

func TestOnlyContainersOfTheAdministrationAreWrittenDown(t *testing.T) {
	w := newWorld(t)
	ref := gateway.Ref{Account: "test", Container: "new"}
	admins := w.g.Containers.Logged()
	makes := func(c *gateway.Containers) func() {
		return func() {
			_, err := c.Create(w.ctx, ref, gateway.ContainerChange{})
			w.must(err)
		}
	}
	w.wantLogged("tester container.create test/new done", makes(admins))
	w.wantLogged("", makes(admins)) // it is there
	w.wantLogged("", func() {
		wantKind(t, admins.Delete(w.Ctx("tester3"), ref), errs.Forbidden, "")
	})
	w.wantLogged("tester container.delete test/new done", func() { w.must(admins.Delete(w.ctx, ref)) })
	w.wantLogged("", makes(w.g.Containers))
	w.wantLogged("", func() { w.must(w.g.Containers.Delete(w.ctx, ref)) })
}

func TestPagesOfTheLogKeepLinesOfOneMoment(t *testing.T) {
	w := newWorld(t)
	for i := range 7 { // the clock stands still
		_, err := w.g.Applications.Create(w.Local(), gateway.NewApplication{ID: fmt.Sprint("app", i)})
		w.must(err)
	}
	whole := w.logLines(1000)
	if len(whole) < 7 {
		t.Fatalf("%q", whole)
	}
	for limit := 1; limit <= len(whole); limit++ {
		if got := w.logLines(limit); !slices.Equal(got, whole) {
			t.Errorf("in pages of %d: %q, want %q", limit, got, whole)
		}
	}
	for _, marker := range []string{"x", "00", "zz000000000000000000000000000000", "000000000000000000000000000000000"} {
		_, _, err := w.g.Accounts.Log(w.Local(), gateway.LogPage{Marker: marker, Limit: 1})
		wantKind(t, err, errs.Invalid, "")
	}
}
