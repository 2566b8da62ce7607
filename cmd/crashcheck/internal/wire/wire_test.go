package wire_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"entrepot/cmd/crashcheck/internal/wire"
)

func serve(t *testing.T, h http.HandlerFunc) *wire.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c := wire.New("u", "p").With(srv.URL)
	t.Cleanup(c.Close)
	return c
}

func TestAnswersHaveThreeOutcomes(t *testing.T) {
	for status, want := range map[int]wire.Outcome{
		0: wire.Unknown, 201: wire.OK, 204: wire.OK, 207: wire.OK, 304: wire.Refused, 404: wire.Refused,
		413: wire.Refused, 423: wire.Refused, 500: wire.Unknown, 503: wire.Unknown, 507: wire.Unknown,
	} {
		if got := (wire.Answer{Status: status}).Outcome(); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

func TestNamesReachTheDoorAsTheyAre(t *testing.T) {
	const name = "a b/é%25&<x>?#/ü"
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1/AUTH_u/k/"), "/dav/k/"); got != name {
			t.Errorf("%s arrived as %q", r.RequestURI, got)
		}
	})
	for _, door := range []wire.Door{wire.Swift, wire.DAV} {
		if a := c.Do(t.Context(), wire.Request{Door: door, Method: "GET", Container: "k", Object: name}); a.Status != 200 {
			t.Errorf("%+v", a)
		}
	}
}

func TestListingReadsAllFormatsAndPages(t *testing.T) {
	pages := map[wire.Format][]string{
		wire.JSON:  {`[{"name":"a","bytes":1,"hash":"h"},{"name":"b","bytes":2,"hash":"i"}]`, `[{"name":"c&<","bytes":3,"hash":"j"}]`},
		wire.XML:   {`<container name="k"><object><name>a</name><hash>h</hash><bytes>1</bytes></object><object><name>b</name><hash>i</hash><bytes>2</bytes></object></container>`, `<container name="k"><object><name>c&amp;&lt;</name><hash>j</hash><bytes>3</bytes></object></container>`},
		wire.Plain: {"a\nb\n", "c&<\n"},
	}
	for format, bodies := range pages {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("marker") == "b" {
				_, _ = io.WriteString(w, bodies[1])
				return
			}
			_, _ = io.WriteString(w, bodies[0])
		})
		got, err := c.List(t.Context(), "k", format, "", 2)
		if err != nil {
			t.Fatal(err)
		}
		want := []wire.Entry{{"a", 1, "h"}, {"b", 2, "i"}, {"c&<", 3, "j"}}
		if format == wire.Plain {
			want = []wire.Entry{{"a", -1, ""}, {"b", -1, ""}, {"c&<", -1, ""}}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", format, got)
		}
	}
}

func TestTreeTellsFilesFromFolders(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusMultiStatus)
		_, _ = io.WriteString(w, `<D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/k/</D:href></D:response>`+
			`<D:response><D:href>/dav/k/a%20b/</D:href><D:propstat><D:prop><D:getetag/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>`+
			`<D:response><D:href>/dav/k/a%20b/f</D:href><D:propstat><D:prop><D:getetag>"e"</D:getetag><D:getcontentlength>0</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>`)
	})
	got, err := c.Tree(t.Context(), "k", "", "infinity")
	want := []wire.Entry{{"a b/", -1, ""}, {"a b/f", 0, "e"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestDepotRequestsAreSigned(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sum := md5.Sum(append(body, "salt"...))
		if err != nil || r.URL.Query().Get("checksum") != hex.EncodeToString(sum[:]) || !strings.Contains(string(body), "<username>u</username>") {
			_, _ = io.WriteString(w, "<teamdrive><exception/></teamdrive>")
			return
		}
		_, _ = io.WriteString(w, "<teamdrive><depotdata><depot><discused>5</discused></depot><depot><discused>7</discused></depot></depotdata></teamdrive>")
	})
	if used, err := c.DepotUsed(t.Context(), "salt"); used != 12 || err != nil {
		t.Errorf("%d, %v", used, err)
	}
	if _, err := c.DepotUsed(t.Context(), "wrong"); err == nil {
		t.Error("a fault reads as no bytes")
	}
}

func TestNoAnswerIsUnknown(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	if a := c.Do(context.Background(), wire.Request{Door: wire.Swift, Method: "DELETE", Container: "k"}); a.Outcome() != wire.Unknown || a.Err == nil {
		t.Errorf("%+v", a)
	}
}
