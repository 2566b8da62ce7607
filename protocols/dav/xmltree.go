package dav

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"entrepot/gateway/errs"
)

// Namespaces with a meaning of their own.
const (
	nsDAV   = "DAV:"
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"
)

// Limits of a request's XML besides its length in bytes.
const (
	maxXMLDepth    = 64     // nested elements
	maxXMLElements = 20_000 // in one document
	maxXMLAttrs    = 64     // of one element, namespace declarations included
)

// An element is one element of a parsed request body.
type element struct {
	space, local string // expanded name
	prefix       string // as the client wrote it
	attrs        []attr // without namespace declarations
	decls        []decl // namespace declarations of this element
	scope        *scope // what is bound here
	lang         string // xml:lang in scope
	children     []node
}

// An attr is an attribute with its expanded name.
type attr struct {
	space, local, prefix string
	value                string
}

// A decl binds a prefix ("" for the default namespace).
type decl struct{ prefix, space string }

// A node is an element, or markup that is already serialised: text, a
// comment or a processing instruction.
type node struct {
	elem *element
	raw  []byte
	text bool // raw is character data
}

// A scope is a chain of namespace declarations, innermost first.
type scope struct {
	outer *scope
	decls []decl
}

// lookup returns what prefix is bound to.
func (s *scope) lookup(prefix string) (string, bool) {
	if prefix == "xml" {
		return nsXML, true
	}
	for ; s != nil; s = s.outer {
		for _, d := range s.decls {
			if d.prefix == prefix {
				return d.space, true
			}
		}
	}
	return "", prefix == ""
}

// is tells whether e is the element {DAV:}local.
func (e *element) is(local string) bool { return e.space == nsDAV && e.local == local }

// elements yields the child elements.
func (e *element) elements(yield func(*element) bool) {
	for _, n := range e.children {
		if n.elem != nil && !yield(n.elem) {
			return
		}
	}
}

// child returns the first {DAV:}local below e, or nil.
func (e *element) child(local string) *element {
	for c := range e.elements {
		if c.is(local) {
			return c
		}
	}
	return nil
}

// badXML is a failure of the body's form.
func badXML(text string, cause error) error {
	return &errs.Error{Op: "dav.xml", Kind: errs.Invalid, Text: text, Err: cause}
}

// parseXML parses one document: UTF-8, or UTF-16 with a byte order mark, well
// formed and correct as to namespaces. There is no DTD: a DOCTYPE is refused,
// so nothing is expanded and nothing is fetched. It returns nil for an empty
// body.
func parseXML(body []byte) (*element, error) {
	text, utf16In, err := toUTF8(body)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimLeft(text, " \t\r\n")) == 0 {
		return nil, nil
	}
	p := xmlParser{dec: xml.NewDecoder(bytes.NewReader(text))}
	p.dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if utf16In && strings.EqualFold(label, "utf-16") {
			return in, nil
		}
		return nil, errors.New("the declared encoding is neither UTF-8 nor UTF-16 with a byte order mark")
	}
	return p.document()
}

// toUTF8 removes a byte order mark and turns UTF-16 into UTF-8.
func toUTF8(body []byte) (text []byte, utf16In bool, err error) {
	var big bool
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return body[3:], false, nil
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		big = true
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
	default:
		return body, false, nil
	}
	body = body[2:]
	if len(body)%2 != 0 {
		return nil, true, badXML("the UTF-16 body ends within a character", nil)
	}
	text = make([]byte, 0, len(body))
	for i := 0; i < len(body); i += 2 {
		r := utf16Unit(body[i:], big)
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if i+4 <= len(body) {
				low = utf16Unit(body[i+2:], big)
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return nil, true, badXML("the UTF-16 body holds half a character", nil)
			}
			i += 2
		}
		text = utf8.AppendRune(text, r)
	}
	return text, true, nil
}

func utf16Unit(b []byte, big bool) rune {
	if big {
		return rune(b[0])<<8 | rune(b[1])
	}
	return rune(b[1])<<8 | rune(b[0])
}

// xmlParser builds the tree from raw tokens; encoding/xml's own namespace
// translation accepts undeclared prefixes and empty bindings.
type xmlParser struct {
	dec      *xml.Decoder
	root     *element
	open     []*element
	elements int
}

func (p *xmlParser) document() (*element, error) {
	for first := true; ; first = false {
		tok, err := p.dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, badXML("the XML is not well-formed", err)
		}
		if err := p.token(tok, first); err != nil {
			return nil, err
		}
	}
	if len(p.open) > 0 || p.root == nil {
		return nil, badXML("the XML ends early", nil)
	}
	return p.root, nil
}

func (p *xmlParser) token(tok xml.Token, first bool) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		return p.end(t)
	case xml.CharData:
		if len(p.open) == 0 {
			if len(bytes.TrimLeft(t, " \t\r\n")) > 0 {
				return badXML("the XML has text outside its root element", nil)
			}
			return nil
		}
		p.add(node{raw: appendText(nil, string(t)), text: true})
	case xml.Comment:
		p.add(node{raw: append(append([]byte("<!--"), t...), "-->"...)})
	case xml.ProcInst:
		return p.procInst(t, first)
	case xml.Directive:
		return badXML("a document type declaration is not accepted", nil)
	}
	return nil
}

// procInst keeps processing instructions inside the root and checks that an
// XML declaration comes first.
func (p *xmlParser) procInst(t xml.ProcInst, first bool) error {
	if strings.EqualFold(t.Target, "xml") {
		if !first || t.Target != "xml" {
			return badXML("an XML declaration stands in the wrong place", nil)
		}
		return nil
	}
	if strings.Contains(t.Target, ":") {
		return badXML("a processing instruction has a colon in its name", nil)
	}
	raw := append([]byte("<?"), t.Target...)
	if len(t.Inst) > 0 {
		raw = append(append(raw, ' '), t.Inst...)
	}
	p.add(node{raw: append(raw, "?>"...)})
	return nil
}

// add hangs n below the innermost open element; outside the root it is
// dropped.
func (p *xmlParser) add(n node) {
	if len(p.open) == 0 {
		return
	}
	top := p.open[len(p.open)-1]
	top.children = append(top.children, n)
}

func (p *xmlParser) start(t xml.StartElement) error {
	p.elements++
	switch {
	case len(p.open) == 0 && p.root != nil:
		return badXML("the XML has more than one root element", nil)
	case len(p.open) >= maxXMLDepth:
		return badXML("the XML is nested too deeply", nil)
	case p.elements > maxXMLElements:
		return badXML("the XML has too many elements", nil)
	case len(t.Attr) > maxXMLAttrs:
		return badXML("an XML element has too many attributes", nil)
	}
	e := &element{prefix: t.Name.Space, local: t.Name.Local}
	if len(p.open) > 0 {
		e.scope, e.lang = p.open[len(p.open)-1].scope, p.open[len(p.open)-1].lang
	}
	if err := e.declare(t.Attr); err != nil {
		return err
	}
	if err := e.resolve(t.Attr); err != nil {
		return err
	}
	p.add(node{elem: e})
	if p.root == nil {
		p.root = e
	}
	p.open = append(p.open, e)
	return nil
}

// declare takes the namespace declarations out of an element's attributes.
func (e *element) declare(attrs []xml.Attr) error {
	for _, a := range attrs {
		var d decl
		switch {
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			d = decl{"", a.Value}
		case a.Name.Space == "xmlns":
			d = decl{a.Name.Local, a.Value}
		default:
			continue
		}
		if err := d.check(); err != nil {
			return err
		}
		for _, other := range e.decls {
			if other.prefix == d.prefix {
				return badXML("an XML namespace prefix is declared twice on one element", nil)
			}
		}
		e.decls = append(e.decls, d)
	}
	if len(e.decls) > 0 {
		e.scope = &scope{outer: e.scope, decls: e.decls}
	}
	return nil
}

// check applies the constraints of Namespaces in XML 1.0, section 3.
func (d decl) check() error {
	switch {
	case d.prefix != "" && d.space == "":
		return badXML("an XML namespace prefix is bound to nothing", nil)
	case strings.Contains(d.prefix, ":"):
		return badXML("an XML name has more than one colon", nil)
	case d.prefix == "xmlns" || d.space == nsXMLNS:
		return badXML("the XML prefix xmlns cannot be declared", nil)
	case (d.prefix == "xml") != (d.space == nsXML):
		return badXML("the XML prefix xml cannot be bound otherwise", nil)
	}
	return nil
}

// resolve expands the names of e and of its attributes.
func (e *element) resolve(attrs []xml.Attr) error {
	var err error
	if e.space, err = e.scope.expand(e.prefix, e.local); err != nil {
		return err
	}
	for _, a := range attrs {
		if a.Name.Space == "xmlns" || (a.Name.Space == "" && a.Name.Local == "xmlns") {
			continue
		}
		x := attr{local: a.Name.Local, prefix: a.Name.Space, value: a.Value}
		if x.prefix != "" || strings.Contains(x.local, ":") { // without a prefix: in no namespace
			if x.space, err = e.scope.expand(x.prefix, x.local); err != nil {
				return err
			}
		}
		for _, other := range e.attrs {
			if other.space == x.space && other.local == x.local {
				return badXML("an XML attribute occurs twice", nil)
			}
		}
		if x.space == nsXML && x.local == "lang" {
			e.lang = x.value
		}
		e.attrs = append(e.attrs, x)
	}
	return nil
}

// expand returns the namespace of a name.
func (s *scope) expand(prefix, local string) (string, error) {
	if strings.Contains(local, ":") || prefix == "xmlns" {
		return "", badXML("an XML name is not a qualified name", nil)
	}
	space, ok := s.lookup(prefix)
	if !ok {
		return "", badXML("an XML namespace prefix is not declared", nil)
	}
	return space, nil
}

func (p *xmlParser) end(t xml.EndElement) error {
	if len(p.open) == 0 {
		return badXML("the XML closes an element that is not open", nil)
	}
	top := p.open[len(p.open)-1]
	if top.prefix != t.Name.Space || top.local != t.Name.Local {
		return badXML("the XML closes its elements in the wrong order", nil)
	}
	p.open = p.open[:len(p.open)-1]
	return nil
}
