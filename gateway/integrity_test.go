package gateway_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
	"entrepot/store/blob/memblob"
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
