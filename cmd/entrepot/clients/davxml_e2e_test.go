//go:build e2e

package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// strictly parses a multistatus answer by another program's parser, and prints
// for each response its path and its properties as {namespace}name=text.
const strictly = `
import sys, xml.etree.ElementTree as E
for r in E.parse(sys.argv[1]).getroot().findall('{DAV:}response'):
    ok = [s for s in r.findall('{DAV:}propstat') if ' 200 ' in s.find('{DAV:}status').text]
    print(r.find('{DAV:}href').text, *[p.tag + '=' + ''.join(p.itertext()) for s in ok for p in s.find('{DAV:}prop')], sep='|')
`

// Parsers of others read our answers, whatever names and properties there are:
// libxml2 through xmllint, and expat through Python.
func TestE2EOthersParseTheAnswers(t *testing.T) {
	t.Parallel()
	need(t, "xmllint", "libxml2-utils")
	need(t, "python3", "python3")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	for _, name := range []string{"plain.txt", "a%26b%3Cc%3E%22d'", "%F0%9F%98%80", "sp%20ace%23%25%C3%BC"} {
		s.expect(201, admin, "PUT", "/dav/box/"+name, "x", `Content-Type: text/plain; title="<&>"`)
	}
	s.expect(207, admin, "PROPPATCH", "/dav/box/plain.txt", `<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop>`+
		`<x:p xml:lang="de"><y xmlns="urn:y" a="1&amp;2">1 &lt; 2 &#65536;</y></x:p><none xmlns="">v</none></D:prop></D:set></D:propertyupdate>`)
	s.expect(200, admin, "LOCK", "/dav/box/plain.txt", `<D:lockinfo xmlns:D="DAV:" xmlns:q="DAV:"><D:lockscope><D:exclusive/></D:lockscope>`+
		`<D:locktype><D:write/></D:locktype><D:owner><q:href>mailto:a&amp;b</q:href></D:owner></D:lockinfo>`)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "strictly.py"), []byte(strictly), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"all":   "",
		"names": `<propfind xmlns="DAV:"><propname/></propfind>`,
		"named": `<propfind xmlns="DAV:" xmlns:x="urn:x"><prop><getetag/><x:p/><x:absent/><lockdiscovery/><none xmlns=""/></prop></propfind>`,
	} {
		file := filepath.Join(dir, name+".xml")
		got := s.expect(207, admin, "PROPFIND", "/dav/box/", body, "Depth: 1")
		if err := os.WriteFile(file, []byte(got.body), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, errs, code := (command{args: []string{"xmllint", "--noout", "--nonet", file}}).run(t); code != 0 || out+errs != "" {
			t.Errorf("%s: xmllint: %d\n%s%s", name, code, out, errs)
		}
		out, errs, code := (command{args: []string{"python3", filepath.Join(dir, "strictly.py"), file}}).run(t)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if code != 0 || len(lines) != 5 || !strings.HasPrefix(lines[0], "/dav/box/|") {
			t.Fatalf("%s: %d\n%s%s", name, code, out, errs)
		}
		if name == "names" {
			continue
		}
		for _, want := range []string{"{urn:x}p=1 < 2 \U00010000", "none=v", "mailto:a&b"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s lacks %q:\n%s", name, want, out)
			}
		}
	}
}
