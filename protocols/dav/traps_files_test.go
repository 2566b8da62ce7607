package dav_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"golang.org/x/net/webdav"
)

// Traps of uploads.
func uploadTraps() []trap {
	return []trap{
		{"1 a broken upload keeps the old file", func(s *side) string {
			s.given("PUT a old")
			s.send("PUT", pathOf("a"), broken{strings.NewReader("ne")}, "Content-Length", "1000")
			return s.holds("a", "old")
		}},
		{"2 a replaced file is 204, a folder in the way 405", func(s *side) string {
			s.given("PUT a x", "MKCOL d")
			return first(s.do("PUT", pathOf("a"), "y").wants(204), s.do("PUT", pathOf("d"), "y").wants(405), s.do("PUT", pathOf("d/"), "y").wants(405))
		}},
		{"3 conditions bind a PUT", func(s *side) string {
			s.given("PUT a x")
			return first(s.do("PUT", pathOf("a"), "y", "If-None-Match", "*").wants(412),
				s.do("PUT", pathOf("a"), "y", "If-Match", `"bogus"`).wants(412),
				s.do("PUT", pathOf("n"), "y", "If-Match", "*").wants(412), s.holds("a", "x"))
		}},
		{"3 conditions bind a DELETE", func(s *side) string {
			s.given("PUT a x")
			return first(s.do("DELETE", pathOf("a"), "", "If-Match", `"bogus"`).wants(412), s.holds("a", "x"))
		}},
		{"4 a part does not replace the whole", func(s *side) string {
			s.given("PUT a AAAA")
			return first(s.do("PUT", pathOf("a"), "BB", "Content-Range", "bytes 2-3/4").wants(400), s.holds("a", "AAAA"))
		}},
		{"5 readers see the old file during a PUT", func(s *side) string {
			s.given("PUT a old")
			r, w := io.Pipe()
			done := make(chan answer)
			go func() { done <- s.send("PUT", pathOf("a"), r, "Content-Length", "-1") }()
			if _, err := io.WriteString(w, "half"); err != nil {
				s.t.Error(err)
			}
			wrong := s.holds("a", "old")
			if err := w.Close(); err != nil {
				s.t.Error(err)
			}
			return first(wrong, (<-done).wants(201, 204), s.holds("a", "half"))
		}},
		{"20 uploads of one name run side by side", func(s *side) string {
			r, w := io.Pipe()
			done := make(chan answer)
			go func() { done <- s.send("PUT", pathOf("a"), r, "Content-Length", "-1") }()
			if _, err := io.WriteString(w, "half"); err != nil {
				s.t.Error(err)
			}
			wrong := s.do("PUT", pathOf("a"), "quick").wants(201, 204)
			if err := w.Close(); err != nil {
				s.t.Error(err)
			}
			return first(wrong, (<-done).wants(201, 204))
		}},
	}
}

// Traps of COPY, MOVE, DELETE and MKCOL.
func treeTraps() []trap {
	to := func(s *side, method, from, dst string, headers ...string) answer {
		return s.do(method, pathOf(from), "", append([]string{"Destination", pathOf(dst)}, headers...)...)
	}
	return []trap{
		{"6 without Overwrite a MOVE replaces", func(s *side) string {
			s.given("PUT a 1", "PUT b 2")
			return first(to(s, "MOVE", "a", "b").wants(204), s.holds("b", "1"))
		}},
		{"7 a missing source costs no destination", func(s *side) string {
			s.given("PUT b 2")
			return first(to(s, "MOVE", "none", "b", "Overwrite", "T").wants(404), s.holds("b", "2"))
		}},
		{"8 a member does not replace its folder", func(s *side) string {
			s.given("MKCOL d", "PUT d/f 1", "PUT d/g 2")
			return first(to(s, "MOVE", "d/f", "d", "Overwrite", "T").wants(403), s.holds("d/f", "1"), s.holds("d/g", "2"))
		}},
		{"8 a folder is not copied into itself", func(s *side) string {
			s.given("MKCOL d", "PUT d/f 1")
			return first(to(s, "COPY", "d", "d/sub").wants(403), s.do("PROPFIND", pathOf("d/sub"), "", "Depth", "0").wants(404))
		}},
		{"9 a missing parent is 409", func(s *side) string {
			s.given("PUT a 1")
			return first(to(s, "MOVE", "a", "no/x").wants(409), s.holds("a", "1"))
		}},
		{"10 a folder's properties are copied", func(s *side) string {
			s.given("MKCOL d", "PUT d/f 1", `PROPPATCH d `+patchProp(`<p xmlns="urn:x">v</p>`))
			return first(to(s, "COPY", "d", "e").wants(201), s.do("PROPFIND", pathOf("e"), findProp(`<p xmlns="urn:x"/>`), "Depth", "0").lacks(">v<"))
		}},
		{"10 a refused COPY leaves no half", func(s *side) string {
			s.given("MKCOL d", "PUT d/f 1", "MKCOL e", "PUT e/g 2")
			return first(to(s, "COPY", "d", "no/e").wants(409), to(s, "COPY", "d", "e", "Overwrite", "F").wants(412), s.holds("e/g", "2"))
		}},
		{"26 a chunked body of MKCOL is seen", func(s *side) string {
			a := s.send("MKCOL", pathOf("d"), strings.NewReader("body"), "Content-Length", "-1")
			return first(a.wants(415), s.do("PROPFIND", pathOf("d"), "", "Depth", "0").wants(404))
		}},
		{"26 a file is no parent", func(s *side) string {
			s.given("PUT a 1")
			return s.do("MKCOL", pathOf("a/d"), "").wants(409)
		}},
		{"28 a proxy's scheme and port are ours", func(s *side) string {
			s.given("PUT a 1")
			return first(
				s.do("MOVE", pathOf("a"), "", "Destination", "https://example.com:443/dav/c/b").wants(201),
				s.do("MOVE", pathOf("b"), "", "Destination", "webdavs://EXAMPLE.com/dav/c/a").wants(201))
		}},
	}
}

// Traps of the rest of a request.
func requestTraps() []trap {
	return []trap{
		{"22 an infinite listing is limited", func(s *side) string {
			for i := range 30 {
				s.given(fmt.Sprintf("PUT f%02d x", i))
			}
			a := s.do("PROPFIND", pathOf(""), "", "Depth", "infinity")
			return first(a.wants(403), a.lacks("propfind-finite-depth"))
		}},
		{"25 a listing that fails does not look whole", func(s *side) string {
			for i := range 1200 {
				s.given(fmt.Sprintf("PUT f%04d x", i))
			}
			return s.failsInTheMiddle()
		}},
		{"27 methods have their statuses", func(s *side) string {
			s.given("PUT a x", "MKCOL d")
			return first(s.do("FOO", pathOf("a"), "").wants(501), s.do("PATCH", pathOf("a"), "x").wants(405), s.do("REPORT", pathOf("a"), "").wants(405),
				s.do("POST", pathOf("a"), "x").wants(405), s.do("HEAD", pathOf("d/"), "").wants(200), s.do("GET", pathOf("d/"), "").wants(200))
		}},
		{"29 the prefix is a whole segment", func(s *side) string {
			return first(s.do("MKCOL", "/dav/x", "").wants(201), s.do("PROPFIND", "/davx/", "", "Depth", "0").wants(404))
		}},
		{"30 the XML of a request is limited", func(s *side) string {
			return s.do("PROPFIND", pathOf(""), findProp(strings.Repeat("<D:displayname/>", 200_000)), "Depth", "0").wants(413)
		}},
		{"31 errors are DAV errors", func(s *side) string {
			a := s.do("PROPFIND", pathOf("none"), "", "Depth", "0")
			if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/xml") {
				return "an error of type " + kind
			}
			return a.lacks("<D:error")
		}},
	}
}

// failsInTheMiddle lists c and breaks it after the first page. The connection
// must be cut, or the answer begin with the failure.
func (s *side) failsInTheMiddle() (wrong string) {
	r := httptest.NewRequest("PROPFIND", pathOf(""), nil)
	r.SetBasicAuth("tester", "testing")
	r.Header.Set("Depth", "1")
	w := &vanishing{ResponseRecorder: httptest.NewRecorder(), after: s.fail}
	if _, bare := s.handler.(*webdav.Handler); bare {
		s.fail() // which it meets in its tenth file
	}
	defer func() {
		if recover() == http.ErrAbortHandler { //nolint:errorlint // the panic's value is the error itself
			wrong = ""
		}
	}()
	s.handler.ServeHTTP(w, r)
	if w.Code == http.StatusMultiStatus {
		return fmt.Sprintf("an answer of %d bytes ended normally: …%.200s", w.Body.Len(), w.Body.String()[max(0, w.Body.Len()-200):])
	}
	return ""
}
