package gateway_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
	"entrepot/store"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv/memkv"
)

// verified runs the comparison of a space and returns its report.
func verified(t *testing.T, f *gatewaytest.Fixture, ref gateway.Ref) (gateway.IntegrityReport, string) {
	t.Helper()
	if err := f.Gateway.DoJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, content, err := f.Gateway.Spaces.Integrity(f.Ctx("tester"), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	text, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return report, string(text)
}

func TestDamagedContentIsAFailureOfItsSpace(t *testing.T) {
	blobs := memblob.New(memblob.Options{})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs, Config: gateway.Config{Manifests: duracloud.Manifests{}}})
	ctx, g := f.Ctx("tester"), f.Gateway
	space := gateway.Ref{Account: "test", Container: "space"}
	if _, err := g.Spaces.Create(ctx, space); err != nil {
		t.Fatal(err)
	}
	_, _, err := g.Spaces.Integrity(ctx, space)
	wantKind(t, err, errs.NotFound, errs.NoReport)
	for _, name := range []string{"bad", "good"} {
		ref := space
		ref.Object = name
		if _, err := g.Objects.Put(ctx, ref, strings.NewReader(strings.Repeat(name, 100)), gateway.PutOptions{Item: true, Size: -1}); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, g.Spaces.RequestVerify(f.Ctx("tester3"), space), errs.Forbidden, "")
	if err := g.Spaces.RequestVerify(ctx, space); err != nil {
		t.Fatal(err)
	}
	report, text := verified(t, f, space)
	if report.Result != gateway.IntegritySuccess || report.Items != 2 || strings.Count(text, "\tSUCCESS\t") != 2 || strings.HasSuffix(text, "\n") {
		t.Errorf("%+v\n%s", report, text)
	}
	spoilt := 0
	for id, err := range blobs.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := blobs.Open(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if r.Size() == 300 { // "bad", a hundred times
			blobs.Damage(id, func(b []byte) []byte { b[7] ^= 1; return b })
			spoilt++
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if spoilt != 1 {
		t.Fatalf("%d blobs spoilt", spoilt)
	}
	f.Clock.Advance(time.Hour)
	if err := g.Spaces.RequestVerify(ctx, space); err != nil {
		t.Fatal(err)
	}
	report, text = verified(t, f, space)
	if report.Result != gateway.IntegrityFailure || report.Items != 2 {
		t.Errorf("%+v", report)
	}
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, "\t"); strings.Contains(line, "\tbad\t") && (cells[6] != "FAILURE" || cells[7] != "" || len(cells[8]) != 32 || cells[10] == "--\n") {
			t.Errorf("%q", line)
		}
		if strings.Contains(line, "\tgood\t") && !strings.Contains(line, "\tSUCCESS\t") {
			t.Errorf("%q", line)
		}
	}
	// Of three reports two are kept.
	f.Clock.Advance(time.Hour)
	if err := g.Spaces.RequestVerify(ctx, space); err != nil {
		t.Fatal(err)
	}
	verified(t, f, space)
	_, items, err := g.Spaces.Items(ctx, gateway.Ref{Account: "test", Container: "x-duracloud-admin"}, "bit-integrity/", "", 10)
	if err != nil || len(items) != 2 {
		t.Errorf("reports %q, %v", items, err)
	}
}

func TestManifestsAreMadeOnceAndEnd(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Manifests: duracloud.Manifests{}, VerifyEvery: -1}})
	ctx, g := f.Ctx("tester"), f.Gateway
	space := gateway.Ref{Account: "test", Container: "space"}
	if _, err := g.Spaces.Create(ctx, space); err != nil {
		t.Fatal(err)
	}
	to, err := g.Spaces.RequestManifest(ctx, space, "TSV")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.DoJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Objects.Head(ctx, to, gateway.Conditions{}); err != nil {
		t.Fatalf("the manifest: %v", err)
	}
	if _, err := g.Spaces.RequestManifest(ctx, space, "NONSENSE"); err != nil {
		t.Fatal(err) // given up when it is taken up
	}
	if err := g.DoJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A space that is gone needs no manifest any more.
	f.Clock.Advance(time.Minute)
	if to, err = g.Spaces.RequestManifest(ctx, space, "BAGIT"); err != nil {
		t.Fatal(err)
	}
	if err := g.DoJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(8 * 24 * time.Hour)
	_, err = g.Objects.Head(ctx, to, gateway.Conditions{})
	wantKind(t, err, errs.NotFound, errs.NoObject)
}

// A gateway that ends in the middle of a manifest leaves nothing of it, and the
// next one on the same store writes it whole.
func TestAManifestThatWasInterruptedIsWrittenByTheNextGateway(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{
		Engine: memkv.New(memkv.Options{}), Config: gateway.Config{Manifests: duracloud.Manifests{}, VerifyEvery: -1},
	})
	ctx := f.Ctx("tester")
	space := gateway.Ref{Account: "test", Container: "space"}
	if _, err := f.Gateway.Spaces.Create(ctx, space); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		at := space
		at.Object = fmt.Sprint("item", i)
		if _, err := f.Gateway.Objects.Put(ctx, at, strings.NewReader("x"), gateway.PutOptions{Item: true, Size: 1}); err != nil {
			t.Fatal(err)
		}
	}
	// The first gateway dies while it writes: its writer never returns from
	// the middle before the gateway is told to end.
	slow := &endless{ManifestWriter: duracloud.Manifests{}, began: make(chan struct{}), end: make(chan struct{})}
	first, err := gateway.New(t.Context(), f.Store, gateway.Config{Manifests: slow, VerifyEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	to, err := first.Spaces.RequestManifest(ctx, space, "TSV")
	if err != nil {
		t.Fatal(err)
	}
	<-slow.began
	ended := make(chan struct{})
	go func() { _ = first.Close(); close(ended) }()
	time.Sleep(20 * time.Millisecond) // the work is told to stop; either order is right
	close(slow.end)
	<-ended
	if _, err := f.Gateway.Objects.Head(ctx, to, gateway.Conditions{}); errs.Of(err) != errs.NotFound {
		t.Fatalf("of what was interrupted something is there: %v", err)
	}
	// Who took the job up and died holds it for a while.
	if err := f.Gateway.DoJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(15 * time.Minute)
	if err := f.Gateway.DoJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, content, err := f.Gateway.Objects.Open(ctx, to, gateway.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	z, err := gzip.NewReader(io.NewSectionReader(content, 0, content.Size()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || strings.Count(string(text), "\nspace\titem") != 20 {
		t.Errorf("the manifest is %q, %v", text, err)
	}
	f.Store.Drain(t.Context())
	if r, err := f.Store.Check(t.Context(), store.CheckOptions{}); err != nil || r.Findings != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

// endless writes manifests until it is told to end.
type endless struct {
	gateway.ManifestWriter
	once       sync.Once
	began, end chan struct{}
}

func (e *endless) Append(b []byte, form, space string, items []gateway.ManifestItem) []byte {
	e.once.Do(func() { close(e.began); <-e.end })
	return e.ManifestWriter.Append(b, form, space, items)
}

// Every space is compared once in 30 days, whoever asks for nothing.
func TestSpacesAreComparedEveryThirtyDays(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Manifests: duracloud.Manifests{}}})
	ctx := f.Ctx("tester")
	space := gateway.Ref{Account: "test", Container: "space", Object: "a"}
	if _, err := f.Gateway.Spaces.Create(ctx, space); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Gateway.Objects.Put(ctx, space, strings.NewReader("x"), gateway.PutOptions{Item: true, Size: 1}); err != nil {
		t.Fatal(err)
	}
	ended := func() time.Time {
		t.Helper()
		if err := f.Gateway.PlanJobs(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.Gateway.DoJobs(t.Context()); err != nil {
			t.Fatal(err)
		}
		report, content, err := f.Gateway.Spaces.Integrity(ctx, space)
		if errs.ReasonOf(err) == errs.NoReport {
			return time.Time{}
		}
		if err != nil {
			t.Fatal(err)
		}
		content.Close()
		return report.Ended
	}
	var seen []int
	last := ended()
	for day := range 95 {
		f.Clock.Advance(24 * time.Hour)
		if at := ended(); !at.Equal(last) {
			seen, last = append(seen, day+1), at
		}
	}
	if len(seen) < 3 || len(seen) > 4 || seen[len(seen)-1]-seen[len(seen)-2] != 30 || seen[1]-seen[0] != 30 {
		t.Errorf("compared on the days %v", seen)
	}
}

// Whoever asks for many manifests at once gets one of each, none in the place of
// another, and it costs no more to find a name for the last of them than for the
// first.
func TestManyManifestsAtOnceHaveNamesOfTheirOwn(t *testing.T) {
	engine := memkv.New(memkv.Options{
		Adversarial: true, Seed: 1, Covers: store.Covers, MaxRoundTrips: 20, Fail: func(message string) { t.Errorf("engine: %s", message) },
	})
	f := gatewaytest.NewWith(t, gatewaytest.Options{
		Engine: engine, Config: gateway.Config{Manifests: duracloud.Manifests{}, VerifyEvery: -1},
	})
	ctx, g := f.Ctx("tester"), f.Gateway
	space := gateway.Ref{Account: "test", Container: "a.txt.gz"}
	if _, err := g.Spaces.Create(ctx, space); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range 60 {
		to, err := g.Spaces.RequestManifest(ctx, space, "TSV")
		if err != nil || seen[to.Object] {
			t.Fatalf("manifest %d: %s, %v", i, to, err)
		}
		seen[to.Object] = true
		if i%2 == 0 {
			if err := g.DoJobs(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err := g.Spaces.RequestManifest(ctx, space, "TSV")
	wantKind(t, err, errs.RateLimited, "")
	f.Clock.Advance(time.Second)
	if to, err := g.Spaces.RequestManifest(ctx, space, "TSV"); err != nil || seen[to.Object] {
		t.Errorf("a second later: %s, %v", to, err)
	}
	if err := g.DoJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name := range seen {
		if _, err := g.Objects.Head(ctx, gateway.Ref{Account: "test", Container: "x-duracloud-admin", Object: name}, gateway.Conditions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
