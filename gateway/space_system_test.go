package gateway_test

import (
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
)

// plainReports writes reports as lines that only tests read.
type plainReports struct{}

func (plainReports) Begin(b []byte, _ string) ([]byte, string, error) { return b, "text/plain", nil }

func (plainReports) Append(b []byte, _, _ string, items []gateway.ManifestItem) []byte {
	for i := range items {
		b = append(append(b, items[i].Name...), '\n')
	}
	return b
}

func (plainReports) BeginIntegrity(b []byte) ([]byte, string) { return b, "text/plain" }

func (plainReports) AppendIntegrity(b []byte, _ bool, rows []gateway.IntegrityRow) []byte {
	for i := range rows {
		b = append(append(b, rows[i].Item...), '\n')
	}
	return b
}

func TestReportsOnIntegrityGoWithTheirSpace(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Manifests: plainReports{}}})
	ctx := f.Ctx("tester")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(space, item string) gateway.Ref {
		return gateway.Ref{Account: "test", Container: space, Object: item}
	}
	for _, space := range []string{"gone", "stays"} {
		_, err := f.Gateway.Spaces.Create(ctx, at(space, ""))
		must(err)
		_, err = f.Gateway.Objects.Put(ctx, at(space, "item"), strings.NewReader("x"), gateway.PutOptions{Item: true, Size: 1})
		must(err)
		must(f.Gateway.Spaces.RequestVerify(ctx, at(space, "")))
	}
	must(f.Gateway.DoJobs(t.Context()))
	reports := func() []string {
		_, items, err := f.Gateway.Spaces.Items(ctx, at("x-duracloud-admin", ""), "bit-integrity/", "", 100)
		must(err)
		return items
	}
	if list := reports(); len(list) != 2 {
		t.Fatalf("reports %q", list)
	}
	must(f.Gateway.Spaces.Delete(ctx, at("gone", "")))
	f.Store.Drain(t.Context())
	f.Clock.Advance(time.Minute)
	must(f.Gateway.DoJobs(t.Context()))
	if list := reports(); len(list) != 1 || !strings.HasPrefix(list[0], "bit-integrity/stays/") {
		t.Errorf("reports %q", list)
	}
}

// DuraCloud Security: rights of system spaces.
func TestSystemSpacesHaveRulesOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	snapshot, err := w.g.Spaces.CreateSnapshot(w.ctx, ref("c", ""), "")
	w.must(err)
	bag := snapshot.ID + ".zip"
	for space, items := range map[string][]string{
		"x-service-out": {"bit-integrity/report", "else"}, "x-duracloud-admin": {"bit-integrity-results.json", "secret"},
		"x-snapshot-metadata": {bag, "other.zip"},
	} {
		w.container(space)
		for _, item := range items {
			w.in(space, item, "x", nil)
		}
	}
	read := func(user, space, item string) string {
		_, err := w.g.Objects.Head(w.Ctx(user), ref(space, item), gateway.Conditions{})
		if err == nil {
			return ""
		}
		return errs.Of(err).Error()
	}
	for _, c := range []struct {
		user, space, item string
		want              string
	}{
		{"tester3", "x-service-out", "bit-integrity/report", ""},
		{"tester3", "x-service-out", "bit-integrity/none", errs.NotFound.Error()},
		{"tester3", "x-service-out", "else", errs.Forbidden.Error()},
		{"tester2", "x-service-out", "bit-integrity/report", errs.Forbidden.Error()},
		{"tester3", "x-duracloud-admin", "bit-integrity-results.json", ""},
		{"tester3", "x-duracloud-admin", "secret", errs.Forbidden.Error()},
		{"tester3", "x-snapshot-metadata", bag, errs.Forbidden.Error()},
		{"tester3", "x-snapshot-metadata", "other.zip", errs.Forbidden.Error()},
	} {
		if got := read(c.user, c.space, c.item); got != c.want {
			t.Errorf("%s reads %s/%s: %q, want %q", c.user, c.space, c.item, got, c.want)
		}
	}
	w.must(w.g.Spaces.SetGrants(w.ctx, ref("c", ""), gateway.Grants{"tester3": gateway.RightRead}))
	if got := read("tester3", "x-snapshot-metadata", bag); got != "" {
		t.Errorf("who may list the space does not read what describes its snapshot: %v", got)
	}
	wantKind(t, w.g.Spaces.DeleteItem(w.ctx, ref("x-snapshot-metadata", bag), nil), errs.Forbidden, errs.NotAdmin)
	wantKind(t, w.g.Spaces.Delete(w.ctx, ref("x-snapshot-metadata", "")), errs.Forbidden, errs.NotAdmin)
	w.must(w.g.Spaces.DeleteItem(w.Ctx("admin"), ref("x-snapshot-metadata", bag), nil))
	w.must(w.g.Spaces.Delete(w.Ctx("admin"), ref("x-snapshot-metadata", "")))
}
