package dav_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/dav"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
)

func TestLocksSurviveARestart(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "PUT", "/dav/c/a", "x")
	token := f.must(t, 200, "LOCK", "/dav/c/a", lockBody).Header().Get("Lock-Token")

	again, err := gateway.New(t.Context(), f.Store, gateway.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
	face, err := dav.New(dav.Config{}, again, f.Auth, nil, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.handler = face
	f.must(t, 423, "PUT", "/dav/c/a", "y")
	f.must(t, 204, "PUT", "/dav/c/a", "y", "If", "("+token+")")
}

func TestAFullDiskKeepsTheOldFile(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: memblob.New(memblob.Options{Capacity: 10_000})})
	full := &fixture{Fixture: f, handler: mountFace(t, f)}
	full.must(t, 201, "MKCOL", "/dav/c", "")
	full.must(t, 201, "PUT", "/dav/c/a", strings.Repeat("o", 1000))
	w := full.do("PUT", "/dav/c/a", strings.Repeat("n", 20_000))
	if w.Code != 507 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := full.must(t, 200, "GET", "/dav/c/a", "").Body.String(); got != strings.Repeat("o", 1000) {
		t.Errorf("content of %d bytes", len(got))
	}
}

func mountFace(t *testing.T, f *gatewaytest.Fixture) http.Handler {
	t.Helper()
	face, err := dav.New(dav.Config{}, f.Gateway, f.Auth, nil, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	face.Routes(router)
	return router
}

// TestALostBlobIsAFailure reads content that the disk lost: nothing of
// it may look like an answer.
func TestALostBlobIsAFailure(t *testing.T) {
	lost := false
	blobs := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if lost && op == memblob.OpOpen {
			return http.ErrAbortHandler // any error will do
		}
		return nil
	}})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs})
	broken := &fixture{Fixture: f, handler: mountFace(t, f)}
	broken.must(t, 201, "MKCOL", "/dav/c", "")
	broken.must(t, 201, "PUT", "/dav/c/a", strings.Repeat("x", 1000))
	lost = true
	if w := broken.do("GET", "/dav/c/a", ""); w.Code != 500 || strings.Contains(w.Body.String(), "xxx") || w.Header().Get("ETag") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestAListingThatFailsLaterCutsTheConnection(t *testing.T) {
	f := newFixture(t, dav.Config{})
	for i := range 1500 {
		f.swiftPut(t, "d/"+strings.Repeat("x", 1+i%200)+string(rune('a'+i/200)), "x")
	}
	r := httptest.NewRequest("PROPFIND", "/dav/c/d/", nil)
	r.SetBasicAuth("tester", "testing")
	r.Header.Set("Depth", "1")
	w := &vanishing{ResponseRecorder: httptest.NewRecorder(), after: func() {
		f.must(t, 204, "DELETE", "/dav/c", "")
	}}
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // the panic's value is the error itself
			t.Errorf("the handler ended normally with %d bytes", w.Body.Len())
		}
		if strings.Contains(w.Body.String(), "</D:multistatus>") {
			t.Error("the listing looks complete")
		}
	}()
	f.handler.ServeHTTP(w, r)
}

// vanishing calls after when the first page has been written.
type vanishing struct {
	*httptest.ResponseRecorder
	after func()
}

func (v *vanishing) Flush() {
	if v.after != nil {
		v.after()
		v.after = nil
	}
	v.ResponseRecorder.Flush()
}

// Row 45 of the table of required answers: a copy writes no content, whatever
// the size; nor does a move.
func TestCopyAndMoveWriteNoContent(t *testing.T) {
	touched := 0
	blobs := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		touched++
		return nil
	}})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs})
	d := &fixture{Fixture: f, handler: mountFace(t, f)}
	d.must(t, 201, "MKCOL", "/dav/c", "")
	d.must(t, 201, "MKCOL", "/dav/c/d", "")
	d.must(t, 201, "PUT", "/dav/c/d/large", strings.Repeat("x", 8<<20))
	touched = 0
	d.must(t, 201, "COPY", "/dav/c/d/large", "", "Destination", "/dav/c/copy")
	d.must(t, 201, "COPY", "/dav/c/d", "", "Destination", "/dav/c/e")
	d.must(t, 201, "MOVE", "/dav/c/e", "", "Destination", "/dav/c/f")
	d.must(t, 201, "MOVE", "/dav/c/", "", "Destination", "/dav/k")
	if touched != 0 {
		t.Errorf("%d calls to the disk", touched)
	}
	if got := d.must(t, 200, "GET", "/dav/k/f/large", "").Body.Len(); got != 8<<20 {
		t.Errorf("%d bytes", got)
	}
}
