package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The limits of a document. The size of a body is limited by whoever reads it.
const (
	maxDepthTD  = 16
	maxDepthSTD = 32
	maxElements = 5000
	maxText     = 16384 // bytes of one text
	maxName     = 64    // characters of an element's name, prefix included
	maxEntries  = 1000  // of an array, and of a list in one text
)

const whiteSpace = " \t\r\n"

// An element of a document. Attributes mean nothing here.
type element struct {
	name     string // local name
	text     string // all text directly in it, CDATA included
	children []*element
}

// parse reads a whole document and returns its root. It takes only what the
// API needs of XML 1.0: no declarations but the XML declaration, UTF-8,
// nothing outside the root but comments and instructions.
func parse(body []byte, depth int) (*element, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	if err := checkDeclaration(body); err != nil {
		return nil, err
	}
	if !validText(body) {
		return nil, notXML(NotWellFormed)
	}
	p := &treeParser{body: body, maxDepth: depth}
	if err := p.run(); err != nil {
		return nil, err
	}
	if p.root == nil {
		return nil, notXML(OutsideRoot)
	}
	return p.root, nil
}

var (
	declaration = regexp.MustCompile(`^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*["']([^"'<>]*)["']` +
		`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["']([^"'<>]*)["'])?` +
		`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*["'](?:yes|no)["'])?[ \t\r\n]*\?>`)
	declared = regexp.MustCompile(`^<\?xml[ \t\r\n?]`)
)

// checkDeclaration judges the XML declaration before a byte of the rest is
// decoded: another encoding explains bytes that are no UTF-8.
func checkDeclaration(body []byte) error {
	if !declared.Match(body) {
		return nil
	}
	m := declaration.FindSubmatch(body)
	switch {
	case m == nil:
		return notXML(NotWellFormed)
	case string(m[1]) != "1.0", m[2] != nil && !strings.EqualFold(string(m[2]), "utf-8"):
		return notXML(WrongEncoding)
	}
	return nil
}

// validText tells whether body is UTF-8 of characters that XML 1.0 allows.
func validText(body []byte) bool {
	for i := 0; i < len(body); {
		r, n := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && n <= 1 || !allowed(r) {
			return false
		}
		i += n
	}
	return true
}

// allowed is the production Char of XML 1.0.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
}

// treeParser builds the tree out of encoding/xml's tokens and refuses what
// that package lets pass.
type treeParser struct {
	body     []byte
	maxDepth int

	root     *element
	open     []*element
	texts    []*strings.Builder // of the open elements
	running  int                // bytes of the text that is going on
	elements int
}

func (p *treeParser) run() error {
	d := xml.NewDecoder(bytes.NewReader(p.body))
	for {
		start := d.InputOffset()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return notXML(NotWellFormed)
		}
		if err := p.take(token, p.body[start:d.InputOffset()], start == 0); err != nil {
			return err
		}
	}
}

// take handles one token; raw is how it stands in the body.
func (p *treeParser) take(token xml.Token, raw []byte, first bool) error {
	switch t := token.(type) {
	case xml.Directive:
		return notXML(HasDirective)
	case xml.ProcInst:
		if strings.EqualFold(t.Target, "xml") && (!first || t.Target != "xml") {
			return notXML(NotWellFormed)
		}
	case xml.CharData:
		return p.characters(t, raw)
	case xml.StartElement:
		return p.begin(t)
	case xml.EndElement:
		p.end()
	}
	return nil
}

func (p *treeParser) characters(text, raw []byte) error {
	if len(p.open) == 0 {
		if len(bytes.Trim(raw, whiteSpace)) > 0 { // CDATA and references too
			return notXML(OutsideRoot)
		}
		return nil
	}
	if p.running += len(text); p.running > maxText {
		return notXML(LimitsExceeded)
	}
	p.texts[len(p.texts)-1].Write(text)
	return nil
}

func (p *treeParser) begin(t xml.StartElement) error {
	if len(p.open) == 0 && p.root != nil {
		return notXML(OutsideRoot)
	}
	p.elements++
	p.running = 0
	name := utf8.RuneCountInString(t.Name.Local)
	if p.elements > maxElements || len(p.open) >= p.maxDepth || name > maxName {
		return notXML(LimitsExceeded)
	}
	seen := make(map[xml.Name]bool, len(t.Attr))
	for _, a := range t.Attr {
		if seen[a.Name] {
			return notXML(NotWellFormed)
		}
		seen[a.Name] = true
	}
	e := &element{name: t.Name.Local}
	if len(p.open) == 0 {
		p.root = e
	} else {
		parent := p.open[len(p.open)-1]
		parent.children = append(parent.children, e)
	}
	p.open = append(p.open, e)
	p.texts = append(p.texts, &strings.Builder{})
	return nil
}

func (p *treeParser) end() {
	last := len(p.open) - 1
	p.open[last].text = p.texts[last].String()
	p.open, p.texts = p.open[:last], p.texts[:last]
	p.running = 0
}

// blank tells whether an element has no text of its own but white space.
func (e *element) blank() bool { return strings.Trim(e.text, whiteSpace) == "" }
