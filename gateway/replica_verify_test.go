package gateway_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
)

// tableReports writes reports of one line an item: name, result, the three
// digests' first digits, details.
type tableReports struct{ gateway.ManifestWriter }

func (tableReports) BeginIntegrity(b []byte) ([]byte, string) { return b, "text/plain" }

func (tableReports) AppendIntegrity(b []byte, _ bool, rows []gateway.IntegrityRow) []byte {
	for _, r := range rows {
		short := func(s string) string { return s[:min(4, len(s))] }
		b = append(b, strings.Join([]string{r.Item, string(r.Result), short(r.Content), short(r.Recorded), short(r.Manifest), r.Details}, "|")+"\n"...)
	}
	return b
}

// report has a space verified and returns the report.
func (r *replicated) report(ref gateway.Ref) string {
	r.t.Helper()
	ctx := r.Ctx("tester")
	r.Clock.Advance(time.Second) // reports are named by the second
	if err := r.Gateway.Spaces.RequestVerify(ctx, ref); err != nil {
		r.t.Fatal(err)
	}
	if err := r.Gateway.DoJobs(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return r.lastReport(ref)
}

func (r *replicated) lastReport(ref gateway.Ref) string {
	r.t.Helper()
	_, content, err := r.Gateway.Spaces.Integrity(r.Ctx("tester"), ref)
	if err != nil {
		r.t.Fatal(err)
	}
	defer content.Close()
	b, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func withReports(c *gateway.Config) { c.Manifests, c.VerifyEvery = tableReports{}, -1 }

func TestReportOnAReplicaHoldsItAgainstItsSource(t *testing.T) {
	r := newReplicated(t, withReports)
	for _, name := range []string{"a", "b", "c"} {
		r.put(name, "body of "+name, gateway.PutOptions{})
	}
	r.put("folder/", "", gateway.PutOptions{ContentType: "application/directory"})
	r.set(2)
	r.drain()
	got := r.report(r.copy)
	if strings.Count(got, "SUCCESS") != 3 || strings.Count(got, "\n") != 3 {
		t.Fatalf("in step:\n%s", got)
	}
	// Changes that are on their way are no failures while they are young.
	r.put("b", "other", gateway.PutOptions{})
	r.put("new", "x", gateway.PutOptions{})
	if got := r.report(r.copy); strings.Count(got, "SUCCESS") != 3 || strings.Count(got, "\n") != 3 {
		t.Errorf("on its way:\n%s", got)
	}
	r.Clock.Advance(25 * time.Hour)
	got = r.report(r.copy)
	if !strings.Contains(got, "b|FAILURE|") || !strings.Contains(got, "The content is not that of store 1") ||
		!strings.Contains(got, "new|FAILURE|||") || !strings.Contains(got, "|The item is missing in this store") {
		t.Errorf("a day later:\n%s", got)
	}
	r.drain()
	if got := r.report(r.copy); strings.Count(got, "SUCCESS") != 4 || strings.Count(got, "\n") != 4 {
		t.Errorf("in step again:\n%s", got)
	}
}

func TestItemThatFailsThreeTimesIsAnErrorInTheReportOfThatStore(t *testing.T) {
	r := newReplicated(t, withReports)
	r.put("a", "x", gateway.PutOptions{})
	r.put("bad", strings.Repeat("0123456789", 100), gateway.PutOptions{})
	r.set(2)
	damage(t, r.first)
	for range 3 {
		r.drain()
		r.Clock.Advance(2 * time.Hour)
	}
	if err := r.Gateway.DoJobs(t.Context()); err != nil { // nobody asked for it
		t.Fatal(err)
	}
	got := r.lastReport(r.copy)
	if !strings.Contains(got, "a|SUCCESS|") || !strings.Contains(got, "bad|ERROR|||") || !strings.Contains(got, "Replication failed 3 times: ") {
		t.Errorf("report:\n%s", got)
	}
	list, err := r.Gateway.Replication.Status(r.Ctx("tester"), r.ref)
	if err != nil || len(list) != 1 || list[0].State != gateway.ReplicaFailing || len(list[0].Failures) != 1 || list[0].Failures[0].Item != "bad" {
		t.Errorf("status %+v, %v", list, err)
	}
	events, err := r.Store.Events(t.Context(), 10)
	if err != nil || len(events) == 0 || events[0].Kind != store.EventReplica || !strings.Contains(events[0].Ref, "bad") {
		t.Errorf("events %+v, %v", events, err)
	}
	r.put("bad", "sound again", gateway.PutOptions{})
	r.drain()
	r.wantInStep()
	if got := r.report(r.copy); strings.Contains(got, "ERROR") {
		t.Errorf("after it was replaced:\n%s", got)
	}
}

// damage changes a byte of every blob of an engine in memory.
func damage(t *testing.T, b blob.Blobs) {
	t.Helper()
	for id, err := range b.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !b.(*memblob.Store).Damage(id, func(p []byte) []byte { p[0] ^= 1; return p }) {
			t.Fatal("no such blob")
		}
	}
}

// damaged damages all content of the source or the replica, has it found, and
// returns the space of that side, of which item is a failure now.
func (r *replicated) damaged(side, item string) gateway.Ref {
	r.t.Helper()
	at, blobs := r.ref, r.first
	if side == "replica" {
		at, blobs = r.copy, r.second
	}
	damage(r.t, blobs)
	if got := r.report(at); !strings.Contains(got, item+"|FAILURE|") {
		r.t.Fatalf("damage was not found:\n%s", got)
	}
	return at
}

func TestDamagedContentIsMendedFromTheOtherStore(t *testing.T) {
	for _, side := range []string{"source", "replica"} {
		t.Run(side, func(t *testing.T) {
			r := newReplicated(t, withReports)
			body := strings.Repeat("0123456789", 100)
			before := r.put("a", body, gateway.PutOptions{Properties: gateway.Properties{"k": "v"}})
			r.set(2)
			r.drain()
			at := r.damaged(side, "a")
			done, err := r.Gateway.Replication.Mend(r.Ctx("tester"), r.ref)
			if err != nil || done.Mended != 1 || done.Left != 0 || done.Looked != 2 {
				t.Fatalf("%+v, %v", done, err)
			}
			r.wantInStep()
			ref := r.ref
			ref.Object = "a"
			after, err := r.Gateway.Objects.Head(r.Ctx("tester"), ref, gateway.Conditions{})
			if err != nil || !after.Timestamp.Equal(before.Timestamp) || after.Properties["k"] != "v" {
				t.Errorf("%+v, %v", after, err)
			}
			if got := r.report(at); !strings.Contains(got, "a|SUCCESS|") {
				t.Errorf("after it was mended:\n%s", got)
			}
			if list, err := r.Store.Quarantine(t.Context(), blob.ID{}, 10); err != nil || len(list) != 1 {
				t.Errorf("quarantine %+v, %v", list, err)
			}
		})
	}
}

func TestDamageIsMendedWithoutBeingAsked(t *testing.T) {
	r := newReplicated(t, withReports)
	r.put("a", strings.Repeat("0123456789", 100), gateway.PutOptions{})
	r.set(2)
	r.drain()
	damage(t, r.first)
	r.report(r.ref)
	r.Clock.Advance(time.Minute)
	r.drain()
	r.wantInStep()
	sum, err := r.Gateway.Replication.Summary(t.Context())
	if err != nil || sum.Mended != 1 || sum.Replicas != 1 || sum.Items != 1 || sum.Pending != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestContentThatIsDamagedOnAllSidesStaysSo(t *testing.T) {
	r := newReplicated(t, withReports)
	r.put("a", strings.Repeat("0123456789", 100), gateway.PutOptions{})
	r.set(2)
	r.drain()
	damage(t, r.first)
	damage(t, r.second)
	r.report(r.ref)
	r.report(r.copy)
	done, err := r.Gateway.Replication.Mend(r.Ctx("tester"), r.ref)
	if err != nil || done.Mended != 0 || done.Left != 2 || len(done.Names) != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = r.Gateway.Replication.Mend(r.Ctx("tester"), r.copy)
	wantKind(t, err, errs.Invalid, "")
}
