package swift

import (
	"slices"
	"strconv"
	"strings"

	"entrepot/protocols/internal/httpkit"
)

// A report is the body that answers an operation on many objects: bulk
// deletion, archive extraction, the parts of a large object. It has named
// fields and a list of what failed.
type report struct {
	// root is the XML element that holds everything, such as "delete".
	root string
	// fields stand in this order in JSON; the other formats sort them by name.
	fields []reportField
	errors []reportError
}

// A reportField is one named value.
type reportField struct {
	name   string
	text   string
	number int
	count  bool // number is the value, else text
}

// A reportError is one name, percent-encoded, and the status of what was tried
// with it, such as "409 Conflict".
type reportError struct{ name, status string }

// text and count add a field.
func (p *report) text(name, value string) {
	p.fields = append(p.fields, reportField{name: name, text: value})
}

func (p *report) count(name string, n int) {
	p.fields = append(p.fields, reportField{name: name, number: n, count: true})
}

// fail adds a failed name.
func (p *report) fail(name, status string) {
	p.errors = append(p.errors, reportError{name, status})
}

// reportTypes are the media types of reports, the usual one first.
var reportTypes = [...]string{"text/plain", "application/json", "application/xml", "text/xml"}

// reportTypeOf chooses the media type of a report by the Accept header. An
// unreadable header and one that accepts nothing that is served: false, with
// plain text as the type to say so in.
func reportTypeOf(accept []string) (mediaType string, ok bool) {
	if len(accept) == 0 {
		return reportTypes[0], true
	}
	mediaType, err := httpkit.Negotiate(strings.Join(accept, ","), reportTypes[:]...)
	if err != nil {
		return reportTypes[0], false
	}
	return mediaType, true
}

// append encodes the report as a media type of reportTypes.
func (p *report) append(b []byte, mediaType string) []byte {
	switch mediaType {
	case "application/json":
		return p.appendJSON(b)
	case "application/xml", "text/xml":
		return p.appendXML(b)
	}
	return p.appendText(b)
}

func (p *report) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for _, f := range p.fields {
		b = append(appendJSON(b, f.name), ": "...)
		if f.count {
			b = strconv.AppendInt(b, int64(f.number), 10)
		} else {
			b = appendJSON(b, f.text)
		}
		b = append(b, ", "...)
	}
	b = append(b, `"Errors": [`...)
	for i, e := range p.errors {
		b = appendJSON(append(comma(b, i), '['), e.name)
		b = append(appendJSON(append(b, ", "...), e.status), ']')
	}
	return append(b, "]}"...)
}

// sorted are the fields by name.
func (p *report) sorted() []reportField {
	return slices.SortedFunc(slices.Values(p.fields), func(a, b reportField) int { return strings.Compare(a.name, b.name) })
}

// value is a field's value as text.
func (f *reportField) value() string {
	if f.count {
		return strconv.Itoa(f.number)
	}
	return f.text
}

func (p *report) appendText(b []byte) []byte {
	for _, f := range p.sorted() {
		b = append(append(append(append(b, f.name...), ": "...), f.value()...), '\n')
	}
	b = append(b, "Errors:\n"...)
	for _, e := range p.errors {
		b = append(append(append(append(b, e.name...), ", "...), e.status...), '\n')
	}
	return b
}

func (p *report) appendXML(b []byte) []byte {
	b = append(append(append(b, '<'), p.root...), ">\n"...)
	for _, f := range p.sorted() {
		name := strings.ToLower(strings.ReplaceAll(f.name, " ", "_"))
		b = append(append(append(b, '<'), name...), '>')
		b = appendXML(b, f.value(), false)
		b = append(append(append(b, "</"...), name...), ">\n"...)
	}
	b = append(b, "<errors>\n"...)
	for _, e := range p.errors {
		b = appendXML(append(b, "<object><name>"...), e.name, false)
		b = appendXML(append(b, "</name><status>"...), e.status, false)
		b = append(b, "</status></object>\n"...)
	}
	return append(append(append(b, "</errors>\n</"...), p.root...), ">\n"...)
}
