package dav_test

import (
	"encoding/xml"
	"io"
	"strings"
)

// Traps of locks.
func lockTraps() []trap {
	return []trap{
		{"11 a locked member keeps its folder", func(s *side) string {
			s.given("MKCOL d", "PUT d/f 1")
			s.lock("d/f", "user", "tester3")
			return first(s.do("DELETE", pathOf("d"), "").wants(423), s.holds("d/f", "1"))
		}},
		{"11 a locked folder takes no new member", func(s *side) string {
			s.given("MKCOL d")
			token := s.lock("d", "Depth", "0")
			return first(s.do("PUT", pathOf("d/new"), "x").wants(423), s.do("PUT", pathOf("d/new"), "x", "If", "<"+pathOf("d")+"> (<"+token+">)").wants(201))
		}},
		{"14 a lock goes with its file", func(s *side) string {
			s.given("PUT a x")
			token := s.lock("a")
			return first(s.do("DELETE", pathOf("a"), "", "If", "(<"+token+">)").wants(204), s.do("PUT", pathOf("a"), "y").wants(201))
		}},
		{"14 a lock does not move", func(s *side) string {
			s.given("PUT a x")
			token := s.lock("a")
			a := s.do("MOVE", pathOf("a"), "", "Destination", pathOf("b"), "If", "(<"+token+">)")
			return first(a.wants(201), s.do("PUT", pathOf("a"), "y").wants(201), s.do("PUT", pathOf("b"), "y").wants(204))
		}},
		{"15 tokens are URIs that nobody guesses", func(s *side) string {
			s.given("PUT a x", "PUT b x")
			one, two := s.lock("a"), s.lock("b")
			if len(one) < 40 || !strings.HasPrefix(one, "opaquelocktoken:") || one[:30] == two[:30] {
				return one + " and " + two
			}
			return ""
		}},
		{"16 a lock ends at its own address, by its owner", func(s *side) string {
			s.given("PUT a x", "PUT b x")
			token := "<" + s.lock("a") + ">"
			return first(s.do("UNLOCK", pathOf("b"), "", "Lock-Token", token).wants(409),
				s.do("UNLOCK", "/dav/@test/c/a", "", "Lock-Token", token, "user", "tester3").wants(403),
				s.do("UNLOCK", pathOf("a"), "", "Lock-Token", token).wants(204))
		}},
		{"17 an endless timeout is a long one", func(s *side) string {
			s.given("PUT a x")
			a := s.do("LOCK", pathOf("a"), lockBody, "Timeout", "Infinite")
			if strings.Contains(a.body, "Second-0<") {
				return a.body
			}
			return a.lacks("timeout>Second-")
		}},
		{"18 the answer shows what was granted", func(s *side) string {
			s.given("PUT sp%20ace x")
			a := s.do("LOCK", pathOf("sp%20ace"), lockBody, "Timeout", "Second-4100000000")
			return first(a.wants(200), a.lacks("<D:timeout>Second-86400</D:timeout>", "<D:lockroot><D:href>/dav/c/sp%20ace</D:href></D:lockroot>"))
		}},
		{"18 the owner keeps its namespaces", func(s *side) string {
			s.given("PUT a x")
			a := s.do("LOCK", pathOf("a"), `<q:lockinfo xmlns:q="DAV:" xmlns:z="urn:z"><q:lockscope><q:exclusive/></q:lockscope><q:locktype><q:write/></q:locktype><q:owner><z:name>me</z:name></q:owner></q:lockinfo>`)
			return first(a.wants(200), undeclared(a.body))
		}},
		{"19 unknown timeouts and shared locks are served", func(s *side) string {
			s.given("PUT a x", "PUT b x")
			shared := strings.Replace(lockBody, "exclusive", "shared", 1)
			return first(s.do("LOCK", pathOf("a"), lockBody, "Timeout", "Extended-9").wants(200),
				s.do("LOCK", pathOf("b"), shared).wants(200), s.do("LOCK", pathOf("b"), shared).wants(200), s.do("LOCK", pathOf("b"), lockBody).wants(423))
		}},
		{"19 a lock below nothing is 409", func(s *side) string {
			return s.do("LOCK", pathOf("no/new"), lockBody).wants(409)
		}},
		{"20 a lock is refreshed while it is used", func(s *side) string {
			s.given("PUT a x")
			token := "(<" + s.lock("a") + ">)"
			r, w := io.Pipe()
			done := make(chan answer)
			go func() { done <- s.send("PUT", pathOf("a"), r, "Content-Length", "-1", "If", token) }()
			if _, err := io.WriteString(w, "half"); err != nil {
				s.t.Error(err)
			}
			wrong := s.do("LOCK", pathOf("a"), "", "If", token).wants(200)
			if err := w.Close(); err != nil {
				s.t.Error(err)
			}
			return first(wrong, (<-done).wants(204))
		}},
	}
}

// undeclared complains of XML whose prefixes are not all declared.
func undeclared(text string) string {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		tok, err := d.Token()
		if err == io.EOF { //nolint:errorlint // io.EOF comes bare from Token
			return ""
		}
		if err != nil {
			return err.Error() + ": " + text
		}
		if start, ok := tok.(xml.StartElement); ok && start.Name.Space != "" && !strings.Contains(start.Name.Space, ":") {
			return "the prefix " + start.Name.Space + " is not declared: " + text
		}
	}
}

// Traps of the If header.
func ifTraps() []trap {
	return []trap{
		{"12 a tag does not stand for the resource", func(s *side) string {
			s.given("PUT a old", "PUT b x")
			s.lock("a", "user", "tester3")
			token := s.lock("b")
			return first(s.do("PUT", pathOf("a"), "new", "If", "<http://example.com"+pathOf("b")+"> (<"+token+">)").wants(423), s.holds("a", "old"))
		}},
		{"12b a tag may be a path", func(s *side) string {
			s.given("PUT a old")
			token := s.lock("a")
			return s.do("PUT", pathOf("a"), "new", "If", "<"+pathOf("a")+">(<"+token+">)").wants(204)
		}},
		{"13 entity tags and Not count", func(s *side) string {
			s.given("PUT a old")
			token := s.lock("a")
			return first(s.do("PUT", pathOf("a"), "new", "If", `(<`+token+`> ["wrong"])`).wants(412),
				s.do("PUT", pathOf("a"), "new", "If", `(<`+token+`> ["wrong"]) (Not <DAV:no-lock> ["wrong"])`).wants(412), s.holds("a", "old"))
		}},
		{"13 a corrupt token is not held", func(s *side) string {
			s.given("PUT a old")
			token := s.lock("a")
			return first(s.do("PUT", pathOf("a"), "new", "If", `(<`+token+`x>) (Not <DAV:no-lock>)`).wants(423), s.holds("a", "old"))
		}},
	}
}

// Traps of properties.
func propertyTraps() []trap {
	return []trap{
		{"21 what clients ask for is there", func(s *side) string {
			s.given("PUT a x")
			s.lock("a")
			return first(
				s.do("PROPFIND", pathOf("a"), findProp("<D:lockdiscovery/><D:creationdate/>"), "Depth", "0").lacks("activelock", "Z</D:creationdate>"),
				s.do("PROPFIND", pathOf(""), findProp("<D:quota-available-bytes/><D:quota-used-bytes/>"), "Depth", "0").lacks("bytes>1<"))
		}},
		{"21 the root has a name", func(s *side) string {
			a := s.do("PROPFIND", "/dav/", findProp("<D:displayname/>"), "Depth", "0")
			if strings.Contains(a.body, "<D:displayname></") {
				return a.body
			}
			return a.lacks("<D:displayname>")
		}},
		{"23 Depth has any letter case", func(s *side) string {
			return s.do("PROPFIND", pathOf(""), "", "Depth", "Infinity").wants(207)
		}},
		{"23 an empty prop is answered", func(s *side) string {
			return s.do("PROPFIND", pathOf(""), findProp(""), "Depth", "0").wants(207)
		}},
		{"23 white space in a property's element is nothing", func(s *side) string {
			return s.do("PROPFIND", pathOf(""), findProp("<D:displayname>\n </D:displayname>"), "Depth", "0").wants(207)
		}},
		{"23 a prefix is not bound to nothing", func(s *side) string {
			return s.do("PROPFIND", pathOf(""), findProp(`<x:p xmlns:x=""/>`), "Depth", "0").wants(400)
		}},
		{"24 a value holds an element of its own name", func(s *side) string {
			s.given("PUT a x")
			a := s.do("PROPPATCH", pathOf("a"), patchProp(`<x:p xmlns:x="urn:x">1<x:p>2</x:p>3</x:p>`))
			return first(a.wants(207), a.lacks("200 OK"),
				s.do("PROPFIND", pathOf("a"), findProp(`<p xmlns="urn:x"/>`), "Depth", "0").lacks(">2</"))
		}},
	}
}
