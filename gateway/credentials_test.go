package gateway_test

import (
	"context"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
)

var gatewaytestAddr = netip.MustParseAddr("127.0.0.1")

// newPhone makes the application phone, the container docs with a few objects,
// other with one, and an application password of tester for docs.
func newPhone(t *testing.T, f *gatewaytest.Fixture, n gateway.NewCredential) string {
	t.Helper()
	withApplication(t, f)
	owner := f.Ctx("tester")
	for _, name := range []string{"docs", "other"} {
		if _, err := f.Gateway.Containers.Create(owner, gateway.Ref{Account: "test", Container: name}, gateway.ContainerChange{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.txt", "in/a.txt", "in/sub/b.txt", "inside.txt", "out/c.txt"} {
		putText(t, f, owner, gateway.Ref{Account: "test", Container: "docs", Object: name})
	}
	putText(t, f, owner, gateway.Ref{Account: "test", Container: "other", Object: "in/a.txt"})
	n.User, n.Application = "tester", "phone"
	if n.Container == "" {
		n.Container = "docs"
	}
	_, password, err := f.Gateway.Credentials.Create(owner, n)
	if err != nil {
		t.Fatal(err)
	}
	return password.Reveal()
}

func putText(t *testing.T, f *gatewaytest.Fixture, ctx context.Context, ref gateway.Ref) {
	t.Helper()
	if _, err := f.Gateway.Objects.Put(ctx, ref, strings.NewReader("text"), gateway.PutOptions{Size: 4}); err != nil {
		t.Fatal(err)
	}
}

// as returns a context of whoever an application password stands for.
func as(t *testing.T, f *gatewaytest.Fixture, password string) context.Context {
	t.Helper()
	p, err := f.Auth.ApplicationPassword(t.Context(), password, gatewaytestAddr)
	if err != nil {
		t.Fatal(err)
	}
	return auth.WithPrincipal(t.Context(), p)
}

func TestApplicationPasswordsAreManagedByTheirUserAndOwners(t *testing.T) {
	f := gatewaytest.New(t)
	limited := as(t, f, newPhone(t, f, gateway.NewCredential{}))
	creds := f.Gateway.Credentials
	n := gateway.NewCredential{User: "tester3", Application: "phone", Container: "docs", Label: "laptop", Expires: f.Clock.Now().Add(time.Hour)}
	for _, user := range []string{"tester3", "tester", "admin"} {
		made, _, err := creds.Create(f.Ctx(user), n)
		if err != nil || made.User != "tester3" || made.Label != "laptop" || !made.Expires.Equal(n.Expires) {
			t.Errorf("%s: %+v, %v", user, made, err)
		}
	}
	list, err := creds.List(f.Ctx("tester3"), "tester3")
	if err != nil || len(list) != 3 || list[0].Container != "docs" || list[0].Ended || list[0].Stopped {
		t.Fatalf("%+v, %v", list, err)
	}
	for name, ctx := range map[string]context.Context{"tester2": f.Ctx("tester2"), "auditor": f.Ctx("tester6"), "limited": limited, "nobody": f.Ctx("")} {
		n.User = "tester"
		if _, _, err := creds.Create(ctx, n); errs.Of(err) != errs.Forbidden && errs.Of(err) != errs.Unauthenticated {
			t.Errorf("%s creates: %v", name, err)
		}
		if _, err := creds.List(ctx, "tester"); errs.Of(err) != errs.Forbidden && errs.Of(err) != errs.Unauthenticated {
			t.Errorf("%s lists: %v", name, err)
		}
		if err := creds.Delete(ctx, "tester", list[0].ID); errs.Of(err) != errs.Forbidden && errs.Of(err) != errs.Unauthenticated {
			t.Errorf("%s deletes: %v", name, err)
		}
	}
	wantErr(t, "another's password", creds.Delete(f.Ctx("tester"), "tester", list[0].ID), errs.NotFound, errs.NoCredential)
	if err := creds.Delete(f.Ctx("tester"), "tester3", list[0].ID); err != nil {
		t.Error(err)
	}
	soundStore(t, f)
}

func TestApplicationPasswordsOfWhatIsNotThereAreRefused(t *testing.T) {
	f := gatewaytest.New(t)
	newPhone(t, f, gateway.NewCredential{})
	owner, creds := f.Ctx("tester"), f.Gateway.Credentials
	for name, c := range map[string]struct {
		n      gateway.NewCredential
		kind   errs.Kind
		reason errs.Reason
	}{
		"application": {gateway.NewCredential{User: "tester", Application: "zzz", Container: "docs"}, errs.NotFound, errs.NoApplication},
		"container":   {gateway.NewCredential{User: "tester", Application: "phone", Container: "zzz"}, errs.NotFound, errs.NoContainer},
		"user":        {gateway.NewCredential{User: "zzz", Application: "phone", Container: "docs"}, errs.Forbidden, ""},
		"past":        {gateway.NewCredential{User: "tester", Application: "phone", Container: "docs", Expires: f.Clock.Now()}, errs.Invalid, ""},
		"label":       {gateway.NewCredential{User: "tester", Application: "phone", Container: "docs", Label: strings.Repeat("x", 129)}, errs.Invalid, errs.NameTooLong},
		"prefix":      {gateway.NewCredential{User: "tester", Application: "phone", Container: "docs", Prefix: "a\x00"}, errs.Invalid, errs.BadName},
	} {
		_, _, err := creds.Create(owner, c.n)
		wantErr(t, name, err, c.kind, c.reason)
	}
	for range 99 {
		if _, _, err := creds.Create(owner, gateway.NewCredential{User: "tester", Application: "phone", Container: "docs"}); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := creds.Create(owner, gateway.NewCredential{User: "tester", Application: "phone", Container: "docs"})
	wantErr(t, "one too many", err, errs.Forbidden, errs.TooMany)
}

func TestApplicationPasswordsEndWithWhatTheyRestOn(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(t *testing.T, f *gatewaytest.Fixture)
		kind   errs.Kind
		reason errs.Reason
	}{
		"time": {func(_ *testing.T, f *gatewaytest.Fixture) { f.Clock.Advance(2 * time.Hour) }, errs.Unauthenticated, errs.CredentialEnded},
		"container": {func(t *testing.T, f *gatewaytest.Fixture) {
			if err := f.Gateway.Trees.Delete(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "docs"}, gateway.Conditions{}); err != nil {
				t.Fatal(err)
			}
			// One of the same name is another one.
			if _, err := f.Gateway.Containers.Create(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "docs"}, gateway.ContainerChange{}); err != nil {
				t.Fatal(err)
			}
		}, errs.Unauthenticated, errs.CredentialEnded},
		"stop": {func(t *testing.T, f *gatewaytest.Fixture) {
			if err := f.Gateway.Applications.Stop(f.Ctx("tester"), "test", "phone"); err != nil {
				t.Fatal(err)
			}
		}, errs.Forbidden, errs.ApplicationStopped},
		"keys": {func(t *testing.T, f *gatewaytest.Fixture) {
			app, err := f.Gateway.Applications.Get(f.Ctx("admin"), "phone")
			if err == nil {
				_, err = f.Gateway.Applications.RevokeKey(f.Ctx("admin"), "phone", app.Keys[0].ID)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, errs.Forbidden, errs.ApplicationStopped},
	} {
		t.Run(name, func(t *testing.T) {
			f := gatewaytest.New(t)
			password := newPhone(t, f, gateway.NewCredential{Expires: f.Clock.Now().Add(time.Hour)})
			token, _, err := f.Auth.Issue(t.Context(), "tester", password, gatewaytestAddr)
			if err != nil {
				t.Fatal(err)
			}
			f.SetPassword("tester", "changed")
			if _, err := f.Auth.Token(t.Context(), token.Value, gatewaytestAddr); err != nil {
				t.Errorf("a change of the user's password: %v", err)
			}
			c.end(t, f)
			_, err = f.Auth.ApplicationPassword(t.Context(), password, gatewaytestAddr)
			wantErr(t, "the password", err, c.kind, c.reason)
			_, err = f.Auth.Token(t.Context(), token.Value, gatewaytestAddr)
			if errs.Of(err) != c.kind {
				t.Errorf("its token: %v", err)
			}
			list, err := f.Gateway.Credentials.List(f.Ctx("tester"), "tester")
			if err != nil || len(list) != 1 || list[0].Ended != (c.kind == errs.Unauthenticated) || list[0].Stopped != (c.kind == errs.Forbidden) {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

func TestAContainersApplicationPasswordReachesNothingElse(t *testing.T) {
	f := gatewaytest.New(t)
	ctx := as(t, f, newPhone(t, f, gateway.NewCredential{}))
	g, docs, other := f.Gateway, gateway.Ref{Account: "test", Container: "docs"}, gateway.Ref{Account: "test", Container: "other"}
	putText(t, f, ctx, gateway.Ref{Account: "test", Container: "docs", Object: "new.txt"})
	if _, entries, err := g.Objects.List(ctx, docs, gateway.ListOptions{Limit: 10}); err != nil || len(entries) != 6 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	_, list, err := g.Containers.List(ctx, "test", gateway.ListOptions{Limit: 10})
	if err != nil || len(list) != 1 || list[0].Name != "docs" {
		t.Errorf("containers: %+v, %v", list, err)
	}
	if account, err := g.Accounts.Get(ctx, "test"); err != nil || account.Bytes != 0 || account.Access.Owner {
		t.Errorf("account: %+v, %v", account, err)
	}
	for name, err := range map[string]error{
		"another container":         errOf2(g.Objects.Head(ctx, gateway.Ref{Account: "test", Container: "other", Object: "in/a.txt"}, gateway.Conditions{})),
		"one that is not there":     errOf2(g.Objects.Head(ctx, gateway.Ref{Account: "test", Container: "none", Object: "x"}, gateway.Conditions{})),
		"its listing":               errOf3(g.Objects.List(ctx, other, gateway.ListOptions{Limit: 10})),
		"its settings":              g.Containers.Update(ctx, docs, gateway.ContainerChange{}),
		"its end":                   g.Containers.Delete(ctx, docs),
		"a new container":           errOf2(g.Containers.Create(ctx, gateway.Ref{Account: "test", Container: "fresh"}, gateway.ContainerChange{})),
		"properties of the account": g.Accounts.SetProperties(ctx, "test", gateway.Properties{"a": "b"}),
		"another account":           errOf2(g.Accounts.Get(ctx, "test2")),
	} {
		wantErr(t, name, err, errs.Forbidden, errs.OutOfScope)
	}
	_, _, err = g.Objects.Copy(ctx, gateway.Ref{Account: "test", Container: "docs", Object: "a.txt"}, gateway.Ref{Account: "test", Container: "other", Object: "b"}, gateway.CopyOptions{})
	wantErr(t, "copying out", err, errs.Forbidden, errs.OutOfScope)
	_, _, err = g.Objects.Copy(ctx, gateway.Ref{Account: "test", Container: "other", Object: "in/a.txt"}, gateway.Ref{Account: "test", Container: "docs", Object: "b"}, gateway.CopyOptions{})
	wantErr(t, "copying in", err, errs.Forbidden, errs.OutOfScope)
}

func errOf2[T any](_ T, err error) error         { return err }
func errOf3[T, U any](_ T, _ U, err error) error { return err }

func TestAFoldersApplicationPasswordSeesOnlyTheWayThere(t *testing.T) {
	f := gatewaytest.New(t)
	ctx := as(t, f, newPhone(t, f, gateway.NewCredential{Prefix: "in/sub"}))
	g := f.Gateway
	at := func(name string) gateway.Ref { return gateway.Ref{Account: "test", Container: "docs", Object: name} }
	for _, c := range []struct {
		opt  gateway.ListOptions
		want []string
	}{
		{gateway.ListOptions{}, []string{"in/sub/b.txt"}},
		{gateway.ListOptions{Delimiter: "/"}, []string{"in/"}},
		{gateway.ListOptions{Delimiter: "/", Marker: "in/"}, nil},
		{gateway.ListOptions{Delimiter: "/", EndMarker: "in/"}, nil},
		{gateway.ListOptions{Delimiter: "/", Reverse: true}, []string{"in/"}},
		{gateway.ListOptions{Prefix: "in/", Delimiter: "/"}, []string{"in/sub/"}},
		{gateway.ListOptions{Prefix: "in/sub/", Delimiter: "/"}, []string{"in/sub/b.txt"}},
		{gateway.ListOptions{Prefix: "i", Delimiter: "n"}, []string{"in"}},
		{gateway.ListOptions{Prefix: "out/"}, nil},
		{gateway.ListOptions{Prefix: "in/subway"}, nil},
		{gateway.ListOptions{Direct: true}, nil},
	} {
		c.opt.Limit = 10
		container, entries, err := g.Objects.List(ctx, at(""), c.opt)
		var got []string
		for _, e := range entries {
			got = append(got, e.Object.Name+e.Subdir)
		}
		if err != nil || !slices.Equal(got, c.want) || container.Objects != 0 {
			t.Errorf("%+v: %q (%d objects), %v, want %q", c.opt, got, container.Objects, err, c.want)
		}
	}
	for _, name := range []string{"", "in", "in/", "in/sub", "in/sub/", "in/sub/b.txt"} {
		if _, err := g.Trees.Stat(ctx, at(name), gateway.NodeParts{}); err != nil {
			t.Errorf("stat %q: %v", name, err)
		}
	}
	for ref, want := range map[gateway.Ref]string{
		{Account: "test"}: "docs/", at(""): "docs/in/", at("in"): "docs/in/sub/", at("in/sub"): "docs/in/sub/b.txt",
	} {
		page, err := g.Trees.List(ctx, ref, gateway.ListTree{})
		if err != nil || len(page.Nodes) != 1 || page.Nodes[0].Ref.Container+"/"+page.Nodes[0].Ref.Object != want {
			t.Errorf("members of %v: %+v, %v, want %s", ref, page.Nodes, err, want)
		}
	}
	var walked []string
	for opt := (gateway.ListTree{Recursive: true, Limit: 2}); ; {
		page, err := g.Trees.List(ctx, gateway.Ref{Account: "test"}, opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range page.Nodes {
			walked = append(walked, n.Ref.Object)
		}
		if opt.After = page.Next; page.Next == (gateway.Ref{}) {
			break
		}
	}
	if want := []string{"", "in/", "in/sub/", "in/sub/b.txt"}; !slices.Equal(walked, want) {
		t.Errorf("walked %q, want %q", walked, want)
	}
	for _, name := range []string{"a.txt", "in/a.txt", "in/subway", "in", "out/c.txt", "nothing", "in/sub"} {
		_, err := g.Objects.Put(ctx, at(name), strings.NewReader("x"), gateway.PutOptions{Size: 1})
		wantErr(t, "writing "+name, err, errs.Forbidden, errs.OutOfScope)
		wantErr(t, "deleting "+name, g.Objects.Delete(ctx, at(name), nil), errs.Forbidden, errs.OutOfScope)
		if name == "in/sub" {
			continue
		}
		_, err = g.Objects.Head(ctx, at(name), gateway.Conditions{})
		wantErr(t, "reading "+name, err, errs.Forbidden, errs.OutOfScope)
	}
	putText(t, f, ctx, at("in/sub/new.txt"))
	wantErr(t, "removing the folder itself", g.Trees.Delete(ctx, at("in/sub"), gateway.Conditions{}), errs.Forbidden, errs.OutOfScope)
	wantErr(t, "removing the way", g.Trees.Delete(ctx, at("in"), gateway.Conditions{}), errs.Forbidden, errs.OutOfScope)
}

func TestAReadingApplicationPasswordChangesNothing(t *testing.T) {
	f := gatewaytest.New(t)
	ctx := as(t, f, newPhone(t, f, gateway.NewCredential{ReadOnly: true}))
	ref := gateway.Ref{Account: "test", Container: "docs", Object: "a.txt"}
	before := f.Fingerprint()
	_, content, err := f.Gateway.Objects.Open(ctx, ref, gateway.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size())); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if err := content.Close(); err != nil {
		t.Error(err)
	}
	_, err = f.Gateway.Objects.Put(ctx, ref, strings.NewReader("x"), gateway.PutOptions{Size: 1})
	wantErr(t, "put", err, errs.Forbidden, errs.ReadOnly)
	wantErr(t, "delete", f.Gateway.Objects.Delete(ctx, ref, nil), errs.Forbidden, errs.ReadOnly)
	_, err = f.Gateway.Objects.SetMeta(ctx, ref, gateway.MetaChange{})
	wantErr(t, "post", err, errs.Forbidden, errs.ReadOnly)
	if f.Fingerprint() != before {
		t.Error("something changed")
	}
}

func TestAnAdministratorsApplicationPasswordAdministersNothing(t *testing.T) {
	f := gatewaytest.New(t)
	withApplication(t, f)
	admin := f.Ctx("admin")
	if _, err := f.Gateway.Containers.Create(admin, gateway.Ref{Account: "admin", Container: "docs"}, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	_, password, err := f.Gateway.Credentials.Create(admin, gateway.NewCredential{User: "admin", Application: "phone", Container: "docs"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := as(t, f, password.Reveal())
	_, err = f.Gateway.Applications.Create(ctx, gateway.NewApplication{ID: "x"})
	wantErr(t, "an application", err, errs.Forbidden, errs.NotAdmin)
	_, err = f.Gateway.Accounts.Get(ctx, "test")
	wantErr(t, "another account", err, errs.Forbidden, errs.OutOfScope)
	_, err = f.Gateway.Depots.Owned(ctx, "tester", 0, false)
	wantErr(t, "depots", err, errs.Forbidden, errs.OutOfScope)
	putText(t, f, ctx, gateway.Ref{Account: "admin", Container: "docs", Object: "a"})
}
